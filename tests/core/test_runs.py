"""A run: in one call or in steps, its stages tried again, everything recorded."""

from __future__ import annotations

import json
import sys
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from etl_core import Interval, RetryPolicy, faults, flights, history, open_warehouse, query, receipts_of
from etl_core.errors import BadParameter, BadSchema, EtlError, PermanentError, TransientError
from etl_core.history import Run
from tests.core.toy import Counted, child, land, load, out, toy

MOMENTS = {"run_id", "started_at", "finished_at", "duration_s"}


def told(run: Run) -> tuple[dict[str, object], list[dict[str, object]]]:
    """What the history says about a run, without ids and times."""
    row = {field.name: getattr(run, field.name) for field in fields(run) if field.name not in MOMENTS}
    stages = [stage.as_json() for stage in history.stages_of(run.run_id)]
    return row, [{key: value for key, value in stage.items() if key not in MOMENTS} for stage in stages]


def rows_of(day: str) -> list[tuple[object, ...]]:
    table = query("SELECT name, count FROM letters WHERE day = :day ORDER BY name", day=day)
    return list(table.itertuples(index=False, name=None))


def test_rows_are_counted_only_where_they_can_be_told(letters: Path) -> None:
    def counted(extracted: object) -> int | None:
        own = replace(toy, extract=lambda interval: extracted, transform=lambda _: toy.transform(toy.extract(day)))
        day = Interval.of("2024-01-01")
        return own.run("2024-01-01").rows_extracted

    files = {"2024-01-01": b"a,1\n"}
    found = [counted(one) for one in ([1, 2], pd.DataFrame({"rows": [1, 2, 3]}), files, b"abcd", (1, 2), "text")]
    assert found == [2, 3, None, None, None, None]


def test_in_one_call_and_in_steps_the_same_is_done_and_recorded(letters: Path) -> None:
    whole = toy.run("2024-01-01")
    steps = toy.start("2024-01-01")
    assert steps.extract() is steps.extracted
    assert steps.transform() is steps.transformed
    assert steps.load() is steps.receipts
    assert told(whole) == told(steps.record())
    assert whole.run_id != steps.run_id
    assert rows_of("2024-01-01") == [("a", 1), ("b", 2), ("day", 1)]


def test_flights_in_one_call_and_in_steps(home: Path, landing: Path) -> None:
    columns = "SELECT * FROM flights ORDER BY 1, 2, 3, 4, 5"
    whole = flights.run("2013-01-15")
    before = query(columns).drop(columns="run_id")
    steps = flights.start("2013-01-15")
    steps.extract()
    steps.transform()
    steps.load()
    assert told(whole) == told(steps.record())
    after = query(columns)
    assert after.drop(columns="run_id").equals(before) and len(before) > 600
    assert set(after.run_id) == {steps.run_id}


def test_the_record_of_a_run(letters: Path) -> None:
    began = datetime.now(UTC)
    run = toy.run("2024-01-01", "2024-01-03")
    ended = datetime.now(UTC)
    assert (run.status, run.trigger, run.attempt, str(run.interval)) == (
        "succeeded",
        "manual",
        1,
        "2024-01-01 to 2024-01-03",
    )
    assert (run.rows_extracted, run.rows_loaded, run.rows_rejected) == (12, 9, 3)
    assert (run.error, run.traceback, run.permanent, run.retry_at, run.blocked) == (None, None, None, None, False)
    assert began <= run.started_at <= run.finished_at <= ended
    assert 0 < run.duration_s <= (ended - began).total_seconds()
    stages = history.stages_of(run.run_id)
    assert [(s.stage, s.attempt, s.status, s.rows_in, s.rows_out, s.rows_rejected) for s in stages] == [
        ("extract", 1, "succeeded", None, 12, None),
        ("transform", 1, "succeeded", 12, 9, 3),
        ("load", 1, "succeeded", 9, 9, 3),
    ]
    assert sum(stage.duration_s for stage in stages) <= run.duration_s
    assert {day.isoformat(): r.run_id for day, r in receipts_of("toy").items()} == dict.fromkeys(
        ["2024-01-01", "2024-01-02", "2024-01-03"], run.run_id
    )


def test_what_json_says_of_a_run(letters: Path) -> None:
    document = json.loads(json.dumps(toy.run("2024-01-01", "2024-01-02").as_json()))
    assert (
        list(document)
        == (
            "run_id pipeline interval_start interval_end trigger attempt retry_of retry_at status started_at "
            "finished_at duration_s rows_extracted rows_loaded rows_rejected error notebook"
        ).split()
    )
    assert (document["interval_start"], document["interval_end"]) == ("2024-01-01", "2024-01-03")
    assert document["started_at"].endswith("Z") and document["finished_at"].endswith("Z")
    assert datetime.fromisoformat(document["started_at"]).tzinfo


def test_twice_changes_nothing(letters: Path) -> None:
    toy.run("2024-01-01")
    before = rows_of("2024-01-01")
    toy.run("2024-01-01")
    assert rows_of("2024-01-01") == before
    assert [run.status for run in history.newest_runs()] == ["succeeded", "succeeded"]


def test_a_transient_error_is_tried_again_in_its_stage_alone(letters: Path) -> None:
    calls: list[str] = []
    counting = replace(toy, extract=lambda interval: calls.append("extract") or toy.extract(interval))
    faults.inject("transform=offline*2")
    run = counting.run("2024-01-01")
    stages = history.stages_of(run.run_id)
    assert run.status == "succeeded"
    assert calls == ["extract"]  # its work was kept
    assert [(s.stage, s.attempt, s.status, s.error_type) for s in stages] == [
        ("extract", 1, "succeeded", None),
        ("transform", 1, "failed", "ConnectionError"),
        ("transform", 2, "failed", "ConnectionError"),
        ("transform", 3, "succeeded", None),
        ("load", 1, "succeeded", None),
    ]
    failed = stages[1]
    assert failed.error == "fault injected at transform: the network is unreachable"
    assert failed.traceback.startswith("Traceback") and "ConnectionError: fault injected" in failed.traceback
    assert (failed.rows_in, failed.rows_out) == (4, None) and failed.duration_s >= 0


def test_the_waits_between_attempts_are_kept(letters: Path) -> None:
    slow = replace(toy, stage_retry=RetryPolicy(attempts=3, base=0.1, cap=0.2))
    faults.inject("extract=offline*2")
    run = slow.run("2024-01-01")
    first, second, third = (stage.started_at for stage in history.stages_of(run.run_id) if stage.stage == "extract")
    assert (second - first).total_seconds() >= 0.05
    assert (third - second).total_seconds() >= 0.1


def test_attempts_used_up_fail_the_run(letters: Path) -> None:
    faults.inject("load=locked*9")
    with pytest.raises(Exception, match="database is locked") as caught:
        toy.run("2024-01-01")
    [run] = history.newest_runs()
    assert any(f"etl show {run.run_id[:8]}" in note for note in caught.value.__notes__)
    assert (run.status, run.permanent, run.blocked, run.rows_extracted) == ("failed", False, False, 4)
    assert run.error == "OperationalError: database is locked (fault injected at load)"
    assert "Traceback" in run.traceback and run.finished_at
    assert [s.attempt for s in history.stages_of(run.run_id) if s.stage == "load"] == [1, 2, 3]
    assert str(faults.armed()[0]) == "load=locked*6"


def test_a_permanent_error_is_not_tried_again(letters: Path) -> None:
    land("2024-01-01", "a,1\nbroken\n")
    with pytest.raises(BadSchema):
        toy.run("2024-01-01")
    [run] = history.newest_runs()
    assert (run.status, run.permanent, run.blocked) == ("failed", True, True)
    [stage] = history.stages_of(run.run_id)
    assert (stage.stage, stage.attempt, stage.error_type) == ("extract", 1, "BadSchema")
    assert receipts_of("toy") == {}


def test_a_failing_step_closes_the_run(letters: Path) -> None:
    land("2024-01-01", "broken\n")
    run = toy.start("2024-01-01")
    with pytest.raises(BadSchema):
        run.extract()
    assert run.record().status == "failed"
    with pytest.raises(EtlError, match=r"has ended; begin another with start\('2024-01-01'\)"):
        run.extract()
    assert toy.start("2024-01-02").record().status == "running"


def test_steps_out_of_order_say_which_comes_first(letters: Path) -> None:
    run = toy.start("2024-01-01")
    with pytest.raises(EtlError, match=r"call run.extract\(\) first"):
        run.transform()
    with pytest.raises(EtlError, match=r"call run.transform\(\) first"):
        run.load()
    assert run.record().status == "running"  # a slip in a cell is no failure of the run
    run.finish()
    with pytest.raises(EtlError, match="has ended"):
        run.load()
    assert run.record().status == "succeeded"


def test_an_interrupt_is_recorded_and_blocks_nothing(letters: Path) -> None:
    def interrupted(interval: Interval) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(toy, extract=interrupted).run("2024-01-01")
    [run] = history.newest_runs()
    assert (run.status, run.error, run.blocked) == ("failed", "KeyboardInterrupt", False)
    assert [stage.status for stage in history.stages_of(run.run_id)] == ["failed"]
    assert toy.run("2024-01-01").status == "succeeded"


def test_a_failed_load_leaves_what_was_there(letters: Path) -> None:
    toy.run("2024-01-01")
    before = rows_of("2024-01-01"), receipts_of("toy")
    land("2024-01-01", "z,26\n")

    def breaks_after_writing(counted: Counted, warehouse: object, run_id: str) -> None:
        faults.inject("load.before-commit=bad-schema", everywhere=False)
        load(counted, warehouse, run_id)

    with pytest.raises(BadSchema, match=r"load\.before-commit"):
        replace(toy, load=breaks_after_writing).run("2024-01-01")
    assert (rows_of("2024-01-01"), receipts_of("toy")) == before
    toy.run("2024-01-01")
    assert rows_of("2024-01-01") == [("z", 26)]


def test_a_transient_error_before_or_after_the_commit_is_tried_again(letters: Path) -> None:
    faults.inject("load.before-commit=offline,load.after-commit=offline")
    run = toy.run("2024-01-01")
    assert (run.status, run.rows_loaded) == ("succeeded", 3)
    attempts = [s.status for s in history.stages_of(run.run_id) if s.stage == "load"]
    assert attempts == ["failed", "failed", "succeeded"]
    assert rows_of("2024-01-01") == [("a", 1), ("b", 2), ("day", 1)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, BadSchema])
def test_stopped_after_its_commit_it_has_succeeded(letters: Path, error: type[BaseException]) -> None:
    def stopped(counted: Counted, warehouse: object, run_id: str) -> None:
        load(counted, warehouse, run_id)
        raise error("too late")

    with pytest.raises(error) as raised:
        replace(toy, load=stopped).run("2024-01-01")
    [run] = history.newest_runs()
    assert (run.status, run.rows_extracted, run.rows_loaded, run.rows_rejected) == ("succeeded", 4, 3, 1)
    assert (run.error, run.blocked, run.retry_at) == (None, False, None)
    assert [s.status for s in history.stages_of(run.run_id)] == ["succeeded", "succeeded", "failed"]
    assert "recorded as succeeded" in raised.value.__notes__[0]


def test_a_load_that_leaves_no_receipt_fails(letters: Path) -> None:
    with pytest.raises(PermanentError, match=r"found receipts for 0 of 2 days; call warehouse.write_receipts"):
        replace(toy, load=lambda counted, warehouse, run_id: None).run("2024-01-01", "2024-01-02")


def test_a_load_that_returns_nothing_is_counted_by_its_receipts(letters: Path) -> None:
    def silent(counted: Counted, warehouse: object, run_id: str) -> None:
        load(counted, warehouse, run_id)

    run = replace(toy, load=silent).run("2024-01-01")
    assert (run.rows_loaded, run.rows_rejected) == (3, 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("2013-02-30",), "not in the calendar"),
        (("yesterday",), "expected a day written YYYY-MM-DD"),
        (("'; DROP TABLE flights; --",), "expected a day written YYYY-MM-DD"),
        (("../../etc/passwd",), "expected a day written YYYY-MM-DD"),
        ((None,), "expected a day written YYYY-MM-DD"),
        ((20240101,), "expected a day written YYYY-MM-DD"),
        ((datetime(2024, 1, 1),), "expected a day written YYYY-MM-DD"),
        (("2024-01-01\n",), "expected a day written YYYY-MM-DD"),
        (("２０２４-01-01",), "expected a day written YYYY-MM-DD"),
        (("2024-01-02", "2024-01-01"), "until: 2024-01-01 is before day 2024-01-02"),
        (("2024-01-01", "9999-12-31"), "last day there is"),
        (("2024-06-01",), "day: 2024-06-01 has not landed"),
        (("2024-01-03", "2024-01-08"), "day: 2024-01-04, 2024-01-05, 2024-01-06 and 2 more have not landed"),
    ],
)
def test_a_wrong_day_is_refused_before_there_is_a_run(given: tuple[object, ...], said: str, letters: Path) -> None:
    with pytest.raises(BadParameter) as caught:
        toy.run(*given)
    assert said in str(caught.value)
    assert history.newest_runs() == []


def test_a_day_that_has_not_landed_is_an_event(letters: Path) -> None:
    with pytest.raises(BadParameter):
        toy.start("2024-06-01")
    [event] = history.newest_events()
    assert (event.kind, event.pipeline, event.run_id) == ("refused", "toy", None)
    assert "2024-06-01 has not landed" in event.message


def test_an_unknown_trigger_is_refused(letters: Path) -> None:
    with pytest.raises(BadParameter, match="trigger: found 'cron', expected one of manual, scheduled"):
        toy.run("2024-01-01", trigger="cron")


def test_starting_the_same_interval_again_closes_the_earlier_one(letters: Path) -> None:
    earlier = toy.start("2024-01-01")
    earlier.extract()
    other_day = toy.start("2024-01-02")
    later = toy.start("2024-01-01")
    assert earlier.record().status == "failed"
    assert earlier.record().error == "abandoned: the same interval was started again"
    assert (later.record().status, other_day.record().status) == ("running", "running")
    with pytest.raises(EtlError, match="has ended"):
        earlier.transform()
    later.finish()
    other_day.abandon("enough")
    assert (later.record().status, other_day.record().status) == ("succeeded", "failed")


def test_running_an_interval_that_is_open_closes_the_open_one(letters: Path) -> None:
    earlier = toy.start("2024-01-01")
    assert toy.run("2024-01-01").status == "succeeded"
    assert earlier.record().status == "failed"


@pytest.mark.parametrize("ending", ["", "sys.exit(3)", "raise RuntimeError('in another cell')"])
def test_the_end_of_the_process_closes_an_open_run(letters: Path, ending: str) -> None:
    process = child(f"run = toy.start('2024-01-01'); run.extract(); print(run.run_id, flush=True); {ending}")
    printed, _ = process.communicate(timeout=60)
    run = history.find(printed.strip())
    assert (run.status, run.error) == ("failed", "abandoned: the process ended before the run did")
    assert run.finished_at and run.blocked is False
    assert toy.run("2024-01-01").status == "succeeded"
    assert [event.kind for event in history.newest_events()] == []


def test_a_run_knows_its_notebook_and_what_it_retries(letters: Path) -> None:
    run = toy.run("2024-01-01", trigger="retry", attempt=2, retry_of="abc", notebook="runs/x.ipynb")
    assert (run.trigger, run.attempt, run.retry_of, run.notebook) == ("retry", 2, "abc", "runs/x.ipynb")


def test_a_scheduled_run_worth_another_try_knows_when(letters: Path) -> None:
    land("2024-01-01", "offline\n")
    run = toy.attempt(Interval.of("2024-01-01"), trigger="scheduled")
    assert (run.status, run.permanent, run.blocked) == ("failed", False, False)
    assert 30 <= (run.retry_at - run.finished_at).total_seconds() <= 60
    last = toy.attempt(Interval.of("2024-01-01"), trigger="retry", attempt=2, retry_of=run.run_id)
    assert (last.status, last.retry_at, last.blocked) == ("failed", None, True)  # its attempts are used up


def test_no_retry_is_planned_for_a_permanent_error_or_a_manual_run(letters: Path) -> None:
    land("2024-01-01", "offline\n")
    land("2024-01-02", "broken\n")
    manual = toy.attempt(Interval.of("2024-01-01"))
    permanent = toy.attempt(Interval.of("2024-01-02"), trigger="scheduled")
    assert [(run.retry_at, run.blocked) for run in (manual, permanent)] == [(None, False), (None, True)]


def test_every_line_of_the_log_names_its_run(letters: Path, home: Path) -> None:
    faults.inject("extract=offline")
    run = toy.run("2024-01-01")
    lines = (home / "logs" / "etl.log").read_text().splitlines()
    assert len(lines) >= 3
    assert all(f"run={run.run_id} " in line for line in lines)
    assert "ConnectionError: fault injected" in lines[1]


def test_errors_of_ours_need_no_database(tmp_path: Path, letters: Path) -> None:
    assert issubclass(TransientError, EtlError) and issubclass(BadParameter, ValueError)


# ---- on_failure ----------------------------------------------------------------------------------


def test_on_failure_is_called_once_when_a_day_becomes_blocked(letters: Path) -> None:
    told_of: list[Run] = []
    telling = replace(toy, on_failure=told_of.append)
    land("2024-01-01", "broken\n")
    land("2024-01-02", "offline\n")
    for _ in range(2):
        for day in ("2024-01-01", "2024-01-02", "2024-01-03"):
            telling.attempt(Interval.of(day))
    [run] = told_of  # the permanent one, once; a transient failure by hand blocks nothing
    assert (str(run.interval), run.status, run.blocked) == ("2024-01-01", "failed", True)
    land("2024-01-01", "broken\nstill\n")  # new content is new news
    telling.attempt(Interval.of("2024-01-01"))
    assert len(told_of) == 2
    land("2024-01-01", "a,1\n")
    telling.attempt(Interval.of("2024-01-01"))
    land("2024-01-01", "broken\nstill\n")
    telling.attempt(Interval.of("2024-01-01"))
    assert len(told_of) == 3


def test_on_failure_is_called_when_the_last_attempt_is_used_up(letters: Path) -> None:
    told_of: list[Run] = []
    telling = replace(toy, on_failure=told_of.append)
    land("2024-01-01", "offline\n")
    telling.attempt(Interval.of("2024-01-01"), trigger="scheduled")
    assert told_of == []
    telling.attempt(Interval.of("2024-01-01"), trigger="retry", attempt=2)
    assert [run.attempt for run in told_of] == [2]


def test_on_failure_may_be_a_command(letters: Path, tmp_path: Path) -> None:
    heard = tmp_path / "it's heard.json"
    script = tmp_path / "a script.py"
    script.write_text(f"import sys, pathlib; pathlib.Path({str(heard)!r}).write_text(sys.stdin.read())")
    land("2024-01-01", "broken\n")
    run = replace(toy, on_failure=f'"{sys.executable}" "{script}"').attempt(Interval.of("2024-01-01"))
    assert json.loads(heard.read_text()) == run.as_json()


@pytest.mark.parametrize("command", ["no-such-command-here", f'"{sys.executable}" -c "raise SystemExit(3)"'])
def test_a_failing_on_failure_is_an_event_and_changes_nothing(letters: Path, command: str) -> None:
    land("2024-01-01", "broken\n")
    with pytest.raises(BadSchema):
        replace(toy, on_failure=command).run("2024-01-01")
    [run] = history.newest_runs()
    [event] = history.newest_events()
    assert (run.status, event.kind, event.run_id) == ("failed", "on_failure failed", run.run_id)


def test_a_function_that_fails_is_an_event_too(letters: Path) -> None:
    def fails(run: Run) -> None:
        raise ZeroDivisionError("in my own notifier")

    land("2024-01-01", "broken\n")
    with pytest.raises(BadSchema):
        replace(toy, on_failure=fails).run("2024-01-01")
    assert history.newest_events()[0].message == "ZeroDivisionError: in my own notifier"


# ---- without faults, and without pandas -----------------------------------


def test_the_toy_needs_no_pandas(letters: Path) -> None:
    code = "import sys; toy.run('2024-01-01', '2024-01-03'); print('pandas' in sys.modules, 'pyarrow' in sys.modules)"
    assert out(child(code)) == "False False\n"


def test_rows_are_counted_whatever_a_stage_hands_on() -> None:
    import numpy as np
    import pandas as pd

    from etl_core.results import count, rejected

    frame = pd.DataFrame({"rows": [7, 8], "rejected": [1, 1]})  # columns of these names are not meant
    assert (count(frame), rejected(frame)) == (2, None)
    for rows, expected in [(3, 3), (np.int64(3), 3), ([1, 2], 2), (frame, 2), (None, None)]:
        assert count(SimpleNamespace(rows=rows)) == expected
        assert rejected(SimpleNamespace(rejected=rows)) == expected
    assert (count([1, 2, 3]), count(None), count(object())) == (3, None, None)
    assert isinstance(count(SimpleNamespace(rows=np.int64(3))), int)


def test_an_engine_given_to_load_leaves_no_listener_behind(letters: Path) -> None:
    toy.run("2024-01-01")
    faults.inject("load.before-commit=offline")
    with open_warehouse().begin() as conn:
        conn.exec_driver_sql("SELECT 1")
    assert len(faults.armed()) == 1  # a commit elsewhere is no load's

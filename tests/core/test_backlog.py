"""What is pending and why, and backfills in which a bad day sinks only itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from etl_core import Interval, backfill, backlog, faults, history, pending, pending_days, query, receipts_of
from etl_core.errors import BadParameter, BadSchema
from etl_core.history import Run
from tests.core.toy import child, land, toy

D1, D2, D3 = "2024-01-01", "2024-01-02", "2024-01-03"


def reasons() -> dict[str, str]:
    return {str(day.day): day.reason for day in pending_days(toy)}


def ends(day: str, **given: object) -> str:
    return toy.attempt(Interval.of(day), **given).status


def test_pending_is_a_comparison() -> None:
    a, b, c, d = (date(2024, 1, n) for n in range(1, 5))
    assert pending({c: "3", b: "2", a: "1"}, {b: "2", c: "old", d: "gone"}) == [a, c]
    assert pending({}, {a: "1"}) == []


def test_new_days_then_none(database: str, letters: Path) -> None:
    assert reasons() == {D1: "new", D2: "new", D3: "new"}
    toy.run(D1, D3)
    assert reasons() == {}


def test_corrected_late_and_vanished_files(database: str, letters: Path) -> None:
    toy.run(D1, D3)
    land(D2, "a,100\n")
    land("2023-12-30", "late,1\n")
    (letters / f"{D3}.txt").unlink()
    assert reasons() == {"2023-12-30": "new", D2: "changed"}
    assert date.fromisoformat(D3) in receipts_of("toy")  # what was loaded stays
    backfill(toy, "2023-12-01", D3)
    assert reasons() == {}
    assert query("SELECT name, count FROM letters WHERE day = :d", d=D2).values.tolist() == [["a", 100]]


def test_corrected_back_is_no_longer_pending(letters: Path) -> None:
    before = (letters / f"{D1}.txt").read_text()
    toy.run(D1, D3)
    land(D1, "other,1\n")
    assert reasons() == {D1: "changed"}
    land(D1, before)
    assert reasons() == {}


def test_a_permanent_failure_blocks_its_day_alone(database: str, letters: Path) -> None:
    land(D2, "broken\n")
    assert [ends(day) for day in (D1, D2, D3)] == ["succeeded", "failed", "succeeded"]
    [blocked] = pending_days(toy)
    assert (str(blocked.day), blocked.reason, blocked.error) == (D2, "blocked", f"BadSchema: {D2}.txt: broken")


def test_new_content_unblocks(database: str, letters: Path) -> None:
    land(D2, "broken\n")
    ends(D2)
    assert reasons()[D2] == "blocked"
    land(D2, "broken\nbut other\n")
    assert reasons()[D2] == "new"
    ends(D2)
    assert reasons()[D2] == "blocked"


def test_a_day_loaded_before_that_is_blocked_and_then_changed(letters: Path) -> None:
    toy.run(D2)
    land(D2, "broken\n")
    ends(D2)
    assert reasons()[D2] == "blocked"
    land(D2, "x,1\n")
    assert reasons()[D2] == "changed"


def test_a_manual_run_unblocks(letters: Path, monkeypatch) -> None:
    monkeypatch.setenv("TOY_IS", "broken")
    fussy = replace(toy, extract=lambda interval: (_ for _ in ()).throw(BadSchema("for now")))
    fussy.attempt(Interval.of(D2), trigger="scheduled")
    assert reasons()[D2] == "blocked"
    assert ends(D2) == "succeeded"  # the program was fixed, the content is the same
    assert D2 not in reasons()


def test_a_manual_run_that_fails_transiently_unblocks_too(letters: Path) -> None:
    land(D2, "broken\n")
    ends(D2)
    faults.inject("extract=offline*3")
    assert ends(D2) == "failed"
    assert reasons()[D2] == "new"


def test_a_transient_failure_by_hand_does_not_block(database: str, letters: Path) -> None:
    land(D1, "offline\n")
    assert ends(D1) == "failed"
    [day] = [day for day in pending_days(toy) if str(day.day) == D1]
    assert (day.reason, day.error) == ("new", "ConnectionError: the letters are offline")


def test_a_day_that_waits_for_its_retry_says_so(database: str, letters: Path) -> None:
    land(D1, "offline\n")
    first = toy.attempt(Interval.of(D1), trigger="scheduled")
    assert reasons()[D1] == "waiting"
    toy.attempt(Interval.of(D1), trigger="retry", attempt=2, retry_of=first.run_id)
    assert reasons()[D1] == "blocked"  # attempts used up
    backfill(toy, D1, D1)
    assert reasons()[D1] == "new"  # a person tried: it is theirs


def test_a_failed_run_of_several_days_blocks_none(database: str, letters: Path) -> None:
    land(D2, "broken\n")
    assert toy.attempt(Interval.of(D1, D3), trigger="scheduled").status == "failed"
    assert reasons() == {D1: "new", D2: "new", D3: "new"}


def test_a_run_that_ends_while_one_looks_is_not_taken_for_a_crash(letters: Path, monkeypatch) -> None:
    run = toy.start(D1)
    run.extract()
    run.transform()
    read = backlog._newest_runs
    monkeypatch.setattr(backlog, "_newest_runs", lambda pipeline: (read(pipeline), run.load())[0])
    assert D1 not in reasons()


def test_reasons_of_a_crash(database: str, letters: Path) -> None:
    toy.run(D2)
    land(D2, "c,3\n")
    for day in (D1, D2):
        process = child(f"toy.run({day!r})", ETL_FAULTS=f"transform=kill*{'2' if day == D2 else '1'}")
        process.communicate(timeout=60)
    assert reasons() == {D1: "crashed", D2: "crashed", D3: "new"}


# ---- backfill ------------------------------------------------------------------------------------


def spans(result: list[Run]) -> list[str]:
    return [str(run.interval) for run in result]


def test_by_days_oldest_first_only_what_is_pending(database: str, letters: Path) -> None:
    toy.run(D2)
    result = backfill(toy, "2023-12-31", "2024-01-04")
    assert spans(result.succeeded) == [D1, D3]
    assert [str(day) for day in result.missing] == ["2023-12-31", "2024-01-04"]
    assert (result.failed, result.refused) == ([], [])
    assert {run.trigger for run in result.succeeded} == {"backfill"}
    assert spans(backfill(toy, D1, D3).succeeded) == []


def test_again_loads_all_that_landed(letters: Path) -> None:
    toy.run(D1, D3)
    assert spans(backfill(toy, D1, "2024-01-09", again=True).succeeded) == [D1, D2, D3]
    assert spans(backfill(toy, D1, D3, batch="month", again=True).succeeded) == [f"{D1} to {D3}"]


def test_by_months_spans_are_neighbours_within_a_month(letters: Path) -> None:
    for day in ("2023-12-30", "2023-12-31", "2024-01-05", "2024-02-01"):
        land(day)
    result = backfill(toy, "2023-12-01", "2024-02-10", batch="month")
    assert spans(result.succeeded) == [
        "2023-12-30 to 2023-12-31",
        f"{D1} to {D3}",
        "2024-01-05",
        "2024-02-01",
    ]


def test_a_bad_day_sinks_only_itself_by_days(letters: Path) -> None:
    land(D2, "broken\n")
    seen: list[Run] = []
    result = backfill(toy, D1, D3, on_run=seen.append)
    assert (spans(result.succeeded), spans(result.failed)) == ([D1, D3], [D2])
    assert spans(seen) == [D1, D2, D3]
    assert reasons() == {D2: "blocked"}


def test_a_bad_day_sinks_only_itself_in_a_month(database: str, letters: Path) -> None:
    land(D2, "broken\n")
    result = backfill(toy, D1, D3, batch="month")
    assert (spans(result.succeeded), spans(result.failed)) == ([D1, D3], [D2])
    assert reasons() == {D2: "blocked"}
    assert spans(history.newest_runs()) == [D3, D2, D1, f"{D1} to {D3}"]


def test_a_month_that_is_offline_is_not_tried_day_by_day(letters: Path) -> None:
    land(D2, "offline\n")
    result = backfill(toy, D1, D3, batch="month")
    assert (spans(result.succeeded), spans(result.failed)) == ([], [f"{D1} to {D3}"])
    assert reasons() == {D1: "new", D2: "new", D3: "new"}


def test_a_day_at_work_elsewhere_is_refused_and_the_rest_goes_on(letters: Path) -> None:
    from tests.core.test_dead_runs import in_extract

    process = in_extract(D2)
    result = backfill(toy, D1, D3)
    process.kill()
    process.communicate()
    assert spans(result.succeeded) == [D1, D3]
    [refused] = result.refused
    assert D2 in refused and "at work" in refused


def test_a_file_that_vanishes_during_the_backfill_does_not_stop_it(letters: Path) -> None:
    def vanish(run: Run) -> None:
        (letters / f"{D2}.txt").unlink(missing_ok=True)

    result = backfill(toy, D1, D3, on_run=vanish)
    assert spans(result.succeeded) == [D1, D3]
    assert D2 in str(result.missing + result.refused) or "2024, 1, 2" in str(result.missing)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((D3, D1), "until: 2024-01-01 is before day 2024-01-03"),
        (("2013-02-30", D1), "not in the calendar"),
        ((D1, D3, "week"), "batch: found 'week', expected day or month"),
    ],
)
def test_what_makes_no_sense_is_refused(given: tuple[str, ...], said: str, letters: Path) -> None:
    with pytest.raises(BadParameter) as caught:
        backfill(toy, *given)
    assert said in str(caught.value)
    assert history.newest_runs() == []


def test_a_landed_without_parameters_will_do(letters: Path) -> None:
    everything = toy.landed()
    plain = replace(toy, landed=lambda: everything)
    assert plain.run(D1).status == "succeeded"


def test_a_landed_with_a_parameter_of_its_own_is_not_given_days(letters: Path) -> None:
    def landed(folder: Path = letters) -> dict[date, str]:
        assert isinstance(folder, Path)
        return toy.landed()

    assert replace(toy, landed=landed).run(D1).status == "succeeded"

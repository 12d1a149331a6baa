"""What stages, `landed` and `write_receipts` are given wrongly: told at once, and nothing is counted as loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sqlalchemy as sa

from etl_core import Interval, Pipeline, backfill, faults, history, open_warehouse, pending_days, write_receipts
from etl_core.errors import BadParameter, PermanentError, TransientError
from tests.core.toy import Counted, Read, load, toy

DAY = date(2024, 1, 1)


def last() -> history.Run:
    return history.newest_runs(limit=1)[0]


@pytest.mark.parametrize("stage", ["extract", "transform"])
def test_a_stage_that_returns_nothing_fails_and_stops_no_other_day(letters: Path, stage: str) -> None:
    def forgets(given: object) -> object:
        day = given.start if isinstance(given, Interval) else min(given.hashes)  # type: ignore[attr-defined]
        return None if day == DAY else getattr(toy, stage)(given)

    result = backfill(replace(toy, **{stage: forgets}), "2024-01-01", "2024-01-03")
    assert [run.status for run in result.succeeded] == ["succeeded"] * 2
    [failed] = result.failed
    assert (failed.status, failed.blocked) == ("failed", True)
    assert f"{stage} of pipeline 'toy': found None" in failed.error and "`return` missing?" in failed.error
    assert toy.run("2024-01-01").status == "succeeded"  # no lock is left


@pytest.mark.parametrize(
    "wrap",
    [
        lambda rows: (row for row in rows),
        lambda rows: ({"hash": 1}, iter(rows)),
        lambda rows: {"rows": map(str, rows)},
        lambda rows: SimpleNamespace(rows=zip(rows, rows, strict=True)),
    ],
    ids=["generator", "in a tuple", "in a dict", "in an object"],
)
def test_what_can_be_read_only_once_is_refused(letters: Path, wrap: Callable[[list[object]], object]) -> None:
    """A load that is tried again would find it empty, and succeed with no rows."""
    faults.inject("load.before-commit=offline")
    own = replace(toy, transform=lambda read: wrap(read.rows))
    with pytest.raises(PermanentError, match=r"transform of pipeline 'toy': found a \w+, which can be read only once"):
        own.run("2024-01-01")
    assert last().status == "failed"
    assert pending_days(own)[0].day == DAY


def test_a_stage_that_calls_exit_fails(letters: Path) -> None:
    def leaves(interval: Interval) -> Read:
        raise SystemExit(0)

    with pytest.raises(PermanentError, match=r"extract called sys\.exit\(0\); a stage returns or raises"):
        replace(toy, extract=leaves).run("2024-01-01")
    assert (last().status, last().blocked) == ("failed", True)


def test_an_on_failure_that_calls_exit_is_an_event(letters: Path) -> None:
    (letters / "2024-01-01.txt").write_text("broken")

    def leaves(run: history.Run) -> None:
        raise SystemExit(3)

    assert replace(toy, on_failure=leaves).attempt(Interval.of(DAY)).blocked
    assert history.newest_events(limit=1)[0].kind == "on_failure failed"


def test_a_result_that_has_no_length_is_not_counted(letters: Path) -> None:
    lazy = SimpleNamespace(columns=["name"], kept=Interval.of(DAY))
    own = replace(toy, extract=lambda interval: lazy, transform=lambda _: toy.transform(toy.extract(lazy.kept)))
    assert (own.run("2024-01-01").rows_extracted, last().rows_loaded) == (None, 3)


def test_loaded_is_what_the_receipts_say(letters: Path) -> None:
    def boasts(counted: Counted, warehouse: sa.Engine, run_id: str) -> bool:
        load(counted, warehouse, run_id)
        return True

    run = replace(toy, load=boasts).run("2024-01-01")
    assert (run.rows_loaded, run.rows_rejected) == (3, 1)
    assert [stage.rows_out for stage in history.stages_of(run.run_id)][-1] == 3


def test_an_error_after_the_commit_is_kept(letters: Path) -> None:
    def too_late(counted: Counted, warehouse: sa.Engine, run_id: str) -> None:
        load(counted, warehouse, run_id)
        raise ValueError("oops")

    run = replace(toy, load=too_late).attempt(Interval.of(DAY))
    assert run.status == "succeeded"
    [event] = history.newest_events(run_id=run.run_id)
    assert (event.kind, event.message) == ("after the commit", "ValueError: oops")


def test_when_the_history_goes_away_the_error_is_still_told(home: Path, letters: Path) -> None:
    def loses(read: Read) -> Counted:
        for path in home.glob("history.db*"):
            path.unlink()
        raise ValueError("oops")

    run = toy.start("2024-01-01")
    run.pipeline = replace(toy, transform=loses)
    with pytest.raises(sa.exc.OperationalError):
        run.finish()
    assert (run.closed, run.record().status) == (True, "failed")
    assert "no such table" in str(run.record().error)  # what this process knows, as nobody else can


@pytest.mark.parametrize(
    ("day", "given"),
    [
        (DAY, (10, 0, "hash")),
        (DAY, ("hash", 10)),
        (DAY, "hash"),
        (DAY, ("hash", 1.5, 0)),
        (DAY, ("hash", None, 0)),
        (DAY, ("hash", -1, 0)),
        (DAY, (None, 1, 0)),
        ("2024-01-01", ("hash", 1, 0)),
        (datetime(2024, 1, 1), ("hash", 1, 0)),
    ],
)
def test_a_receipt_that_is_none_is_refused(home: Path, day: object, given: object) -> None:
    with pytest.raises(PermanentError) as caught, open_warehouse().begin() as conn:
        write_receipts(conn, "toy", "run", {day: given})
    assert f"write_receipts of pipeline 'toy': found {day!r}: {given!r}, expected a datetime.date -> " in str(
        caught.value
    )


def test_counts_of_numpy_are_numbers(home: Path) -> None:
    with open_warehouse().begin() as conn:
        write_receipts(conn, "toy", "run", {DAY: ("hash", np.int64(3), np.int32(1))})
        kinds = conn.exec_driver_sql("SELECT typeof(rows_loaded), typeof(rows_rejected) FROM receipts").one()
    assert tuple(kinds) == ("integer", "integer")


@pytest.mark.parametrize(
    "found", [{DAY: 5}, {DAY: 1.5}, {DAY: None}, {DAY: ""}, {"2024-01-01": "a"}, {datetime(2024, 1, 1): "a"}]
)
def test_a_listing_of_something_else_is_refused(letters: Path, found: dict[object, object]) -> None:
    own, said = replace(toy, landed=lambda: found), "landed of pipeline 'toy': found .*, expected datetime.date -> hash"
    for ask in (lambda: pending_days(own), lambda: own.run("2024-01-01"), lambda: backfill(own, DAY, DAY)):
        with pytest.raises(PermanentError, match=said):
            ask()


def test_what_landed_raises_is_told_in_one_line(letters: Path) -> None:
    def bug() -> dict[date, str]:
        raise KeyError("day")

    with pytest.raises(PermanentError, match=r"landed of pipeline 'toy': KeyError: 'day' \(test_results\.py:\d+\)"):
        pending_days(replace(toy, landed=bug))

    def away() -> dict[date, str]:
        raise ConnectionError("no route")

    with pytest.raises(TransientError, match=r"landed of pipeline 'toy': ConnectionError: no route"):
        pending_days(replace(toy, landed=away))


def test_a_listing_that_fails_once_is_asked_again(letters: Path) -> None:
    replies = iter([ConnectionError("503")])

    def shaky() -> dict[date, str]:
        if error := next(replies, None):
            raise error
        return toy.landed()

    assert len(backfill(replace(toy, landed=shaky), "2024-01-01", "2024-01-03").succeeded) == 3


def test_a_receipt_of_another_hash_is_told_of(letters: Path) -> None:
    def other(counted: Counted, warehouse: sa.Engine, run_id: str) -> None:
        load(replace_hash(counted), warehouse, run_id)

    def replace_hash(counted: Counted) -> Counted:
        return replace(counted, per_day={day: ("other", *rest) for day, (_, *rest) in counted.per_day.items()})

    run = replace(toy, load=other).run("2024-01-01")
    found = next(one for one in pending_days(toy) if one.day == DAY)
    assert found.reason == "changed"
    assert found.error == f"run {run.run_id[:8]} loaded just this, but its receipt has another hash than landed() gives"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"landed": {}}, "pipeline 'toy': landed: found dict, expected a function"),
        ({"load": None}, "pipeline 'toy': load: found NoneType, expected a function"),
        ({"run_retry": 3}, r"pipeline 'toy': run_retry: found 3, expected RetryPolicy\("),
    ],
)
def test_a_pipeline_of_something_else_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(BadParameter, match=said):
        Pipeline(**{"name": "toy", "landed": len, "extract": len, "transform": len, "load": len, **given})


def test_an_interval_and_a_day_are_one_too_many(letters: Path) -> None:
    with pytest.raises(BadParameter, match="until: found 2024-01-03 beside an interval"):
        toy.run(Interval.of("2024-01-01"), "2024-01-03")
    assert history.newest_runs() == []

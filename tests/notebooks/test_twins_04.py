"""Lesson 4's small versions and the package give the same answer on real data."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import etl_core
from etl_core import Interval, faults, history
from etl_core.errors import BadSchema
from exercises.lesson_04 import run_stages, success_rate, tracked
from exercises.tools.toy import RUNS


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("day", "breaks"), [("2013-01-15", False), ("2013-11-30", True)])
def test_the_same_stages_are_recorded_and_the_same_run(home: Path, day: str, breaks: bool) -> None:
    def transform(extracted: Any) -> Any:
        faults.fire("transform")
        return etl_core.transform(extracted)

    def load(transformed: Any) -> Any:
        return etl_core.load(transformed, etl_core.open_warehouse(), "small")

    recorded: list[tuple] = []
    stages = [("extract", etl_core.extract), ("transform", transform), ("load", load)]
    if breaks:
        faults.inject("transform=bad-schema*2")
    with closing(sqlite3.connect(home / "runs.db")) as conn:
        conn.execute(RUNS)
    try:
        tracked(home / "runs.db", day, lambda: run_stages(stages, day, lambda *entry: recorded.append(entry)))
    except BadSchema:
        assert breaks
    small = etl_core.query("SELECT * FROM flights").drop(columns="run_id")
    run = etl_core.flights.attempt(Interval.of(day))

    assert [entry[:2] for entry in recorded] == [(one.stage, one.status) for one in history.stages_of(run.run_id)]
    with closing(sqlite3.connect(home / "runs.db")) as conn:
        assert conn.execute("SELECT day, status, error FROM runs").fetchall() == [(day, run.status, run.error)]
    assert etl_core.query("SELECT * FROM flights").drop(columns="run_id").equals(small)
    assert small.empty == breaks


def test_days_in_order_are_those_that_are_not_pending() -> None:
    faults.inject("transform=bad-schema*2")
    for last in ("2013-12-12", "2013-12-13"):
        etl_core.backfill(etl_core.flights, "2013-12-11", last)
        runs = [{"day": run.interval_start, **vars(run)} for run in history.newest_runs()]
        receipts = etl_core.receipts_of("flights")
        assert success_rate(runs) == len(receipts) / len({run["day"] for run in runs})
    assert success_rate(runs) == 1

"""A reader's own pipeline: four functions, other tables, another key, no pandas, not even days that begin at midnight.

It gets retries, history, pending days, backfills and crash recovery for nothing.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl_core import (
    Interval,
    Pipeline,
    RetryPolicy,
    backfill,
    faults,
    history,
    pending_days,
    receipts_of,
    write_receipts,
)
from etl_core.errors import PermanentError

ORDERS = {
    date(2024, 5, 1): [("tea", 2, "3.50"), ("cake", 1, "4.20")],
    date(2024, 5, 2): [("tea", 1, "3.50"), ("tea", -1, "3.50")],
    date(2024, 5, 3): [],
}


def landed() -> dict[date, str]:
    return {day: hashlib.sha256(repr(orders).encode()).hexdigest() for day, orders in ORDERS.items()}


def extract(interval: Interval) -> dict[date, list[tuple[str, int, str]]]:
    return {day: ORDERS[day] for day in interval.days}


def transform(orders: dict[date, list[tuple[str, int, str]]]) -> list[tuple[str, str, int, int]]:
    return [
        (day.isoformat(), item, number, round(float(price) * 100))
        for day, lines in orders.items()
        for item, number, price in lines
        if number > 0
    ]


def load(rows: list[tuple[str, str, int, int]], warehouse: sa.Engine, run_id: str) -> None:
    days = [date(2024, 5, n) for n in (1, 2, 3) if any(row[0] == f"2024-05-0{n}" for row in rows)] or [date(2024, 5, 3)]
    with warehouse.begin() as conn:
        conn.exec_driver_sql(
            "CREATE TABLE IF NOT EXISTS sales (item TEXT, day TEXT, number INTEGER, cents INTEGER, "
            "PRIMARY KEY (item, day))"
        )
        for day in days:
            conn.exec_driver_sql("DELETE FROM sales WHERE day = ?", (day.isoformat(),))
        for day, item, number, cents in rows:
            conn.exec_driver_sql("INSERT INTO sales VALUES (?, ?, ?, ?)", (item, day, number, cents))
        per_day = {day: (landed()[day], sum(row[0] == day.isoformat() for row in rows), 0) for day in days}
        write_receipts(conn, "café", run_id, per_day)


cafe = Pipeline("café", landed, extract, transform, load, stage_retry=RetryPolicy(attempts=3, base=0, cap=0))


def sales(home: Path) -> list[tuple[object, ...]]:
    conn = sqlite3.connect(home / "warehouse.db")
    rows = conn.execute("SELECT day, item, number, cents FROM sales ORDER BY day, item").fetchall()
    conn.close()
    return rows


@pytest.mark.parametrize("found", [None, ["2024-05-01"]])
def test_what_is_no_listing_is_told(home: Path, found: object) -> None:
    unfinished = replace(cafe, landed=lambda: found)
    expected = f"landed of pipeline 'café': found {type(found).__name__}, expected a dict of day -> hash"
    for ask in (lambda: pending_days(unfinished), lambda: unfinished.run("2024-05-01")):
        with pytest.raises(PermanentError, match=re.escape(expected)):
            ask()


def test_it_runs_is_recorded_and_done_once(home: Path) -> None:
    result = backfill(cafe, "2024-05-01", "2024-05-03")
    assert [(run.status, run.rows_extracted, run.rows_loaded) for run in result.succeeded] == [
        ("succeeded", None, 2),  # its `extract` returns a dict: how many rows that is, nobody can tell
        ("succeeded", None, 1),
        ("succeeded", None, 0),
    ]
    assert sales(home) == [
        ("2024-05-01", "cake", 1, 420),
        ("2024-05-01", "tea", 2, 350),
        ("2024-05-02", "tea", 1, 350),
    ]
    assert pending_days(cafe) == []
    assert len(receipts_of("café")) == 3


def test_it_is_tried_again(home: Path) -> None:
    faults.inject("extract=offline*2,load.before-commit=locked")
    run = cafe.run("2024-05-01")
    assert [(s.stage, s.attempt, s.status) for s in history.stages_of(run.run_id)] == [
        ("extract", 1, "failed"),
        ("extract", 2, "failed"),
        ("extract", 3, "succeeded"),
        ("transform", 1, "succeeded"),
        ("load", 1, "failed"),
        ("load", 2, "succeeded"),
    ]
    assert len(sales(home)) == 2


def test_in_steps(home: Path) -> None:
    run = cafe.start("2024-05-02")
    assert run.extract() == {date(2024, 5, 2): [("tea", 1, "3.50"), ("tea", -1, "3.50")]}
    assert run.transform() == [("2024-05-02", "tea", 1, 350)]
    run.load()
    assert run.record().status == "succeeded"


def test_an_error_in_it_is_its_own_and_permanent(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ORDERS, date(2024, 5, 1), [("tea", "two", "3.50")])
    with pytest.raises(TypeError, match="not supported between"):
        cafe.run("2024-05-01")
    [day, *_] = pending_days(cafe)
    assert (day.day, day.reason) == (date(2024, 5, 1), "blocked")
    assert "TypeError" in day.error


def test_two_pipelines_share_a_warehouse_and_a_history(letters: Path) -> None:
    from tests.core.toy import toy

    cafe.run("2024-05-01")
    toy.run("2024-01-01")
    assert {run.pipeline for run in history.newest_runs()} == {"café", "toy"}
    assert [run.pipeline for run in history.newest_runs(pipeline="café")] == ["café"]
    assert [str(day.day) for day in pending_days(cafe)] == ["2024-05-02", "2024-05-03"]

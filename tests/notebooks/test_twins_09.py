"""Lesson 9: the recorded cases are real, and its small versions and the package give the same answer."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import etl_core
from etl_core import flights, pending_days
from etl_core.pipeline import find_pipeline
from exercises.lesson_09 import RIGHT, triage
from exercises.tools import cases, drills, record_cases

RECORDED = cases.recorded()
# What the package calls a pending day, and what that needs. It asks nobody and looks at no clock: a day whose file is
# not there is no day, and a retry that is overdue still waits. (What was at work has been ended by then.)
NEEDS = {"new": "rerun", "changed": "rerun", "crashed": "rerun", "waiting": "wait", "blocked": "fix file"}
BEYOND = {
    "at work": "crashed",
    "failed before, and at work now": "crashed",
    "nothing has landed": None,
    "a retry is overdue": "waiting",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ETL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ETL_LANDING", str(tmp_path / "landing"))
    return tmp_path


def shape(case: dict[str, Any]) -> tuple[object, ...]:
    """A case without what differs each time it is made."""
    runs = [(run["status"], run["alive"], run["attempt"], run["permanent"], run["error"]) for run in case["runs"]]
    waits = case["retry_at"] and case["retry_at"] > case["now"]
    newest = case["runs"][0]["content"] if case["runs"] else None
    return case["day"], case["landed"], case["receipt"], newest, runs, waits


@pytest.mark.parametrize("name", RIGHT)
def test_a_case_is_as_it_comes_out_now(name: str, home: Path) -> None:
    recorded = RECORDED[name]
    made = record_cases.made(name, recorded["day"], home)
    named, expected = (re.sub(r"pid \d+[^)]*", "pid", str(shape(one))) for one in (made, recorded))
    assert named.replace(str(home), "…") == expected
    assert triage(made) == RIGHT[name]

    reasons = {one.day: one.reason for one in pending_days(flights)}
    reason = reasons.get(recorded["day"])
    if name in BEYOND:
        assert reason == BEYOND[name]
    else:
        assert NEEDS.get(reason, "nothing") == RIGHT[name]


def test_all_cases_and_each_answer() -> None:
    assert list(RECORDED) == list(RIGHT) and len(RIGHT) == 16
    assert set(RIGHT.values()) == {"nothing", "wait", "rerun", "fix file", "ask source"}


def test_the_weather_is_the_weather_that_the_flights_met(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ETL_LANDING")
    weather = find_pipeline("exercises.capstone.solution:weather")
    for day in ("2013-01-15", "2013-11-03"):
        weather.run(day)
        flights.run(day)
    with closing(sqlite3.connect(home / "home" / "warehouse.db")) as conn:
        met = conn.execute(
            "SELECT COUNT(*), SUM(f.temperature IS w.temp AND f.wind_speed IS w.wind_speed AND f.precipitation"
            " IS w.precip AND f.visibility IS w.visib) FROM flights f JOIN weather w ON w.origin = f.origin"
            " AND w.hour = strftime('%Y-%m-%d %H:00:00', f.scheduled_departure)"
        ).fetchone()
        alone = conn.execute("SELECT COUNT(*) FROM flights WHERE temperature IS NOT NULL").fetchone()
    assert met[0] == met[1] == alone[0] > 1500


def test_weather_of_the_year_is_whole_and_its_last_day_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ETL_LANDING")
    weather = find_pipeline("exercises.capstone.solution:weather")
    result = etl_core.backfill(weather, "2013-01-01", "2013-12-31", batch="month")
    assert not result.failed and result.missing == [date(2013, 12, 31)]
    assert etl_core.query("SELECT COUNT(*) AS n FROM weather").n[0] == 26_115
    assert pending_days(weather) == []


def test_the_drills_flights_are_the_flights(home: Path) -> None:
    found = find_pipeline(drills.flights.target)
    assert found is drills.flights
    assert (found.name, found.landed, found.load) == (flights.name, flights.landed, flights.load)

"""Two at once, and files that are locked. RACES=50 asks for more races than the five of every day."""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from tests.core.toy import REPOSITORY, until
from tests.scheduling.conftest import _land_flights  # noqa: F401
from tests.scheduling.live import Live, etl, etl_json, live, loaded, rows

RACES = int(os.environ.get("RACES", "5"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 30 * RACES)]


def test_of_two_schedulers_started_in_the_same_instant_one_runs(home: Path, land_flights) -> None:
    land_flights("2013-01-01")
    for race in range(RACES):
        if race % 5 == 0 and race:
            shutil.rmtree(home)  # now and then from nothing at all
        both = [Live("--every", "1"), Live("--every", "1")]
        try:
            until(lambda pair=both: sum(one.process.poll() is not None for one in pair) == 1)
            [loser] = [one for one in both if one.process.poll() is not None]
            [winner] = [one for one in both if one is not loser]
            winner.until_said("next at")
            assert loser.process.returncode == 1
            assert re.search(rf"\(pid {winner.process.pid} on \S+, since 20", loser.said()), loser.said()
            assert winner.stop() == 0
        finally:
            for one in both:
                one.kill()
    print(f"{RACES} races")


def test_of_a_tick_and_a_manual_run_of_the_same_day_one_wins(tmp_path: Path, land_flights, monkeypatch) -> None:
    """Whoever begins first is held for three seconds; the other must see that, say so, and leave the day alone."""
    chance = random.Random(os.environ.get("SEED", "0"))
    land_flights("2013-01-01")
    winners = {"manual": 0, "scheduled": 0}
    for race in range(RACES):
        monkeypatch.setenv("ETL_HOME", str(tmp_path / f"race-{race}"))
        monkeypatch.setenv("ETL_FAULTS", "extract=slow")
        with live("--every", "0.2") as scheduler:
            time.sleep(chance.uniform(0, 0.8))  # both take about a second to get there
            manual = etl("run", "2013-01-01")
            until(lambda: loaded() and not rows("history.db", "SELECT 1 FROM runs WHERE status = 'running'"))
            assert scheduler.stop() == 0
        history = etl_json("history")
        winners[history[-1]["trigger"]] += 1
        assert {run["status"] for run in history} == {"succeeded"}
        assert [run["trigger"] for run in history].count("scheduled") <= 1
        if history[-1]["trigger"] == "scheduled":
            assert manual.returncode == 1 and "is at work on 2013-01-01" in manual.stderr
        else:
            assert manual.returncode == 0
            assert "is left to run" in scheduler.said() or "is at work on 2013-01-01" in scheduler.said()
        assert rows("warehouse.db", "SELECT COUNT(*) FROM flights") == [(842,)]
    print(f"{RACES} races, won by {winners}")


def test_a_job_store_locked_for_thirty_seconds_is_survived(home: Path, land_flights) -> None:
    land_flights("2013-01-01")
    with live("--every", "1") as scheduler:
        until(loaded)
        lock = sqlite3.connect(home / "jobs.db", isolation_level=None, timeout=10)
        lock.execute("BEGIN IMMEDIATE")
        land_flights("2013-01-02")
        time.sleep(30)  # the scenario itself
        assert scheduler.process.poll() is None
        lock.rollback()
        lock.close()
        until(lambda: len(loaded()) == 2)
        assert scheduler.stop() == 0
    assert [run["status"] for run in etl_json("history")] == ["succeeded"] * 2


def test_a_scheduler_killed_during_a_notebook_run_loads_every_day_once(home: Path, land_flights) -> None:
    """The orphaned child ends its run by itself; the new scheduler leaves that day to it."""
    days = ["2013-01-01", "2013-01-02", "2013-01-03"]
    land_flights(*days)
    chance = random.Random(os.environ.get("SEED", "0"))
    flights = "etl_core:flights"
    options = ["--every", "1", "--notebook"]
    for _ in range(4):
        with live(*options, pipeline=flights) as one:
            one.until_said("next at")
            time.sleep(chance.uniform(1, 8))  # before, in and after a run
            one.kill()
        options = []
    with live(pipeline=flights) as last:
        until(lambda: loaded() == set(days), 100)
        until(lambda: not rows("history.db", "SELECT 1 FROM runs WHERE status = 'running'"))
        time.sleep(2.5)  # two ticks more, which must find nothing to do
        last.stop()
    history = etl_json("history")
    assert sorted(run["interval_start"] for run in history if run["status"] == "succeeded") == days
    for run in history:
        if run["status"] == "succeeded":
            assert Path(run["notebook"]).exists()
    landing = REPOSITORY / "data" / "landing" / "flights"
    lines = sum(len((landing / f"{day}.csv").read_text().splitlines()) - 1 for day in days)
    assert rows("warehouse.db", "SELECT COUNT(*) FROM flights") == [(lines,)]


def test_a_killed_kernel_is_found_and_its_day_loaded(home: Path, land_flights) -> None:
    land_flights("2013-01-01")
    with live("--every", "1", "--notebook", pipeline="etl_core:flights", ETL_FAULTS="load.before-commit=kill") as one:
        until(loaded, 100)
        one.until_said("next tick at", 60)
        one.stop()
    assert [run["status"] for run in etl_json("history")] == ["succeeded", "crashed"]

"""`kill -9` of a real `etl schedule --every 1` on real data, at random moments and at every named point.

KILLS=100 asks for more kills, SEED repeats a sequence of them.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.core.toy import REPOSITORY, until
from tests.scheduling.live import Live, etl, etl_json, events, live, loaded, rows

KILLS = int(os.environ.get("KILLS", "5"))
DAYS = [str(date(2013, 1, 1) + timedelta(days=n)) for n in range(30)]
POINTS = ("extract", "transform", "load", "load.before-commit", "load.after-commit", "retry.before-alarm", "recovery")
TABLES = {
    "flights": "flight_date, carrier, flight, origin, scheduled_departure, dest, tail_number, status, "
    "actual_departure, scheduled_arrival, actual_arrival, departure_delay, arrival_delay, air_time, distance, "
    "temperature, wind_speed, visibility, precipitation",
    "rejected_flights": "flight_date, source_line, reason, row",
    "receipts": "pipeline, flight_date, rows_loaded, rows_rejected, source_hash",
}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 30 * KILLS)]


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A landing zone of 30 real days."""
    folder = tmp_path_factory.mktemp("month")
    for kind in ("flights", "weather"):
        (folder / kind).mkdir()
        for day in DAYS:
            shutil.copy(REPOSITORY / "data" / "landing" / kind / f"{day}.csv", folder / kind)
    return folder


@pytest.fixture(scope="module")
def uninterrupted(month: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple]]:
    """The tables as `etl backfill` leaves them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ETL_HOME", str(tmp_path_factory.mktemp("uninterrupted")))
        patch.setenv("ETL_LANDING", str(month))
        assert etl("backfill", DAYS[0], DAYS[-1]).returncode == 0
        return tables()


def tables() -> dict[str, list[tuple]]:
    found = {name: rows("warehouse.db", f"SELECT {columns} FROM {name}") for name, columns in TABLES.items()}
    return {name: sorted(some, key=repr) for name, some in found.items()}


def assert_nothing_lost_nothing_twice(uninterrupted: dict[str, list[tuple]]) -> None:
    assert tables() == uninterrupted
    history = etl_json("history", "--limit", "100000")
    assert not [run for run in history if run["status"] == "running"]
    succeeded = sorted(run["interval_start"] for run in history if run["status"] == "succeeded")
    assert succeeded == DAYS  # each of them once
    for run in history:
        if run["retry_at"]:
            [again] = [one for one in history if one["retry_of"] == run["run_id"]]
            assert (again["attempt"], again["trigger"]) == (run["attempt"] + 1, "retry")
    assert [one["id"] for one in etl_json("schedules") if one["kind"] == "schedule"] == ["flights"]
    assert etl_json("pending") == []


def to_the_end() -> None:
    """Start once more, without options: what is stored must do the rest."""
    with live() as last:
        last.until_said("next at")
        until(lambda: len(loaded()) == len(DAYS) and not waiting(), seconds=120)
        assert last.stop() == 0


def waiting() -> list[tuple]:
    return rows(
        "history.db",
        "SELECT 1 FROM runs JOIN last_runs USING (run_id) WHERE status = 'running' OR retry_at IS NOT NULL",
    )


def test_killed_at_random_moments(month: Path, uninterrupted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
    chance = random.Random(seed)
    monkeypatch.setenv("ETL_LANDING", str(month))
    kills = rounds = 0
    while kills < KILLS:
        rounds += 1
        monkeypatch.setenv("ETL_HOME", str(tmp_path / f"round-{rounds}"))
        # Four runs fail once, so that retries wait, begin and are killed as well.
        monkeypatch.setenv("ETL_FAULTS", "extract=offline*2,transform=locked,load=offline")
        options = ("--every", "1", "--limit", "3")
        while len(loaded()) < len(DAYS) and kills < KILLS:
            one = Live(*options)
            if chance.random() < 0.8:
                one.until_said("started")
            time.sleep(chance.uniform(0, 2.5))  # the moment is the point
            one.kill()
            kills += 1
            if etl_json("schedules"):
                options = ()
        if options:
            with live(*options) as first:
                first.until_said("schedule added")
                first.kill()
        to_the_end()
        assert_nothing_lost_nothing_twice(uninterrupted)
    print(f"{kills} kills in {rounds} rounds, SEED={seed}")


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(point: str, month: Path, uninterrupted, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_LANDING", str(month))
    monkeypatch.setenv("ETL_FAULTS", f"{point}=kill" + (",extract=offline" if point == "retry.before-alarm" else ""))
    with live("--every", "1") as one:
        until(lambda: one.process.poll() is not None)
    assert one.process.returncode == -9
    if point == "recovery":  # killed before the schedule was stored
        with live("--every", "1") as one:
            one.until_said("schedule added")
            one.kill()
    elif point == "retry.before-alarm":
        assert [one["kind"] for one in etl_json("schedules")] == ["schedule"]  # the alarm was not set
    to_the_end()
    assert_nothing_lost_nothing_twice(uninterrupted)
    if point == "retry.before-alarm":
        assert events("alarm restored")


def test_killed_while_a_retry_waits_and_while_it_runs(
    month: Path, uninterrupted, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_LANDING", str(month))
    monkeypatch.setenv("ETL_FAULTS", "extract=offline*2,extract=slow*2")
    with live("--every", "1") as one:
        one.until_said("retry stored")
        one.kill()
    assert "retry" in {one["kind"] for one in etl_json("schedules")}
    with live() as one:
        running = "SELECT 1 FROM runs WHERE trigger = 'retry' AND status = 'running'"
        until(lambda: rows("history.db", running))
        one.kill()
    to_the_end()
    assert_nothing_lost_nothing_twice(uninterrupted)

"""Lesson 07: the small versions, APScheduler in virtual time and the package do the same."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

import etl_core
from etl_core import history, settings
from etl_core.scheduling import jobs
from etl_core.scheduling.simulate import simulate
from exercises import lesson_07
from exercises.tools.clock import Clock
from exercises.tools.landing import copy_days

NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2013, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "count"), [(0, 240), (40, 240), (5400, 120), (23_400, 35)])
def test_the_loop_starts_when_apscheduler_does(home: Path, seconds: int, count: int) -> None:
    clock, starts, end = Clock(START), [], START + timedelta(days=10)

    def work() -> None:
        starts.append(clock.time)
        clock.pass_time(seconds)

    lesson_07.run_every(3600, work, clock.now, clock.sleep, end)
    frame = simulate({"hourly": "0 * * * *"}, START, end, job=lambda name, scheduled: seconds)
    assert starts == list(frame[frame.outcome == "ran"].scheduled)
    assert len(starts) == count


@pytest.mark.parametrize("minutes", [1, 47, 460, 1440])
def test_waking_up_late(home: Path, minutes: int) -> None:
    every, ran = timedelta(minutes=minutes), 0
    for asleep in (0.5, 1, 3, 7.25):
        for grace in (None, timedelta(seconds=1), every / 2, 4 * every):
            for coalesce in (True, False):
                given = (START, every, START + asleep * every, grace, coalesce)
                found = lesson_07.slots(*given)
                assert found == lesson_07.in_apscheduler(*given), given
                ran += len(found)
    assert ran == 46


@pytest.mark.parametrize("day", ["2013-01-15", "2013-03-09", "2013-03-10", "2013-11-02", "2013-11-03", "2013-12-31"])
def test_the_interval_of_a_tick_holds_the_file_of_that_day_and_no_other(day: str) -> None:
    tick = datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(6), NEW_YORK)
    start, end = lesson_07.interval_of(tick, NEW_YORK)
    assert etl_core.Interval(start.date(), end.date()) == etl_core.Interval.of(day)
    file = settings.REPOSITORY / "data" / "landing" / "flights" / f"{day}.csv"
    hours = pd.to_datetime(pd.read_csv(file).time_hour, utc=True)
    assert ((hours >= start) & (hours < end)).all()


def test_ticks_load_the_same_days_in_the_same_order(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backlog, a bad file, a late one, corrections of a good and of the bad one, and nothing to do."""
    landing = tmp_path / "zone" / "flights"
    monkeypatch.setenv("ETL_LANDING", str(landing.parent))

    def small(limit: int) -> None:
        landed = etl_core.landed()
        blocked = {one.day for one in etl_core.pending_days(etl_core.flights) if one.reason == "blocked"}
        given_up = {(day, landed[day]) for day in blocked}
        lesson_07.tick(landed, receipts(), given_up, etl_core.flights.run, limit)

    def both(*days: int) -> None:
        """A tick of each, in a state folder of its own; `days` are those that it is to try."""
        found = {}
        for name, tick in (("small", small), ("package", lambda limit: jobs.tick("etl_core:flights", limit))):
            monkeypatch.setenv("ETL_HOME", str(tmp_path / name))
            before = len(history.newest_runs())
            tick(2)
            new = list(reversed(history.newest_runs()))[before:]
            found[name] = [(run.interval_start, run.status) for run in new], receipts()
        assert found["small"] == found["package"]
        assert [day.day for day, _ in found["small"][0]] == list(days)

    copy_days(landing.parent, *(f"2013-01-{day}" for day in (10, 12, 13, 14)))
    bad = landing / "2013-01-12.csv"
    bad.write_bytes(b"<html>the server is being repaired</html>\n")
    both(10, 12)
    both(13, 14)
    copy_days(landing.parent, "2013-01-11")
    good = landing / "2013-01-13.csv"
    good.write_bytes(good.read_bytes().rpartition(b"2013,1,13,")[0])
    both(11, 13)
    both()
    shutil.copy(settings.REPOSITORY / "data" / "landing" / "flights" / bad.name, bad)
    both(12)
    assert len(receipts()) == 5


def receipts() -> dict[date, str]:
    return {day: receipt.source_hash for day, receipt in etl_core.receipts_of("flights").items()}

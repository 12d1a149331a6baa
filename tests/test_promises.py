"""The four promises of this project, each shown by a test of that name."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from tests.core.toy import until
from tests.scheduling.conftest import _land_flights  # noqa: F401
from tests.scheduling.live import etl, etl_json, events, live, loaded

JANUARY = [date(2013, 1, 1) + timedelta(days=n) for n in range(31)]


# ---- 1. the pipeline runs on a schedule (hourly, daily)


def test_the_pipeline_runs_on_a_schedule(home: Path, land_flights) -> None:
    """A live one, by seconds: what lands is loaded by a later tick, with nobody there."""
    land_flights("2013-01-01", "2013-01-02")
    with live("--every", "1") as scheduler:
        until(lambda: len(loaded()) == 2)
        land_flights("2013-01-03")
        until(lambda: len(loaded()) == 3)
        assert scheduler.stop() == 0
    history = etl_json("history")
    assert [run["interval_start"] for run in history] == ["2013-01-03", "2013-01-02", "2013-01-01"]
    assert {(run["trigger"], run["status"]) for run in history} == {("scheduled", "succeeded")}


@pytest.mark.parametrize(("schedule", "ticks"), [("0 6 * * *", 31), ("0 * * * *", 31 * 24)], ids=["daily", "hourly"])
def test_the_pipeline_runs_on_a_schedule_for_a_month(schedule: str, ticks: int, home: Path, land_flights) -> None:
    """The same job under a clock that jumps: each day's file lands at half past three, the next tick loads it."""
    from etl_core import history
    from etl_core.scheduling.jobs import tick
    from etl_core.scheduling.simulate import simulate

    loaded_at: dict[str, datetime] = {}

    def job(name: str, scheduled: datetime) -> None:
        yesterday = scheduled.date() - timedelta(days=1)
        if scheduled.hour >= 4 and str(yesterday) not in loaded_at:
            land_flights(yesterday)
        tick("tests.scheduling.quick:quick")
        for day in loaded() - set(loaded_at):
            loaded_at[day] = scheduled

    fired = simulate({"flights": schedule}, datetime(2013, 1, 2), datetime(2013, 2, 2), job=job)
    assert list(fired.outcome) == ["ran"] * ticks
    hour = 6 if ticks == 31 else 4
    assert {day: str(time)[:13] for day, time in loaded_at.items()} == {
        str(day): f"{day + timedelta(days=1)} {hour:02}" for day in JANUARY
    }
    assert len(history.newest_runs()) == 31


# ---- 2. failed jobs are retried automatically


@pytest.mark.parametrize("stage", ["extract", "transform", "load"])
def test_failed_jobs_are_retried_automatically(stage: str, home: Path, land_flights) -> None:
    """Twice a transient error, then it works: three attempts, each a row that says what it retries."""
    land_flights("2013-01-01")
    with live("--every", "1", ETL_FAULTS=f"{stage}=offline*2") as scheduler:
        until(loaded)
        assert scheduler.stop() == 0
    first, second, third = reversed(etl_json("history"))
    assert [run["attempt"] for run in (first, second, third)] == [1, 2, 3]
    assert [run["status"] for run in (first, second, third)] == ["failed", "failed", "succeeded"]
    assert [run["trigger"] for run in (first, second, third)] == ["scheduled", "retry", "retry"]
    assert [second["retry_of"], third["retry_of"]] == [first["run_id"], second["run_id"]]
    assert first["retry_at"] <= second["started_at"]
    assert len(events("retry stored")) == 2


def test_failed_jobs_are_retried_automatically_but_not_when_that_cannot_help(home: Path, land_flights) -> None:
    """A permanent error: one attempt, the day is blocked, the others are loaded; by hand it is tried again."""
    land_flights("2013-01-01", "2013-01-02")
    with live("--every", "1", ETL_FAULTS="extract=bad-schema") as scheduler:
        until(loaded)
        scheduler.until_said("next tick")
        assert scheduler.stop() == 0
    assert loaded() == {"2013-01-02"}
    assert [(run["attempt"], run["retry_at"]) for run in etl_json("history")] == [(1, None), (1, None)]
    [blocked] = etl_json("pending")
    assert (blocked["day"], blocked["reason"]) == ("2013-01-01", "blocked")
    assert etl("run", "2013-01-01").returncode == 0
    assert loaded() == {"2013-01-01", "2013-01-02"}


# ---- 3. job state persists across restarts


def test_job_state_persists_across_restarts(home: Path, land_flights) -> None:
    """Schedule, waiting retry and history survive `kill -9`; a new process goes on where the old one was."""
    land_flights("2013-01-01", "2013-01-02")
    patient = "tests.scheduling.quick:patient"  # retries after some seconds
    with live("--every", "1", pipeline=patient, ETL_FAULTS="extract=offline") as first:
        first.until_said("retry stored")
        first.until_said("2013-01-02 loaded")
        first.kill()
    history, stored = etl_json("history"), etl_json("schedules")
    assert {run["status"] for run in history} == {"failed", "succeeded"}
    assert sorted(one["kind"] for one in stored) == ["retry", "schedule"]
    assert [day["reason"] for day in etl_json("pending")] == ["waiting"]

    with live() as second:  # no options: what is stored
        until(lambda: len(loaded()) == 2)
        assert second.stop() == 0
    now = etl_json("history")
    assert now[1:] == history
    assert (now[0]["trigger"], now[0]["attempt"], now[0]["status"]) == ("retry", 2, "succeeded")


def test_job_state_persists_across_restarts_and_so_does_a_pause(home: Path, land_flights) -> None:
    from etl_core.scheduling import get_scheduler

    land_flights("2013-01-01")
    scheduler = get_scheduler().start()
    scheduler.add_schedule("tests.scheduling.quick:quick", every=3600)
    scheduler.pause("flights")
    scheduler.stop()
    with live("--every", "3600") as other:
        other.until_said("flights: every 3600 s, paused")
        other.kill()
    assert [one["paused"] for one in etl_json("schedules")] == [True]
    assert not loaded()


# ---- 4. the manual path works with no scheduler running


def test_the_manual_path_works_with_no_scheduler_running(home: Path, land_flights) -> None:
    land_flights("2013-01-01", "2013-01-02")
    assert etl("run", "2013-01-01").returncode == 0
    assert etl("backfill", "2013-01-01", "2013-01-02").returncode == 0
    assert loaded() == {"2013-01-01", "2013-01-02"}
    assert not (home / "jobs.db").exists()


def test_the_manual_path_works_while_a_scheduler_is_running(home: Path, land_flights) -> None:
    land_flights("2013-01-01")
    with live("--every", "1") as scheduler:
        until(loaded)
        assert etl("run", "2013-01-01").returncode == 0
        scheduler.stop()
    assert [run["trigger"] for run in etl_json("history")] == ["manual", "scheduled"]

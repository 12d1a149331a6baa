"""Lesson 8's small versions and the package give the same answer, after real kills and on real job stores."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl_core import flights, history, running, settings
from etl_core.errors import Refused
from etl_core.history import Run
from etl_core.interval import Interval
from etl_core.scheduling import get_scheduler, holder, recovery
from exercises.lesson_08 import ensure_schedule, only_one, recover, store_retry
from exercises.tools.dead_runs import COMMITTED, NEVER, RELOADED, dead_runs
from exercises.tools.stores import opened, restarted

LAST_NIGHT = (datetime.now(UTC) - timedelta(days=1)).replace(hour=6, minute=0, second=0, microsecond=0)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ETL_HOME", str(tmp_path / "state"))
    (tmp_path / "state").mkdir(mode=0o700)
    return tmp_path / "state"


def test_the_same_end_for_runs_that_were_killed() -> None:
    with dead_runs() as scene:
        small = recover(scene.runs, scene.receipts, scene.is_alive)
        package = {run.run_id: run.status for run in running.resolve_dead()}
        assert small == package
        assert {small[scene.of(day)] for day in (RELOADED, NEVER)} == {"crashed"}
        assert small[scene.of(COMMITTED)] == "succeeded"
        after = [{"run_id": run.run_id, "day": run.interval_start, "status": run.status} for run in history_oldest()]
        assert recover(after, scene.receipts, scene.is_alive) == {}
        assert running.resolve_dead() == []


def history_oldest() -> list[Run]:
    return history.newest_runs()[::-1]


def test_a_fault_that_a_reader_looks_at_lasts_while_they_look(home: Path) -> None:
    """The lesson has its load pause in one cell and kills it in another, with a prediction between them."""
    source = (settings.REPOSITORY / "notebooks" / "source" / "08_persistence.py").read_text(encoding="utf-8")
    module = source.partition('MODULE = """')[2].partition('"""')[0]
    asked = f"{module}\nprint(faults.SLOW, hasty.name, hasty.run_retry.attempts)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    seconds, name, attempts = done.stdout.split()
    assert float(seconds) >= 300
    assert (name, int(attempts)) == ("flights", 4)


def test_the_same_schedule_is_ensured(home: Path) -> None:
    """Added, left alone while due, left alone while paused, changed."""
    small, package = [], []
    path = home / "small.db"
    for step, hour in (("add", 6), ("due", 6), ("pause", 6), ("resume", 7)):
        with restarted(path) as scheduler:
            arrange(scheduler, step)
            ensure_schedule(scheduler, hour)
            small.append(when(scheduler.get_jobs()))
    scheduler = get_scheduler().start()
    try:
        background = scheduler._background
        background.pause()  # as the small one is: what is due stays due
        for step, hour in (("add", 6), ("due", 6), ("pause", 6), ("resume", 7)):
            arrange(background, step)
            scheduler.add_schedule(flights, daily=f"{hour:02}:00", timezone="UTC")
            package.append(when(background.get_jobs()))
    finally:
        scheduler.stop()
    assert small == package
    assert small[1:3] == [[LAST_NIGHT], [None]]


def arrange(scheduler, step: str) -> None:
    for job in scheduler.get_jobs():
        if step == "due":
            job.modify(next_run_time=LAST_NIGHT)
        elif step != "add":
            getattr(job, step)()


def when(jobs: list) -> list[datetime | None]:
    return [job.next_run_time for job in jobs]


def test_the_same_alarm_is_stored(home: Path) -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    day = Interval.of("2013-01-15")
    run = Run(pipeline="flights", interval_start=day.start, interval_end=day.end, target="x:y", retry_at=due)
    small = opened(home / "small.db")
    package = store_of_the_package(home)
    try:
        for _ in range(2):
            store_retry(small, "2013-01-15", 2, due)
            recovery.set_alarm(package, run, "x:y", notebook=False)
        [one], [other] = small.get_jobs(), package.get_jobs()
        for name in ("next_run_time", "misfire_grace_time", "id"):
            assert str(getattr(one, name)) == str(getattr(other, name)).replace("flights|", "")
    finally:
        small.shutdown()
        package.shutdown()


def store_of_the_package(home: Path):
    from etl_core.scheduling.background import Background
    from etl_core.scheduling.job_store import open_store

    background = Background(open_store(), lambda: None)
    background.start(paused=True)
    return background


def test_the_same_lock(home: Path) -> None:
    """The small one and the package's refuse each other, and a leftover file refuses nobody."""
    path = home / "locks" / "scheduler.lock"
    path.parent.mkdir(mode=0o700)
    path.write_text(str(os.getpid()), encoding="utf-8")
    with only_one(path), pytest.raises(Refused):
        holder.take()
    lock = holder.take()
    with pytest.raises(TimeoutError), only_one(path):
        pass
    holder.release(lock)
    with only_one(path):
        pass

"""APScheduler on a job store in a SQLite file, for lesson 8 and its graders."""

from __future__ import annotations

import pickle
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler

PAUSE = 0.2  # seconds until a thread has certainly done what it was about to do


def opened(path: str | Path, **defaults: object) -> BackgroundScheduler:
    """APScheduler as anybody gets it, on a job store in the SQLite file `path`; started, and paused."""
    store = SQLAlchemyJobStore(url=f"sqlite:///{path}")
    scheduler = BackgroundScheduler(jobstores={"default": store}, job_defaults=defaults, timezone=UTC)
    scheduler.start(paused=True)
    return scheduler


@contextmanager
def restarted(path: Path) -> Iterator[BackgroundScheduler]:
    """The same until the block ends, for a schedule that is made up for however late it is."""
    scheduler = opened(path, misfire_grace_time=None)
    try:
        yield scheduler
    finally:
        if scheduler.running:
            scheduler.shutdown(wait=False)


def stored(path: Path) -> list[dict[str, object]]:
    """The jobs in a job store as they are kept, read past APScheduler, which would delete what it cannot restore."""
    with closing(sqlite3.connect(path)) as conn:
        rows = conn.execute("SELECT job_state FROM apscheduler_jobs ORDER BY next_run_time").fetchall()
    return [pickle.loads(state) for (state,) in rows]


def run_what_is_due(scheduler: BaseScheduler, seconds: float = 10) -> None:
    """Let a paused scheduler go on until nothing is due any more and what it has begun has ended."""
    scheduler.resume()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        due = [job for job in scheduler.get_jobs() if job.next_run_time and job.next_run_time <= datetime.now(UTC)]
        if not due:
            break
        time.sleep(0.02)
    time.sleep(PAUSE)
    scheduler.shutdown(wait=True)


def next_runs(trigger: object, hours: float, most: int = 2000, since: datetime | None = None) -> list[datetime]:
    """The times at which a trigger fires from now on, or from `since`, in so many hours after the first of them."""
    found: list[datetime] = []
    before, now = None, since or datetime.now(UTC)
    while len(found) < most and (before := trigger.get_next_fire_time(before, before or now)) is not None:
        if since and before < since:  # a CalendarIntervalTrigger begins at its own start
            continue
        if found and (before - found[0]).total_seconds() >= hours * 3600:
            break
        found.append(before.astimezone(UTC))
    return found

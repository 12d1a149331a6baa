"""What `jobs.db` holds, read without a scheduler: APScheduler's table of pickled jobs, which job_store.py writes.

Whoever can write a pickle can run code as you, so a file that others can write is refused. Nothing here imports
APScheduler; it takes longer than a look at the table.
"""

from __future__ import annotations

import os
import pickle
import stat
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from etl_core import settings
from etl_core.database import reading, writer
from etl_core.errors import Refused
from etl_core.history import plain

TRUST = "ETL_TRUST_JOB_STORE"


@dataclass(frozen=True)
class Stored:
    """One job of the store; `kind` is schedule, retry or now. A paused schedule's retries are `paused` with it.

    `error` says why it cannot be read.
    """

    id: str
    kind: str
    pipeline: str
    next_run: datetime | None
    when: str | None = None
    timezone: str | None = None
    target: str | None = None
    limit: int | None = None
    notebook: bool = False
    error: str | None = None
    paused: bool = False

    def as_json(self) -> dict[str, object]:
        return {name: plain(value) for name, value in vars(self).items()}


def path() -> Path:
    return settings.current().home / "jobs.db"


def is_new() -> bool:
    """Was nothing ever stored in it, as after it was deleted?"""
    file = path()
    if not file.exists():
        return True
    with reading(writer(f"sqlite:///{file}")) as conn:
        return not sa.inspect(conn).has_table("apscheduler_jobs")


def check_private(file: Path) -> None:
    """Refused if somebody else can write the file or its folder (POSIX; elsewhere this is up to the folder's owner)."""
    if os.name != "posix" or os.environ.get(TRUST) == "1":
        return
    for place in (file.parent, file):
        found = place.stat()
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or found.st_uid not in (0, os.geteuid()):
            raise Refused(
                f"{place}: others can write it, and the job store holds pickles, which run as code. If you know the "
                f"jobs in it, make it yours alone (chmod go-w {place}); else delete {file} (schedules are lost, data "
                f"and history are not). {TRUST}=1 trusts it as it is"
            )


def stored_schedules() -> list[Stored]:
    """What is stored, soonest first, without starting anything, importing a pipeline or making a file."""
    file = path()
    if is_new():
        return []
    check_private(file)
    with reading(writer(f"sqlite:///{file}")) as conn:
        rows = conn.exec_driver_sql("SELECT id, next_run_time, job_state FROM apscheduler_jobs").all()
    found = [_stored(*row) for row in rows]
    paused = {one.pipeline for one in found if one.kind == "schedule" and one.next_run is None and one.error is None}
    found = [replace(one, paused=one.kind != "now" and one.pipeline in paused) for one in found]
    return sorted(found, key=lambda one: one.next_run or datetime.max.replace(tzinfo=UTC))


def is_paused(name: str) -> bool:
    """Is there a schedule of this name, and does it wait for `resume`? Unpickles nothing."""
    if is_new():
        return False
    with reading(writer(f"sqlite:///{path()}")) as conn:
        found = "SELECT 1 FROM apscheduler_jobs WHERE id = ? AND next_run_time IS NULL"
        return conn.exec_driver_sql(found, (name,)).first() is not None


def _stored(job_id: str, due: float | None, pickled: bytes) -> Stored:
    kind, pipeline = job_id.split("|")[:2] if "|" in job_id else ("schedule", job_id)
    next_run = None if due is None else datetime.fromtimestamp(due, UTC)
    try:
        state = pickle.loads(pickled)
        given = dict(state["kwargs"])
        zone = getattr(state["trigger"], "timezone", None)
        return Stored(
            job_id, kind, pipeline, next_run, state["name"], str(zone) if zone else None,
            given["target"], given.get("limit"), given.get("notebook", False),
        )  # fmt: skip
    except Exception as error:
        return Stored(job_id, kind, pipeline, next_run, error=f"{type(error).__name__}: {error}")

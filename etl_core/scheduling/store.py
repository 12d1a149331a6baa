"""The job store: APScheduler's table of pickled jobs in `jobs.db`.

Whoever can write a pickle can run code as you. So the folder is made private before the file exists, and a file that
others can write is refused. A stored job that cannot be restored stays in the table and is told; APScheduler's own
store would delete it.
"""

from __future__ import annotations

import os
import pickle
import stat
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from apscheduler.job import Job
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.util import utc_timestamp_to_datetime

from etl_core import settings
from etl_core.database import reading, writer
from etl_core.errors import Refused
from etl_core.scheduling import journal

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
        next_run = self.next_run.isoformat(timespec="milliseconds").replace("+00:00", "Z") if self.next_run else None
        return {**vars(self), "next_run": next_run}


class JobStore(SQLAlchemyJobStore):
    """`jobs.db` as every other database is opened: WAL, a busy timeout, BEGIN IMMEDIATE.

    Each change is a transaction: killed at any moment, a job is stored whole or as it was.
    """

    def __init__(self, url: str) -> None:
        super().__init__(engine=writer(url))
        self.broken: dict[str, str] = {}  # job id -> why it cannot be restored

    def lookup_job(self, job_id: str) -> Job | None:
        return None if job_id in self.broken else super().lookup_job(job_id)

    def get_next_run_time(self) -> datetime | None:
        column = self.jobs_t.c.next_run_time
        chosen = sa.select(sa.func.min(column)).where(self.jobs_t.c.id.not_in(list(self.broken)))
        with self.engine.begin() as conn:
            return utc_timestamp_to_datetime(conn.execute(chosen).scalar())

    def add_job(self, job: Job) -> None:
        super().add_job(job)
        self.broken.pop(job.id, None)

    def update_job(self, job: Job) -> None:
        super().update_job(job)
        self.broken.pop(job.id, None)

    def ids(self) -> set[str]:
        with self.engine.begin() as conn:
            return set(conn.execute(sa.select(self.jobs_t.c.id)).scalars())

    def is_there(self) -> bool:
        """Whether its table is: a file deleted under us may be back, empty, and under the same inode."""
        with reading(self.engine) as conn:
            return sa.inspect(conn).has_table(self.jobs_t.name)

    def _get_jobs(self, *conditions: sa.ColumnElement[bool]) -> list[Job]:
        table = self.jobs_t.c
        chosen = sa.select(table.id, table.job_state).where(*conditions).order_by(table.next_run_time)
        with self.engine.begin() as conn:
            rows = conn.execute(chosen).all()
        return [job for row in rows if (job := self._restored(row.id, row.job_state)) is not None]

    def _restored(self, job_id: str, state: bytes) -> Job | None:
        if job_id in self.broken:
            return None
        try:
            return self._reconstitute_job(state)
        except Exception as error:
            self.broken[job_id] = f"{type(error).__name__}: {error}"
            journal.note(
                "job kept",
                f"the stored job {job_id!r} cannot be restored ({self.broken[job_id]}); it is kept, and runs again "
                "after a restart with the code it needs, or when its schedule is given anew",
                error=True,
            )
            return None


def path() -> Path:
    return settings.current().home / "jobs.db"


def open_store() -> JobStore:
    """The store, its file made if there is none. Refused where others can write it; its override is in the message."""
    file = path()
    settings.private_folder(file.parent)
    if not file.exists():
        if os.name == "posix" and file.parent.stat().st_uid == os.geteuid():
            file.parent.chmod(0o700)  # nothing in it is trusted yet, so what was open before does no harm
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    check_private(file)
    return JobStore(f"sqlite:///{file}")


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


def _stored(job_id: str, due: float | None, pickled: bytes) -> Stored:
    kind, pipeline = job_id.split("|")[:2] if "|" in job_id else ("schedule", job_id)
    next_run = utc_timestamp_to_datetime(due)
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

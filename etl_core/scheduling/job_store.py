"""The job store of our scheduler: APScheduler's, in `jobs.db`, opened as every other database here.

The folder is made private before the file exists. A stored job that cannot be restored stays in the table and is told;
APScheduler's own store would delete it.
"""

from __future__ import annotations

import os
from datetime import datetime

import sqlalchemy as sa
from apscheduler.job import Job
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.util import utc_timestamp_to_datetime

from etl_core import settings
from etl_core.database import writer
from etl_core.scheduling import journal
from etl_core.scheduling.store import check_private, path


class JobStore(SQLAlchemyJobStore):
    """`jobs.db` as every other database is opened: WAL, a busy timeout, BEGIN IMMEDIATE.

    Each change is a transaction: killed at any moment, a job is stored whole or as it was.
    """

    def __init__(self, url: str) -> None:
        super().__init__(engine=writer(url))
        self.broken: dict[str, str] = {}  # job id -> why it cannot be restored

    def shutdown(self) -> None:
        """The engine is everybody's in this process: others may be reading, so its connections stay."""

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

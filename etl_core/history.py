"""The record of what happened: runs, their stages' attempts, and events.

It has a database of its own, and each row is committed when it happens, never in the transaction of the load: a
rollback there must not erase the evidence. Every attempt of a run is a row of `runs`; every attempt of a stage is a row
of `stage_runs`; what is no run (a refused one, a scheduler's start) is an event.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa

from etl_core import settings
from etl_core.database import reading
from etl_core.errors import EtlError
from etl_core.history_tables import events, last_runs, metadata, runs, stage_runs
from etl_core.interval import Interval
from etl_core.schema import open_database

Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One attempt to bring one data interval through a pipeline. A new one is about to begin in this process."""

    run_id: str = field(default_factory=lambda: secrets.token_hex(8))
    pipeline: str
    target: str | None = None
    interval_start: date
    interval_end: date
    trigger: str = "manual"
    attempt: int = 1
    retry_of: str | None = None
    retry_at: datetime | None = None
    status: str = "running"
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished_at: datetime | None = None
    duration_s: float | None = None
    rows_extracted: int | None = None
    rows_loaded: int | None = None
    rows_rejected: int | None = None
    error: str | None = None
    traceback: str | None = None
    permanent: bool | None = None
    blocked: bool = False
    notebook: str | None = None
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)

    @property
    def interval(self) -> Interval:
        return Interval(self.interval_start, self.interval_end)

    def as_json(self) -> dict[str, object]:
        """What `etl history --json` prints: dates as YYYY-MM-DD, instants as ISO 8601 in UTC, ending in Z."""
        return {name: plain(getattr(self, name)) for name in _JSON}


_JSON = (
    "run_id pipeline interval_start interval_end trigger attempt retry_of retry_at status started_at finished_at "
    "duration_s rows_extracted rows_loaded rows_rejected error notebook"
).split()


class _Record:
    def as_json(self) -> dict[str, object]:
        return {name: plain(value) for name, value in vars(self).items()}


@dataclass(frozen=True)
class StageRun(_Record):
    """One attempt of one stage of a run."""

    run_id: str
    stage: str
    attempt: int
    status: str
    started_at: datetime
    duration_s: float | None
    rows_in: int | None
    rows_out: int | None
    rows_rejected: int | None
    error_type: str | None
    error: str | None
    traceback: str | None


@dataclass(frozen=True)
class Event(_Record):
    """Something worth knowing that is no run."""

    id: int
    at: datetime
    kind: str
    pipeline: str | None
    run_id: str | None
    message: str


def open_history() -> sa.Engine:
    """The history for writing, its tables made if they are not there."""
    return open_database(settings.current().history_url, [metadata.create_all], "history")


def newest_runs(
    limit: int | None = None, pipeline: str | None = None, status: str | None = None, since: datetime | None = None
) -> list[Run]:
    """Runs, newest first."""
    chosen = sa.select(runs).order_by(runs.c.started_at.desc(), runs.c.run_id).limit(limit)
    if pipeline:
        chosen = chosen.where(runs.c.pipeline == pipeline)
    if status:
        chosen = chosen.where(runs.c.status == status)
    if since:
        chosen = chosen.where(runs.c.started_at >= since)
    return read(chosen)


def newest_success(pipeline: str) -> datetime | None:
    """When the newest run of a pipeline that succeeded ended."""
    chosen = sa.select(sa.func.max(runs.c.finished_at)).where(runs.c.pipeline == pipeline, runs.c.status == "succeeded")
    with reading(open_history()) as conn:
        return conn.execute(chosen).scalar()


def find(run: str) -> Run:
    """The run whose id is, or begins with, `run`; or the newest one for "last". EtlError where that is not one run."""
    if run == "last":
        found = newest_runs(limit=1)
    else:
        found = read(sa.select(runs).where(runs.c.run_id >= run, runs.c.run_id < run + "g").limit(6))
    if not found:
        raise EtlError(f"run {run!r}: there is none in the history; `etl history` lists them")
    if len(found) > 1:
        names = ", ".join(f"{one.run_id} ({one.interval})" for one in found[:5])
        raise EtlError(f"run {run!r}: several ids begin with it: {names}; give more of the one you mean")
    return found[0]


def stages_of(run_id: str) -> list[StageRun]:
    """Every attempt of every stage of a run, in the order they began."""
    return read(sa.select(stage_runs).where(stage_runs.c.run_id == run_id).order_by(stage_runs.c.started_at), StageRun)


def newest_events(
    limit: int | None = None,
    run_id: str | None = None,
    after: int = 0,
    kind: str | None = None,
    pipeline: str | None = None,
) -> list[Event]:
    """Events, newest first; `after` is the id of the last one already seen."""
    chosen = sa.select(events).where(events.c.id > after).order_by(events.c.id.desc()).limit(limit)
    for column, wanted in ((events.c.run_id, run_id), (events.c.kind, kind), (events.c.pipeline, pipeline)):
        if wanted:
            chosen = chosen.where(column == wanted)
    return read(chosen, Event)


def record_event(kind: str, message: str, pipeline: str | None = None, run_id: str | None = None) -> None:
    row = {"at": datetime.now(UTC), "kind": kind, "pipeline": pipeline, "run_id": run_id, "message": message}
    with open_history().begin() as conn:
        conn.execute(sa.insert(events), row)


def newest_of_days(pipeline: str) -> dict[date, str]:
    """Each day that was ever run -> the id of its newest run."""
    chosen = sa.select(last_runs.c.day, last_runs.c.run_id).where(last_runs.c.pipeline == pipeline)
    with reading(open_history()) as conn:
        return {row.day: row.run_id for row in conn.execute(chosen)}


def deaths_in_a_row(pipeline: str, day: date) -> int:
    """How many of a day's newest runs, up to three, crashed one after the other."""
    chosen = sa.select(runs.c.status).where(runs.c.pipeline == pipeline, runs.c.interval_start == day)
    with reading(open_history()) as conn:
        found = conn.execute(chosen.order_by(runs.c.started_at.desc()).limit(3)).scalars().all()
    return next((n for n, status in enumerate(found) if status != "crashed"), len(found))


def prune(keep_days: int) -> list[Run]:
    """Forget runs that ended more than `keep_days` ago, with their stages and events; returns them.

    The newest run of each day stays: what is pending, waiting or blocked is read from it.
    """
    limit = datetime.now(UTC) - timedelta(days=keep_days)
    kept = sa.select(last_runs.c.run_id)
    old = sa.and_(runs.c.finished_at < limit, runs.c.run_id.not_in(kept))
    with open_history().begin() as conn:
        gone = [Run(**row._mapping) for row in conn.execute(sa.select(runs).where(old))]
        conn.execute(sa.delete(stage_runs).where(stage_runs.c.run_id.in_(sa.select(runs.c.run_id).where(old))))
        conn.execute(sa.delete(runs).where(old))
        conn.execute(sa.delete(events).where(events.c.at < limit))
    return gone


def read(chosen: sa.Select, kind: type[Row] = Run) -> list[Row]:
    """The chosen rows of a table as what they stand for."""
    with reading(open_history()) as conn:
        return [kind(**row._mapping) for row in conn.execute(chosen)]


def plain(value: object) -> object:
    """A value for JSON: instants as ISO 8601 in UTC, ending in Z."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value

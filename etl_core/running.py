"""Which runs are alive: a run holds a lock for its life, so a dead one is known by its lock, never by its pid.

A pid can be taken over by a stranger, a clock can be set back, a row that says `running` can be a lie. A lock that the
operating system (or PostgreSQL) drops when its holder dies cannot.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, date, datetime

import sqlalchemy as sa

from etl_core import history
from etl_core.database import one_at_a_time
from etl_core.errors import Overlap
from etl_core.history import Run, events, last_runs, runs
from etl_core.locks import Lock
from etl_core.warehouse import Receipts, receipts_of

_STARTS = 7_201_301  # PostgreSQL: one process at a time checks and inserts a run
_GLANCE = 0.2  # seconds


def is_alive(run_id: str) -> bool:
    """Is the process (and thread) that runs it still there?"""
    lock = Lock(f"run-{run_id}")
    if not lock.take():
        return True
    lock.release()
    return False


def begin(run: Run, hashes: dict[date, str], after: str | None = None) -> tuple[Lock, bool]:
    """Take the run's lock, resolve dead runs, refuse an overlap, and insert the row: one transaction.

    Returns the lock, held, and whether all its days were blocked on this same content before. Overlap says who has the
    days and since when; an event records the refusal. `after` is the run that was the days' newest ("" for none) when
    this one was decided on: if another has begun since, that is an Overlap too, so that one decision is carried out
    once. Killed before the commit: there was no run. After it: a dead run.
    """
    lock = Lock(f"run-{run.run_id}")
    lock.take()
    try:
        other, known_bad = _insert(run, hashes, after)
        if other is not None:
            time.sleep(_GLANCE)  # whoever asks is_alive() of a dead run holds its lock for a moment: look twice
            other, known_bad = _insert(run, hashes, after)
        if other is not None:
            raise Overlap(_refusal(run, other))
    except BaseException:
        lock.release()
        raise
    return lock, known_bad


def _insert(run: Run, hashes: dict[date, str], after: str | None) -> tuple[Run | None, bool]:
    """Insert the row, unless another run is in the way: that one is returned."""
    with history.open_history().begin() as conn:
        one_at_a_time(conn, _STARTS)
        _resolve(conn)
        other = _in_the_way(conn, run, after)
        if other is not None:
            return other, False
        known_bad = _blocked_on(conn, run.pipeline, hashes)
        conn.execute(sa.insert(runs), vars(run))
        days = sa.and_(last_runs.c.pipeline == run.pipeline, last_runs.c.day.in_(list(hashes)))
        conn.execute(sa.delete(last_runs).where(days))
        rows = [
            {"pipeline": run.pipeline, "day": day, "run_id": run.run_id, "source_hash": found}
            for day, found in hashes.items()
        ]
        conn.execute(sa.insert(last_runs), rows)
        return None, known_bad


def resolve_dead() -> list[Run]:
    """Give every dead run its end; returns them as they now are.

    `succeeded` if the receipts of all its days carry its run_id: then it died after its commit. Else `crashed`, and its
    days are pending. Killed here: nothing is changed, and the next one resolves them.
    """
    with history.open_history().begin() as conn:
        one_at_a_time(conn, _STARTS)
        return _resolve(conn)


def _resolve(conn: sa.Connection) -> list[Run]:
    resolved = []
    for row in conn.execute(sa.select(runs).where(runs.c.status == "running")).all():
        run = Run(**row._mapping)
        lock = Lock(f"run-{run.run_id}")
        if not lock.take():
            continue
        died = {"status": "crashed", "error": f"the process died (pid {run.pid} on {run.host})"}
        change = committed(run) or died
        now = datetime.now(UTC)
        conn.execute(sa.update(runs).where(runs.c.run_id == run.run_id).values(finished_at=now, **change))
        conn.execute(
            sa.update(history.stage_runs)
            .where(history.stage_runs.c.run_id == run.run_id, history.stage_runs.c.status == "running")
            .values(status=change["status"])  # a load that was committed has done its work
        )
        message = f"{run.interval}: its process died; resolved as {change['status']}"
        event = {"at": now, "kind": "recovered", "pipeline": run.pipeline, "run_id": run.run_id, "message": message}
        conn.execute(sa.insert(events), event)
        lock.release()
        resolved.append(replace(run, finished_at=now, **change))
    return resolved


def committed(run: Run) -> dict[str, object] | None:
    """What the history has to say of a run whose load was committed; None if it was not, told by the receipts."""
    mine = receipts_left_by(run)
    if len(mine.receipts) < len(run.interval.days):
        return None
    rows = {"rows_extracted": mine.rows + mine.rejected, "rows_loaded": mine.rows, "rows_rejected": mine.rejected}
    return {"status": "succeeded", **rows}


def receipts_left_by(run: Run) -> Receipts:
    found = receipts_of(run.pipeline, run.interval.days).values()
    return Receipts(tuple(receipt for receipt in found if receipt.run_id == run.run_id))


def _in_the_way(conn: sa.Connection, run: Run, after: str | None) -> Run | None:
    """A run at work on one of its days; with `after`, also one that has begun since that one."""
    at_work = sa.select(runs).where(
        runs.c.status == "running",
        runs.c.pipeline == run.pipeline,
        runs.c.interval_start < run.interval_end,
        runs.c.interval_end > run.interval_start,
    )
    row = conn.execute(at_work).first()
    if row is None and after is not None:
        newest = sa.select(last_runs.c.run_id).where(
            last_runs.c.pipeline == run.pipeline,
            last_runs.c.day >= run.interval_start,
            last_runs.c.day < run.interval_end,
        )
        row = conn.execute(sa.select(runs).where(runs.c.run_id.in_(newest), runs.c.run_id != after)).first()
    return Run(**row._mapping) if row else None


def _blocked_on(conn: sa.Connection, pipeline: str, hashes: dict[date, str]) -> bool:
    chosen = sa.select(last_runs.c.day, last_runs.c.source_hash).join(runs, runs.c.run_id == last_runs.c.run_id)
    chosen = chosen.where(last_runs.c.pipeline == pipeline, last_runs.c.day.in_(list(hashes)), runs.c.blocked)
    blocked = dict(conn.execute(chosen).all())
    return all(blocked.get(day) == found for day, found in hashes.items())


def _refusal(run: Run, other: Run) -> str:
    since = other.started_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    if other.status == "running":
        mine = (other.pid, other.host) == (run.pid, run.host)
        own = "it is this process's own: finish() or abandon() it, or " if mine else ""
        what, advice = f"is at work on {other.interval}", f"{own}wait for it to end, "
    else:
        what, advice = f"has been at work on {other.interval} since this was decided, and {other.status}", ""
    message = (
        f"{run.interval}: run {other.run_id} {what} (pid {other.pid} on {other.host}, since {since}); "
        f"{advice}`etl show {other.run_id[:8]}` shows it"
    )
    history.record_event("refused", message, run.pipeline)
    return message

"""What there is to do, found from state and never from the clock: landed, with no receipt of the same content.

So a tick that was missed, a restart, a late or a corrected file lose nothing, and running twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from etl_core import history, running
from etl_core.database import reading
from etl_core.errors import BadParameter, NotLanded, Overlap, StillBeingWritten
from etl_core.history import Run, last_runs, runs
from etl_core.interval import Interval, spans
from etl_core.pipeline import Pipeline
from etl_core.warehouse import receipts_of


def pending(landed: Mapping[date, str], receipts: Mapping[date, str]) -> list[date]:
    """The days to load, oldest first. Both arguments map a day to a content hash."""
    return sorted(day for day, found in landed.items() if receipts.get(day) != found)


@dataclass(frozen=True)
class PendingDay:
    """A day that is to be loaded, and why: `new`, `changed` since it was loaded, `crashed` (its run died), `waiting`
    for a retry, or `blocked` until its content changes or somebody runs it by hand."""

    day: date
    reason: str
    error: str | None = None


def pending_days(pipeline: Pipeline, landed: Mapping[date, str] | None = None) -> list[PendingDay]:
    """Every pending day of a pipeline, oldest first, with the error of its newest run.

    `landed` is what has landed, where the caller has just looked.
    """
    landed = pipeline.listing() if landed is None else landed
    newest = _newest_runs(pipeline.name)  # before the receipts: a run that ends meanwhile has left its receipts then
    receipts = {day: receipt.source_hash for day, receipt in receipts_of(pipeline.name).items()}
    days = pending(landed, receipts)
    return [_why(day, landed[day], day in receipts, newest.get(day)) for day in days]


@dataclass
class Backfill:
    """What a backfill did: its runs, the refusals it met, the days of the range that have not landed."""

    succeeded: list[Run] = field(default_factory=list)
    failed: list[Run] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    missing: list[date] = field(default_factory=list)


def plan(
    pipeline: Pipeline, first: date | str, last: date | str, batch: str = "day", again: bool = False
) -> tuple[list[Interval], list[date]]:
    """The intervals a backfill would run, and the days of its range that have not landed.

    What died is given its end before, so that the history is true even where nothing is left to do.
    """
    if batch not in ("day", "month"):
        raise BadParameter(f"batch: found {batch!r}, expected day or month")
    days = Interval.of(first, last).days
    running.resolve_dead()
    landed = pipeline.hashes(days)
    receipts = {day: receipt.source_hash for day, receipt in receipts_of(pipeline.name, days).items()}
    todo = list(landed) if again else pending(landed, receipts)
    return spans(todo, batch), [day for day in days if day not in landed]


def backfill(
    pipeline: Pipeline,
    first: date | str,
    last: date | str,
    batch: str = "day",
    again: bool = False,
    on_run: Callable[[Run], None] = lambda run: None,
) -> Backfill:
    """Load what is pending from `first` to `last`, both included; with `again`, whatever has landed.

    One run a day, or one for neighbouring days of a month (`batch="month"`); if such a span fails for good, or over a
    file that is still being written, its days run singly, so that a bad day sinks only itself. `on_run` is called with
    each finished run. Killed anywhere, the runs so far are done, and the same call goes on with the rest.
    """
    intervals, missing = plan(pipeline, first, last, batch, again)
    result = Backfill(missing=missing)
    while intervals:
        interval = intervals.pop(0)
        try:
            run = pipeline.attempt(interval, trigger="backfill")
        except Overlap as error:
            result.refused.append(str(error))
            continue
        except NotLanded:  # its file has vanished since the plan was made
            if len(interval.days) > 1:
                intervals = [*spans(interval.days, "day"), *intervals]
            else:
                result.missing.append(interval.start)
            continue
        if run.status == "succeeded":
            result.succeeded.append(run)
        elif tried_singly(run):
            intervals = [*spans(interval.days, "day"), *intervals]
        else:
            result.failed.append(run)
        on_run(run)
    return result


def tried_singly(run: Run) -> bool:
    """Does a backfill go on with the days of this failed run, one by one? Where the next span would fail alike: no."""
    of_one_file = run.permanent or (run.error or "").startswith(StillBeingWritten.__name__)
    return run.status == "failed" and bool(of_one_file) and len(run.interval.days) > 1


def _newest_runs(pipeline: str) -> dict[date, tuple[Run, str]]:
    """Day -> its newest run and the content hash that was to be loaded."""
    chosen = sa.select(last_runs.c.day, last_runs.c.source_hash, runs).join(runs, runs.c.run_id == last_runs.c.run_id)
    with reading(history.open_history()) as conn:
        rows = conn.execute(chosen.where(last_runs.c.pipeline == pipeline)).all()
    return {row[0]: (Run(**dict(zip(runs.c.keys(), row[2:], strict=True))), row[1]) for row in rows}


def _why(day: date, content: str, loaded: bool, newest: tuple[Run, str] | None) -> PendingDay:
    fresh = "changed" if loaded else "new"
    if newest is None:
        return PendingDay(day, fresh)
    run, attempted = newest
    if run.status == "failed" and run.retry_at:
        return PendingDay(day, "waiting", run.error)
    if run.status == "crashed" or (run.status == "running" and not running.is_alive(run.run_id)):
        return PendingDay(day, "crashed", run.error or "its process died")
    if run.status == "failed" and attempted == content:
        return PendingDay(day, "blocked" if run.blocked else fresh, run.error)
    if run.status == "succeeded" and attempted == content:
        message = f"run {run.run_id[:8]} loaded just this, but its receipt has another hash than landed() gives"
        return PendingDay(day, fresh, message)
    return PendingDay(day, fresh)

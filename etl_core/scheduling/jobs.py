"""What APScheduler calls: importable functions with plain arguments, because the job store keeps them as text.

They never raise and never print: what happens is in the history, and in lines for the operator. Every scheduled run is
one day, recorded as it goes, so a process that dies here loses at most the run it was in.
"""

from __future__ import annotations

from etl_core import faults, history
from etl_core.backlog import PendingDay, pending_days
from etl_core.errors import BadParameter, Overlap
from etl_core.failure import one_line
from etl_core.history import Run
from etl_core.interval import Interval
from etl_core.pipeline import Pipeline
from etl_core.scheduling import recovery
from etl_core.scheduling.journal import note, say
from etl_core.scheduling.scheduler import get_scheduler
from etl_core.scheduling.targets import pipeline_of
from etl_core.scheduling.work import at_work, turn

LIMIT = 31  # days a tick; what is left is for the next one
_idle: dict[str, bool] = {}


def tick(target: str, limit: int = LIMIT, notebook: bool = False) -> None:
    """Load what is pending, oldest first, at most `limit` days, each by a run of its own.

    Days that wait for a retry, are blocked, or are being run by another process are left alone. Ends after the run at
    hand when the scheduler is stopping.
    """
    try:
        pipeline = pipeline_of(target)
        with turn(pipeline.name) as mine:
            if mine:
                _say_next(pipeline.name, _load_pending(pipeline, limit, notebook))
            else:
                note("skipped", "another tick of this pipeline is at work", pipeline.name)
    except Exception as error:
        note("tick failed", f"{target}: {one_line(error)}", error=True)


def retry(target: str, run_id: str, notebook: bool = False) -> None:
    """The next attempt of a run that failed, if it still waits for one: not if its day was run in the meantime."""
    try:
        found = recovery.waiting_runs(run_id)
        if not found:
            say(f"run {run_id[:8]} no longer waits for a retry")
        elif get_scheduler().is_paused(found[0].pipeline):
            say(f"{found[0].pipeline}: the retry of {found[0].interval} waits: the schedule is paused")
        else:
            _retry(pipeline_of(target), found[0], notebook)
    except Exception as error:
        note("retry put off", f"{target}: {one_line(error)}", run_id=run_id, error=True)
        get_scheduler().sweep_soon()


def _load_pending(pipeline: Pipeline, limit: int, notebook: bool) -> int:
    """Returns how many days it tried."""
    get_scheduler().sweep()
    newest = history.newest_of_days(pipeline.name)  # read first: what begins after this is noticed
    busy = history.newest_runs(pipeline=pipeline.name, status="running")
    for run in busy:
        say(f"{pipeline.name}: {run.interval} is left to run {run.run_id[:8]} (pid {run.pid} on {run.host})")
    todo = [day for day in pending_days(pipeline) if day.reason in ("new", "changed", "crashed")]
    todo = [one for one in todo if not any(one.day in run.interval for run in busy)]
    tried = _deadly_last(pipeline, todo)[:limit]
    for n, one in enumerate(tried):
        if get_scheduler().stopping.is_set():
            return n
        try:
            _run(pipeline, Interval.of(one.day), notebook, trigger="scheduled", after=newest.get(one.day, ""))
        except BadParameter as error:  # gone from the landing zone since; an event has it
            say(f"{pipeline.name}: {error}", error=True)
    return len(tried)


def _say_next(name: str, tried: int) -> None:
    """What comes next; said once while there is nothing to do."""
    if tried or not _idle.get(name):
        _idle[name] = not tried
        due = get_scheduler().next_run(name)
        what = f"next tick at {due.astimezone():%Y-%m-%d %H:%M:%S %Z}" if due else "no next tick"
        say(f"{name}: {what}" if tried else f"{name}: nothing is pending; {what}")


def _deadly_last(pipeline: Pipeline, days: list[PendingDay]) -> list[PendingDay]:
    """Oldest first, but a day whose last two runs both died comes last: what kills the process must not stop others."""
    crashed = {one.day for one in days if one.reason == "crashed"}
    deadly = {day for day in crashed if history.deaths_in_a_row(pipeline.name, day) > 1}
    return sorted(days, key=lambda one: (one.day in deadly, one.day))


def _retry(pipeline: Pipeline, failed: Run, notebook: bool) -> None:
    days = failed.interval.days
    if len(pipeline.hashes(days)) < len(days):
        recovery.give_up(failed, "what had landed is gone")
        return
    given = {"attempt": failed.attempt + 1, "retry_of": failed.run_id, "after": failed.run_id}
    _run(pipeline, failed.interval, notebook, trigger="retry", **given)


def _run(pipeline: Pipeline, interval: Interval, notebook: bool, **given: object) -> None:
    """One run; if it failed and is to be tried again, its alarm. BadParameter: it cannot begin."""
    with at_work(pipeline, interval) as work:
        try:
            if notebook:
                from etl_core.scheduling import child

                run = child.run_notebook(pipeline, interval, work, given)
            else:
                run = pipeline.attempt(interval, **given)
        except Overlap as error:
            say(f"{pipeline.name}: {error}")
            return
        if run is None:
            return
        if run.status == "succeeded":
            rejected = f", {run.rows_rejected:,} rejected" if run.rows_rejected else ""
            say(f"{pipeline.name}: {interval} loaded: {run.rows_loaded:,} rows{rejected}, {run.duration_s or 0:.2f} s")
        else:
            _after_failure(pipeline, run, notebook)


def _after_failure(pipeline: Pipeline, run: Run, notebook: bool) -> None:
    what = f"{run.interval}, attempt {run.attempt}"
    error = (run.error or "").partition("\n")[0]
    say(f"{pipeline.name}: {what} {run.status}: {error}", error=True)
    if not run.retry_at:
        if run.blocked:
            say(f"{pipeline.name}: {run.interval} is blocked until its content changes or somebody runs it", error=True)
        return
    try:
        faults.fire("retry.before-alarm")
        if get_scheduler().set_alarm(run, notebook):
            message = f"{what} failed; the next at {run.retry_at:%Y-%m-%d %H:%M:%S} UTC"
            note("retry stored", message, run.pipeline, run.run_id)
    except Exception as error:
        say(f"{pipeline.name}: the alarm could not be set now ({one_line(error)}); the sweep sets it", error=True)
        get_scheduler().sweep_soon()

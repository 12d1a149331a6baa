"""Retries that survive: the history says that a run waits, the job store holds the alarm that wakes it.

The history is the truth. `failed` and `retry_at` are committed in one transaction; the alarm comes after it, so a
process may die in between, and APScheduler takes an alarm out of its store before the retry has begun. In both cases
the run still says `retry_at`, is still the newest of its day and has no alarm: the sweep at start-up and at every tick
puts it back. That a retry begins twice is excluded elsewhere: it begins only `after` the run it retries.
"""

from __future__ import annotations

import sqlalchemy as sa

from etl_core import faults, history, running
from etl_core.history import Run, last_runs, runs
from etl_core.scheduling.background import Background
from etl_core.scheduling.journal import note, say

RETRY_JOB = "etl_core.scheduling.jobs:retry"


def recover(background: Background) -> None:
    """At start-up, before any job runs: end what died, set the alarms that are missing.

    Killed in here, what was done is committed, and the next start does the rest.
    """
    for run in running.resolve_dead():
        say(f"recovered: {run.pipeline}: {run.interval}: its process died; {run.status}")
    faults.fire("recovery")
    restore_alarms(background)


def restore_alarms(background: Background) -> None:
    """Set the alarm of every waiting run that has none, in the store or at work."""
    waiting = waiting_runs()
    if not waiting:
        return
    store = background._jobstores["default"]
    known = store.ids() | set(background.pool.at_work())
    for run in waiting:
        if alarm_id(run) in known:
            continue
        job = store.lookup_job(run.pipeline)
        given = job.kwargs if job else {"target": run.target}
        if not given["target"]:
            message = f"{run.interval}: neither a schedule nor the run says how to import its pipeline"
            note("alarm lost", message, run.pipeline, run.run_id)
        elif not (job and job.next_run_time is None):  # a paused schedule's retries wait for resume()
            set_alarm(background, run, given["target"], given.get("notebook", False))
            message = f"{run.interval}: attempt {run.attempt + 1} at {run.retry_at:%Y-%m-%d %H:%M:%S} UTC"
            note("alarm restored", message, run.pipeline, run.run_id)


def set_alarm(background: Background, run: Run, target: str, notebook: bool) -> None:
    """Store the job that retries `run` at its `retry_at`; there is one for a run, however often this is called."""
    background.add_job(
        RETRY_JOB,
        "date",
        run_date=run.retry_at,
        id=alarm_id(run),
        name=f"attempt {run.attempt + 1}",
        kwargs={"target": target, "run_id": run.run_id, "notebook": notebook},
        replace_existing=True,
    )


def alarm_id(run: Run) -> str:
    return f"retry|{run.pipeline}|{run.interval}|{run.attempt + 1}"


def waiting_runs(run_id: str | None = None) -> list[Run]:
    """Failed runs that say when to try again and are still the newest of a day: all, or the one with this id."""
    newest = sa.select(last_runs.c.run_id)
    chosen = sa.select(runs).where(runs.c.status == "failed", runs.c.retry_at.is_not(None), runs.c.run_id.in_(newest))
    if run_id:
        chosen = chosen.where(runs.c.run_id == run_id)
    return history.read(chosen.order_by(runs.c.retry_at))


def give_up(run: Run, reason: str) -> None:
    """Take back the promise of a retry that can never begin; the day is pending again if it lands again."""
    with history.open_history().begin() as conn:
        conn.execute(sa.update(runs).where(runs.c.run_id == run.run_id).values(retry_at=None))
    note("retry given up", f"{run.interval}: {reason}", run.pipeline, run.run_id)

"""The scheduler: one for a process and state folder, and the schedules it keeps, by the names of their pipelines.

Schedules are stored in `jobs.db`, so after `kill -9` at any moment the next start has them all, with the next run where
it was.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError

from etl_core import running, settings
from etl_core.errors import BadParameter
from etl_core.history import Run
from etl_core.pipeline import Pipeline
from etl_core.scheduling import recovery, store, work
from etl_core.scheduling.journal import note
from etl_core.scheduling.life import Life
from etl_core.scheduling.targets import importable, name_of
from etl_core.scheduling.when import When, when

TICK = "etl_core.scheduling.jobs:tick"
SWEEP = 30.0  # seconds after which an alarm that could not be set is tried again
_schedulers: dict[tuple[int, Path], Scheduler] = {}


def get_scheduler() -> Scheduler:
    """The one scheduler of this process and ETL_HOME; calling it again, also from a cell run twice, is harmless."""
    return _schedulers.setdefault((os.getpid(), settings.current().home), Scheduler())


class Scheduler(Life):
    """Schedules by pipeline name. `start()` first; what it stores outlives it."""

    def __init__(self) -> None:
        super().__init__()
        self._sweep_at: float | None = None

    def add_schedule(
        self,
        pipeline: Pipeline | str,
        every: float | None = None,
        cron: str | None = None,
        hourly: bool = False,
        daily: str | None = None,
        timezone: str | None = None,
        limit: int = 31,
        notebook: bool = False,
    ) -> str:
        """Run a pipeline's pending days at these times (see `when`), `limit` days a tick; returns what that changed.

        "added", "changed" or "unchanged": an unchanged one keeps its next run and its pause. The pipeline must be
        importable as MODULE:NAME, because the process that runs it next may be another one.
        """
        chosen = when(every, cron, hourly, daily, timezone)
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise BadParameter(f"limit: found {limit!r}, expected a number of days, at least 1")
        name, target = importable(pipeline)
        if notebook:
            from etl_core.scheduling import child

            child.check(target)
        given = {"target": target, "limit": limit, "notebook": notebook}
        return self._store(name, chosen, given)

    def remove(self, pipeline: Pipeline | str) -> None:
        """Forget a schedule. A retry that waits was promised by its run, not by the schedule: it stays."""
        name = name_of(pipeline)
        try:
            self._running().remove_job(name)
        except JobLookupError:
            raise self._unknown(name) from None
        note("schedule removed", "by hand", name)

    def pause(self, pipeline: Pipeline | str | None = None) -> None:
        """Nothing of this schedule, or of all, is started until `resume`, restarts included."""
        for job in self._chosen(pipeline):
            if job.next_run_time is not None:
                job.pause()
                note("paused", "no ticks and no retries until it is resumed", job.id)

    def resume(self, pipeline: Pipeline | str | None = None) -> None:
        for job in self._chosen(pipeline):
            if job.next_run_time is None:
                job.resume()
                note("resumed", "ticks and retries go on", job.id)
        recovery.restore_alarms(self._running())
        self.sweep_soon()  # for an alarm that was held this very moment

    def run_now(self, pipeline: Pipeline | str) -> None:
        """One tick of a stored schedule at once, beside its times, also when it is paused."""
        [job] = self._chosen(pipeline)
        given = {"id": f"now|{job.id}", "name": "now", "kwargs": job.kwargs, "replace_existing": True}
        self._running().add_job(TICK, "date", run_date=datetime.now(UTC), **given)

    def schedules(self) -> list[store.Stored]:
        """What is stored, waiting retries included, soonest first."""
        return store.stored_schedules()

    def at_work(self) -> list[work.Work]:
        """The runs under way in this process."""
        return work.works()

    # ---- for the jobs; without effect in a process whose scheduler is not running

    def sweep(self) -> None:
        """End what died, set the alarms that are missing."""
        running.resolve_dead()
        if self._background:
            recovery.restore_alarms(self._background)

    def sweep_soon(self) -> None:
        self._sweep_at = time.monotonic() + SWEEP

    def set_alarm(self, run: Run, notebook: bool) -> bool:
        """Store the job that retries `run`; False without a scheduler: then the next one to start does it."""
        if self._background:
            recovery.set_alarm(self._background, run, run.target, notebook)
        return self._background is not None

    def next_run(self, name: str) -> datetime | None:
        """When a schedule is due next; None where it is paused or unknown."""
        job = self._background.get_job(name) if self._background else None
        return job.next_run_time if job else None

    def is_paused(self, name: str) -> bool:
        job = self._background.get_job(name) if self._background else None
        return job is not None and job.next_run_time is None

    # ---- inside

    def _store(self, name: str, chosen: When, given: dict[str, object]) -> str:
        background = self._running()
        job = background.get_job(name)
        if job and (job.name, job.kwargs) == (str(chosen), given):
            return "unchanged"
        options = {"id": name, "name": str(chosen), "kwargs": given, "replace_existing": True}
        if job and job.next_run_time is None:
            options["next_run_time"] = None  # a change does not end a pause
        background.add_job(TICK, chosen.trigger(), **options)
        outcome = "changed" if job else "added"
        how = ", as notebooks" if given["notebook"] else ""
        days = "1 day" if given["limit"] == 1 else f"{given['limit']} days"
        note(f"schedule {outcome}", f"{chosen}, {days} a tick{how}", name)
        return outcome

    def _chosen(self, pipeline: Pipeline | str | None) -> list[Job]:
        jobs = [job for job in self._running().get_jobs() if "|" not in job.id]
        found = [job for job in jobs if pipeline is None or job.id == name_of(pipeline)]
        if pipeline is not None and not found:
            raise self._unknown(name_of(pipeline))
        return found

    def _unknown(self, name: str) -> BadParameter:
        names = ", ".join(one.id for one in store.stored_schedules() if one.kind == "schedule") or "none"
        return BadParameter(f"schedule: there is none named {name!r}; there are {names}")

    def _duties(self) -> None:
        super()._duties()
        if self._sweep_at is not None and time.monotonic() > self._sweep_at:
            self._sweep_at = None
            recovery.restore_alarms(self._background)

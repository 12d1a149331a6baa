"""The scheduler: one for a process and state folder, holding the lock that makes it the only one of that folder.

Starting is paused until what an earlier process left is in order: dead runs resolved, lost alarms set. Schedules are
stored in `jobs.db`, so after `kill -9` at any moment the next start has them all, with the next run where it was.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError

from etl_core import history, running, settings
from etl_core.errors import BadParameter, EtlError
from etl_core.history import Run
from etl_core.locks import Lock
from etl_core.pipeline import Pipeline
from etl_core.scheduling import holder, recovery, store, work
from etl_core.scheduling.background import Background
from etl_core.scheduling.job_store import open_store
from etl_core.scheduling.journal import note
from etl_core.scheduling.targets import importable, name_of
from etl_core.scheduling.when import When, when

TICK = "etl_core.scheduling.jobs:tick"
SWEEP = 30.0  # seconds after which an alarm that could not be set is tried again
_schedulers: dict[tuple[int, Path], Scheduler] = {}


def get_scheduler() -> Scheduler:
    """The one scheduler of this process and ETL_HOME; calling it again, also from a cell run twice, is harmless."""
    return _schedulers.setdefault((os.getpid(), settings.current().home), Scheduler())


class Scheduler:
    """Schedules by pipeline name. `start()` first; what it stores outlives it."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._background: Background | None = None
        self._lock: Lock | None = None
        self._sweep_at: float | None = None
        self._file: int | None = None  # the inode of the job store
        self._turn = threading.RLock()  # starting and stopping, one after the other
        self._starting = False
        self.failed: str | None = None  # why it runs nothing any more

    @property
    def alive(self) -> bool:
        """Will due jobs be started? True only while its thread and its job store are really there."""
        return self._background is not None and self._background.alive and self.failed is None

    @property
    def state(self) -> str:
        """stopped, starting, running, stopping, or failed: it was started and runs nothing any more."""
        if self._starting:
            return "starting"
        if self._background is None:
            return "stopped"
        if self.stopping.is_set():
            return "stopping"
        return "running" if self.alive else "failed"

    def start(self) -> Scheduler:
        """Begin to run what is stored. Refused if another scheduler has this state folder: host, pid, since when.

        Killed before the end of this, nothing has run yet, and the next start does the same again.
        """
        with self._turn:
            if not self.alive:
                self._starting = True
                try:
                    self._start()
                finally:
                    self._starting = False
        return self

    def _start(self) -> None:
        if self._background is not None:
            self._end()  # it has failed
        history.open_history()
        lost = store.is_new() and holder.last_start() is not None
        jobs = open_store()
        self._lock = holder.take()
        self._background = Background(jobs, self._duties)
        self.stopping.clear()
        try:
            self._background.start(paused=True)
            note("started", f"pid {os.getpid()} on {socket.gethostname()}, state folder {settings.current().home}")
            if lost:
                note("schedules lost", "jobs.db is gone, and with it what was scheduled; data and history are not")
            recovery.recover(self._background)
            self._background.bring_forward()
            self._file, self.failed = store.path().stat().st_ino, None
            self._background.resume()
        except BaseException as error:
            self._end()
            if isinstance(error, Exception) and not isinstance(error, EtlError):
                raise EtlError(f"the scheduler could not start: {type(error).__name__}: {error}") from error
            raise

    def stop(self, wait: float = 5.0) -> str:
        """Start nothing more, wait up to `wait` seconds for what is running, and give the lock back.

        Returns how it went: "idle", "waited", or "abandoned": a run in a child process is then killed, one in a thread
        goes on until this process ends, and is found dead by the next scheduler if it was not done by then.
        """
        with self._turn:
            return "idle" if self._background is None else self._stop(wait)

    def _stop(self, wait: float) -> str:
        self.stopping.set()
        background, deadline = self._background, time.monotonic() + wait
        background.pause()
        outcome = "waited" if background.pool.at_work() else "idle"
        while background.pool.at_work() and time.monotonic() < deadline:
            time.sleep(0.02)
        left = ", ".join(map(str, work.works())) if background.pool.at_work() else ""
        if background.pool.at_work():
            outcome = "abandoned"
            work.kill_children()
        self._end()
        note("stopped", f"pid {os.getpid()}: {outcome}" + (f": {left}" if left else ""))
        return outcome

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
            raise BadParameter(f"schedule: there is none named {name!r}; there are {self._names()}") from None
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

    def _running(self) -> Background:
        if self._background is None:
            raise EtlError("the scheduler is not running: call get_scheduler().start() first")
        return self._background

    def _chosen(self, pipeline: Pipeline | str | None) -> list[Job]:
        jobs = [job for job in self._running().get_jobs() if "|" not in job.id]
        found = [job for job in jobs if pipeline is None or job.id == name_of(pipeline)]
        if pipeline is not None and not found:
            raise BadParameter(f"schedule: there is none named {name_of(pipeline)!r}; there are {self._names()}")
        return found

    def _names(self) -> str:
        return ", ".join(one.id for one in store.stored_schedules() if one.kind == "schedule") or "none"

    def _duties(self) -> None:
        if self.failed is None and (failed := self._what_is_lost()):
            note("failed", f"{failed}; start it again", error=True)
            self._background.pause()
            self.failed = failed
        work.note_overdue()
        if self._sweep_at is not None and time.monotonic() > self._sweep_at:
            self._sweep_at = None
            recovery.restore_alarms(self._background)

    def _what_is_lost(self) -> str | None:
        """What it cannot go on without."""
        file = store.path()
        gone = not file.exists() or file.stat().st_ino != self._file
        if gone or not self._background._jobstores["default"].is_there():
            return f"{file} was deleted or replaced while the scheduler ran"
        if not self._lock.held():
            return "the database session that held the scheduler's lock has ended, so another one may have it now"
        return None

    def _end(self) -> None:
        background, self._background = self._background, None
        try:
            if background.running:
                background.shutdown(wait=False)
        finally:
            holder.release(self._lock)

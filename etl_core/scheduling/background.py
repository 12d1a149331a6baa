"""APScheduler's background scheduler, made to survive and to know what it left out.

Its own thread dies of an exception while `running` stays True, a last pass at shutdown advances jobs without running
them, and ticks that were missed or rolled into one leave no trace. Here the thread goes on, looks up at least every
`HEARTBEAT` seconds (so a machine that slept, or whose clock was moved, is noticed), and notes what was left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.executors.base import MaxInstancesReachedError
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_STOPPED
from apscheduler.triggers.interval import IntervalTrigger

from etl_core.logs import log
from etl_core.scheduling.journal import note, say, ticks

HEARTBEAT = 15.0  # seconds
JOB_DEFAULTS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}  # late is better than never; once


class Background(BackgroundScheduler):
    """`duties` is called at every look; what it raises is logged."""

    def __init__(self, store: BaseJobStore, duties: Callable[[], None]) -> None:
        self.pool = Pool()
        self.started_at: datetime | None = None
        self._duties = duties
        self._clocks = (time.time(), time.monotonic())
        super().__init__(
            jobstores={"default": store},
            executors={"default": self.pool},
            job_defaults=JOB_DEFAULTS,
            timezone=UTC,
            jobstore_retry_interval=1,
            logger=log().getChild("apscheduler"),
        )
        self._logger.setLevel("WARNING")

    @property
    def alive(self) -> bool:
        """Is there a thread that will start jobs? (`running` alone would say yes when the thread has died.)"""
        thread = self._thread
        return self.running and thread is not None and thread.is_alive()

    def start(self, paused: bool = False) -> None:
        self.started_at = datetime.now(UTC)
        super().start(paused)

    def _process_jobs(self) -> float:
        if self.state == STATE_STOPPED:
            return 0.0  # shutdown() wakes the loop once more: due jobs must stay due
        try:
            if self._clock_was_moved_back():
                self.bring_forward()
            self._duties()
            wait = super()._process_jobs()
        except Exception as error:
            say(f"looking for due jobs failed, again in a second: {type(error).__name__}: {error}", error=True)
            return 1.0
        return HEARTBEAT if wait is None else min(wait, HEARTBEAT)

    def bring_forward(self) -> None:
        """Where a next run lies further off than its schedule allows, the clock was moved back: make it sooner."""
        now = datetime.now(UTC)
        for job in self.get_jobs():
            if job.next_run_time is None or job.trigger.get_next_fire_time(job.next_run_time, now) is None:
                continue  # paused, or due only once
            trigger = job.trigger
            steps = isinstance(trigger, IntervalTrigger)
            latest = now + trigger.interval if steps else trigger.get_next_fire_time(None, now)
            if job.next_run_time > latest + timedelta(seconds=1):
                note(
                    "clock moved",
                    f"the next run was at {job.next_run_time:%Y-%m-%d %H:%M:%S %Z}; now {latest:%Y-%m-%d %H:%M:%S %Z}",
                    job.id,
                )
                self.modify_job(job.id, next_run_time=latest)

    def _clock_was_moved_back(self) -> bool:
        wall, steady = self._clocks
        self._clocks = (time.time(), time.monotonic())
        return (self._clocks[0] - wall) - (self._clocks[1] - steady) < -2


class Pool(ThreadPoolExecutor):
    """Runs jobs in threads, and notes ticks that were missed, coalesced or skipped."""

    def __init__(self) -> None:
        super().__init__(max_workers=10)
        self._skipped: dict[str, list[datetime]] = {}

    def start(self, scheduler: Background, alias: str) -> None:
        super().start(scheduler, alias)
        self._logger = log().getChild("jobs")
        self._logger.setLevel("WARNING")

    def shutdown(self, wait: bool = True) -> None:
        self._pool.shutdown(wait, cancel_futures=True)

    def at_work(self) -> list[str]:
        """Ids of the jobs that were submitted and have not ended."""
        with self._lock:
            return [job_id for job_id, count in self._instances.items() if count > 0]  # ended at once: a 0 stays

    def submit_job(self, job: Job, run_times: list[datetime]) -> None:
        due = job._get_run_times(run_times[-1])  # all that were due; run_times is what coalescing left of them
        try:
            super().submit_job(job, run_times)
        except MaxInstancesReachedError:
            if not job.id.startswith("retry|"):  # one that the sweep set again while it had just begun
                self._skip(job.id, due)
            raise
        if "|" not in job.id:
            self._note_late(job.id, due)

    def _note_late(self, name: str, due: list[datetime]) -> None:
        missed = [time for time in due if time < self._scheduler.started_at]
        if missed:
            note("missed", f"{ticks(missed)} due while no scheduler was running", name)
        if len(due) > 1:
            note("coalesced", f"{ticks(due)} run as one", name)

    def _skip(self, name: str, due: list[datetime]) -> None:
        if name in self._skipped:
            self._skipped[name] += due
        else:  # told at once; those that follow are told together when the job has ended
            self._skipped[name] = []
            note("skipped", f"{ticks(due)} left out, the one before is still at work", name)

    def _run_job_success(self, job_id: str, events: list) -> None:
        super()._run_job_success(job_id, events)
        more = self._skipped.pop(job_id, None)
        if more:
            note("skipped", f"{ticks(more)} more left out, the one before was still at work", job_id)

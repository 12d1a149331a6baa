"""Months of schedules in a second: APScheduler's own triggers, store and job code under a clock that jumps.

The clock goes straight to the next moment at which something happens: a tick is due, a job ends, an outage ends. It is
private to the simulation: the code of APScheduler is the real one, only the `datetime` it sees is another, so a live
scheduler in the same process does not notice.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

from apscheduler.events import EVENT_JOB_MISSED
from apscheduler.executors.base import BaseExecutor, MaxInstancesReachedError, run_job
from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.base import BaseScheduler

from etl_core.errors import BadParameter
from etl_core.logs import log
from etl_core.scheduling.background import JOB_DEFAULTS
from etl_core.scheduling.job_store import JobStore
from etl_core.scheduling.when import When, when

if TYPE_CHECKING:
    import pandas as pd

Span = tuple[datetime, datetime]
Work = Callable[[str, datetime], float | None]
_running: dict[str, Simulation] = {}  # the jobs in a store name their simulation; functions cannot be stored


def simulate(
    schedules: Mapping[str, When | str | float],
    start: datetime,
    end: datetime,
    outages: Sequence[Span] = (),
    job: Work | None = None,
    timezone: str = "UTC",
    misfire_grace: int | None = None,
    coalesce: bool = True,
    max_instances: int = 1,
    store: Path | None = None,
) -> pd.DataFrame:
    """What would fire from `start` up to, and not including, `end`: a row for each scheduled time of each schedule.

    `schedules`: name -> `when(…)`, or cron text, or seconds. `outages`: spans in which no scheduler runs. `job(name,
    scheduled)` is called for each tick that runs and returns how many seconds it takes (None: no time). `store` is a
    file for the jobs; without one they are in memory. Datetimes without zone are taken in `timezone`.

    Columns: schedule; scheduled, actual and finished (UTC; the last two are NaT if it did not run); and outcome: `ran`
    (to its end, or until an outage killed it); `coalesced` (due with later ones, the last of which stands for all);
    `missed` (later than `misfire_grace` allows); `overlapped` (refused, the one before was still at work); `down` (due
    in an outage that lasts past the end).
    """
    import pandas as pd

    zone = when(every=1, timezone=timezone).trigger().timezone
    begin, stop = _aware(start, zone, "start"), _aware(end, zone, "end")
    down = sorted((_aware(a, zone, "outages"), _aware(b, zone, "outages")) for a, b in outages)
    options = {"misfire_grace_time": misfire_grace, "coalesce": coalesce, "max_instances": max_instances}
    world = Simulation(begin, job or (lambda name, scheduled: None), store, {**JOB_DEFAULTS, **options})
    for name, spec in schedules.items():
        trigger = (spec if isinstance(spec, When) else _when(spec, timezone)).trigger(start=begin)
        world.add_job("etl_core.scheduling.simulate:_fire", trigger, id=name, args=[world.key, name])
    world.run(stop, down)
    frame = pd.DataFrame(world.rows, columns=["schedule", "scheduled", "outcome", "actual", "finished"])
    for column in ("scheduled", "actual", "finished"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame.sort_values(["scheduled", "schedule"], kind="stable", ignore_index=True)


class Clock:
    """Stands in for the class `datetime` in APScheduler's code, which asks it only for `now`."""

    def __init__(self, time: datetime) -> None:
        self.time = time

    def now(self, zone: tzinfo | None = None) -> datetime:
        return self.time.astimezone(zone)


class Simulation(BaseScheduler):
    """The real scheduler with another clock, no thread, and an executor that works in virtual time."""

    def __init__(self, start: datetime, job: Work, store: Path | None, defaults: dict[str, object]) -> None:
        self.clock, self.job, self.rows = Clock(start), job, []
        self.key = str(id(self))
        self.virtual = VirtualExecutor(self.clock, self.rows)
        jobs: BaseJobStore = JobStore(f"sqlite:///{store}") if store else MemoryJobStore()
        super().__init__(
            jobstores={"default": jobs},
            executors={"default": self.virtual},
            job_defaults=defaults,
            timezone=UTC,
            logger=log().getChild("simulation"),
        )
        self._logger.setLevel("CRITICAL")
        for name in ("_process_jobs", "_real_add_job"):
            setattr(self, name, _with_clock(getattr(BaseScheduler, name), self.clock).__get__(self))

    def run(self, end: datetime, outages: Sequence[Span]) -> None:
        _running[self.key] = self
        self.start()
        try:
            outages = list(outages)
            while (due := self._next()) is not None and due < end:
                if outages and outages[0][0] <= due:  # the process dies; its successor looks for what is due
                    killed, due = outages.pop(0)
                    self.virtual.end_jobs(killed)
                    if due >= end:
                        break
                self.clock.time = max(due, self.clock.time)
                self.virtual.end_jobs()
                self._process_jobs()
                if self.virtual.error:
                    raise self.virtual.error
            for job in self.get_jobs():
                due_in_vain = job._get_run_times(end - timedelta(microseconds=1))
                self.rows += [[job.id, time, "down", None, None] for time in due_in_vain]
        finally:
            del _running[self.key]
            self.shutdown()

    def wakeup(self) -> None:
        """Nobody sleeps here: `run` asks for what is next."""

    def shutdown(self) -> None:
        super().shutdown()  # abstract in the base class, which does all there is to do

    def _next(self) -> datetime | None:
        times = (self._jobstores["default"].get_next_run_time(), self.virtual.next_end())
        return min((time.astimezone(UTC) for time in times if time is not None), default=None)


class VirtualExecutor(BaseExecutor):
    """Calls the job at once, and counts it as running until its seconds have passed on the clock."""

    def __init__(self, clock: Clock, rows: list[list]) -> None:
        super().__init__()
        self._clock, self._rows = clock, rows
        self._ends: list[tuple[datetime, int, str]] = []
        self._run_job = _with_clock(run_job, clock)
        self.error: BaseException | None = None

    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        super().start(scheduler, alias)
        self._logger = log().getChild("simulated-jobs")
        self._logger.setLevel("CRITICAL")

    def submit_job(self, job: Job, run_times: list[datetime]) -> None:
        due = job._get_run_times(self._clock.time)
        self._note(job, "coalesced", [time for time in due if time not in run_times])
        try:
            super().submit_job(job, run_times)
        except MaxInstancesReachedError:
            self._note(job, "overlapped", run_times)
            raise

    def _do_submit_job(self, job: Job, run_times: list[datetime]) -> None:
        submitted = self._clock.time
        for time in run_times:  # one after the other, so a later one may be missed while an earlier one works
            began = self._clock.time
            job.kwargs = {"scheduled": time}  # of this copy; the stored job has none
            [event] = self._run_job(job, job._jobstore_alias, [time], self._logger.name)
            job.kwargs = {}
            if event.code == EVENT_JOB_MISSED:
                self._note(job, "missed", [time])
            elif event.exception:
                self.error = event.exception
            else:
                self._clock.time = began + timedelta(seconds=event.retval or 0.0)
                self._rows.append([job.id, time, "ran", began, self._clock.time])
        heapq.heappush(self._ends, (self._clock.time, len(self._rows), job.id))
        self._clock.time = submitted

    def _note(self, job: Job, outcome: str, times: list[datetime]) -> None:
        self._rows += [[job.id, time, outcome, None, None] for time in times]

    def next_end(self) -> datetime | None:
        return self._ends[0][0] if self._ends else None

    def end_jobs(self, killed: datetime | None = None) -> None:
        """End the jobs whose time is over; with `killed`, all that are at work, because the process ended then."""
        while self._ends and (killed or self._ends[0][0] <= self._clock.time):
            self._run_job_success(heapq.heappop(self._ends)[2], [])
        for row in self._rows if killed else []:
            if row[3] and row[3] >= killed:  # it stood in line behind the one that was killed
                row[2:] = ["missed", None, None]
            elif row[3]:
                row[4] = min(row[4], killed)


def _fire(key: str, name: str, scheduled: datetime | None = None) -> float | None:
    return _running[key].job(name, scheduled)


def _with_clock(function: FunctionType, clock: Clock) -> FunctionType:
    """The same code, in a copy of its module's names where `datetime` is the clock."""
    names = {**function.__globals__, "datetime": clock}
    return FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)


def _when(spec: str | float, timezone: str) -> When:
    return when(cron=spec, timezone=timezone) if isinstance(spec, str) else when(every=spec, timezone=timezone)


def _aware(time: datetime, zone: tzinfo, name: str) -> datetime:
    if not isinstance(time, datetime):
        raise BadParameter(f"{name}: found {time!r}, expected a datetime")
    return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)

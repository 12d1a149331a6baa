"""One look at a pipeline and its scheduler: everything the panel shows, as plain values.

Truth comes from the history, the receipts and the locks of this moment, never from what a button did before. So it is
the same after a restart of the kernel, in a second notebook, and while `etl` is at work in a terminal.
"""

from __future__ import annotations

import os
import socket
import statistics
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from etl_core.history import Event, Run, StageRun
from etl_core.pipeline import Pipeline
from etl_core.scheduling.holder import Holder
from etl_core.scheduling.store import Stored
from etl_core.views.room.facts import Facts

USUAL = 20  # newest successful runs whose median is "usual"
LEFT_OUT = ("missed", "coalesced", "skipped")


@dataclass(frozen=True)
class Working:
    """A run that the history calls running; `state` is running, overdue or died."""

    run: Run
    state: str
    seconds: float
    usual: float | None
    stage: StageRun | None  # the one it is in, as far as it is recorded

    @property
    def slow(self) -> bool:
        return is_slow(self.seconds, self.usual)


def is_slow(seconds: float, usual: float | None) -> bool:
    """More than twice as long as usual, and by more than a second."""
    return usual is not None and seconds > max(2 * usual, usual + 1)


@dataclass(frozen=True)
class View:
    """`state`: running, starting, stopping, stopped, paused, failed, or held (another process has the scheduler)."""

    at: datetime
    pipeline: Pipeline
    state: str
    facts: Facts
    holder: Holder | None = None  # of the scheduler's lock, this process or another
    why: str | None = None  # of failed
    armed: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    exports: str = ""  # what a terminal needs before the commands that are shown, see terminal.py

    @cached_property
    def schedule(self) -> Stored | None:
        return next((one for one in self.facts.stored if one.id == self.pipeline.name), None)

    @cached_property
    def working(self) -> tuple[Working, ...]:
        """What the runs that are called running are at."""
        return tuple(map(self._working, self.facts.running))

    @cached_property
    def days(self) -> dict[date, str]:
        """Each day that has landed, and days without a file between them: loaded, pending, waiting, blocked, running
        or missing."""
        facts, found = self.facts, {}
        for day in facts.landed:
            found[day] = "loaded"
        for one in facts.pending:
            found[one.day] = one.reason if one.reason in ("waiting", "blocked") else "pending"
        for one in self.at_work:
            found |= {day: "running" for day in one.run.interval.days if day in facts.landed}
        if found:
            first, last = min(found), max(found)
            span = (first + timedelta(days=n) for n in range((last - first).days))
            found |= {day: "missing" for day in span if day not in found}
        return dict(sorted(found.items()))

    @cached_property
    def counts(self) -> Counter[str]:
        return Counter(self.days.values())

    @property
    def behind(self) -> list[date]:
        """Days that have landed and are not loaded, oldest first."""
        return [one.day for one in self.facts.pending]

    @cached_property
    def whole_to(self) -> date | None:
        """The newest day that is loaded with nothing pending before it."""
        oldest = self.behind[0] if self.behind else None
        return max((day for day in self.facts.loaded if oldest is None or day < oldest), default=None)

    @property
    def at_work(self) -> list[Working]:
        return [one for one in self.working if one.state != "died"]

    @property
    def died(self) -> list[Working]:
        """Runs whose process is gone and whose end nobody has written yet: the next start or run does."""
        return [one for one in self.working if one.state == "died"]

    @cached_property
    def since_start(self) -> list[Event]:
        """What happened since the scheduler was last started, newest first."""
        started = self.facts.started
        return [one for one in self.facts.events if one.id > started.id] if started else []

    @cached_property
    def recovered(self) -> list[Event]:
        """Runs whose process had died, resolved since the scheduler was last started."""
        return [one for one in self.since_start if one.kind == "recovered"]

    @property
    def blocked(self) -> list[tuple[date, str, str]]:
        """Days that need a person: the day, its error, the id of its run."""
        return [(p.day, p.error or "", self.facts.newest.get(p.day, "")) for p in self.facts.pending
                if p.reason == "blocked"]  # fmt: skip

    @property
    def holder_is_me(self) -> bool:
        return self.holder is not None and (self.holder.pid, self.holder.host) == (os.getpid(), socket.gethostname())

    @property
    def paused(self) -> bool:
        return self.schedule is not None and self.schedule.paused

    @property
    def ticking(self) -> bool:
        """Will somebody load what is pending, here or in another process?"""
        return self.state in ("running", "starting", "held") and self.schedule is not None and not self.paused

    @property
    def goes_on(self) -> str:
        """The buttons that make ticks and retries come again, where `ticking` is not so."""
        if self.state in ("running", "paused", "starting", "stopping"):
            return "Resume" if self.paused else "Start"
        buttons = "Start, then Resume" if self.paused else "Start"
        if self.state == "held":
            there = "Resume in its room, if it has one; else " if self.paused else ""
            return f"{there}{buttons}, once the other scheduler is stopped"
        return buttons

    @property
    def next_retry(self) -> Run | None:
        """The failed run that is tried again first."""
        return min(self.facts.waiting, key=lambda run: run.retry_at, default=None)

    @property
    def due(self) -> datetime | None:
        return self.schedule.next_run if self.schedule else None

    def usual(self, days: int = 1) -> float | None:
        """The median seconds of the newest runs of as many days that succeeded; None where there is none."""
        same = [run for run in self.facts.runs if run.status == "succeeded" and len(run.interval.days) == days]
        took = [run.duration_s for run in same if run.duration_s is not None][:USUAL]
        return statistics.median(took) if took else None

    def state_of(self, run: Run) -> str:
        """The status of a run, or died, overdue, waiting or blocked where that says more."""
        state = self.status_of(run)
        if state == "failed" and run in self.facts.waiting:
            return "waiting"
        if state == "failed" and run.blocked and any(run.run_id == run_id for _, _, run_id in self.blocked):
            return "blocked"
        return state

    def status_of(self, run: Run) -> str:
        """The status of a run, or died or overdue."""
        return next((one.state for one in self.working if one.run.run_id == run.run_id), run.status)

    def clock(self, at: datetime) -> str:
        """An instant to be read: 11:30:00 UTC, with its day where that is not today."""
        return f"{at:%Y-%m-%d %H:%M:%S} UTC".removeprefix(f"{self.at:%Y-%m-%d} ")

    def _working(self, run: Run) -> Working:
        seconds = max(0.0, (self.at - run.started_at).total_seconds())  # it may have begun after the clock was read
        overdue = seconds > self.pipeline.run_timeout
        state = "died" if not self.facts.alive[run.run_id] else "overdue" if overdue else "running"
        stages = self.facts.stages.get(run.run_id)
        return Working(run, state, seconds, self.usual(len(run.interval.days)), stages[-1] if stages else None)

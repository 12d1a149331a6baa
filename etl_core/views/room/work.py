"""What the room is asked to load by hand: a thread of its own, one at a time, with its progress to look at.

The thread ends with the kernel. What it had committed stays, the run it was in is found dead, and asking for the same
range again goes on with the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from etl_core import backlog
from etl_core.errors import BadParameter, EtlError, Refused
from etl_core.history import Run
from etl_core.interval import Interval, parse_day
from etl_core.logs import log
from etl_core.pipeline import Pipeline
from etl_core.views.words import count, first_line, listed, told


@dataclass(frozen=True)
class Progress:
    """How far the work asked for by hand has come; `done` of `days`. `outcome` is set when it has ended."""

    what: str
    days: int
    done: int = 0
    failed: int = 0
    outcome: str | None = None
    ok: bool = True


class _Cancelled(Exception):
    pass


class Worker:
    """At most one piece of work at a time; `progress` is the last one's, None before the first. Not to be asked by
    several threads at once: the model's commands take turns."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self._thread: threading.Thread | None = None
        self._cancel = threading.Event()

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def backfill(self, pipeline: Pipeline, first: object, last: object, batch: str = "day") -> str:
        """Begin to load what is pending from `first` to `last`. BadParameter for a range that cannot be; Refused while
        other work goes on."""
        self._free()
        for day, name in ((first, "first day"), (last, "last day")):
            if day is None:
                raise BadParameter(f"backfill: no {name} was given, both are needed")
        first, last = parse_day(first, "first day"), parse_day(last, "last day")
        if last < first:
            raise BadParameter(
                f"backfill: the last day, {last}, is before the first, {first}; give the earlier day first"
            )
        intervals, missing = backlog.plan(pipeline, first, last, batch)
        days = sum(len(interval.days) for interval in intervals)
        if not days:
            absent = (
                f" ({count(len(missing), 'day has', 'days have')} not landed: {listed(missing)})" if missing else ""
            )
            raise BadParameter(f"backfill: nothing is pending from {first} to {last}{absent}")

        def work() -> str:
            result = backlog.backfill(pipeline, first, last, batch, on_run=self._count)
            said = f"{count(sum(len(run.interval.days) for run in result.succeeded), 'day')} loaded"
            if result.failed:
                said += f"; {len(result.failed)} failed ({first_line(result.failed[0].error, 90)})"
            if result.refused:
                said += f"; {len(result.refused)} refused ({result.refused[0]})"
            if result.missing:
                said += f"; {len(result.missing)} not landed ({listed(result.missing)})"
            return said

        self._begin(Progress(f"backfill of {pipeline.name}, {first} to {last}", days), work)
        return f"backfill begun: {count(days, 'day')} in {count(len(intervals), 'run')}"

    def once(self, pipeline: Pipeline, intervals: list[Interval]) -> str:
        """Begin to run these intervals, one after the other, whatever was loaded before."""
        self._free()
        days = [day for interval in intervals for day in interval.days]

        def work() -> str:
            for interval in intervals:
                self._count(pipeline.attempt(interval))
            now = self.progress
            return f"{count(now.done - now.failed, 'day')} loaded, {now.failed} failed"

        self._begin(Progress(f"run of {pipeline.name} by hand, {listed(days)}", len(days)), work)
        return f"begun by hand: {listed(days)}"

    def cancel(self) -> str:
        """Stop after the run at hand; without work this changes nothing."""
        if not self.busy:
            return "nothing to cancel"
        self._cancel.set()
        return "cancelled: it stops after the run at hand"

    def join(self, seconds: float) -> None:
        if self._thread is not None:
            self._thread.join(seconds)

    def _free(self) -> None:
        if self.busy:
            raise Refused(f"{self.progress.what}: at work ({self.progress.done} of {self.progress.days} days done); "
                          "wait for it, or cancel it")  # fmt: skip

    def _begin(self, progress: Progress, work: Callable[[], str]) -> None:
        self.progress = progress
        self._cancel.clear()
        self._thread = threading.Thread(target=self._run, args=(work,), name="room-work", daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], str]) -> None:
        ok = True
        try:
            outcome = work()
            ok = self.progress.failed == 0
        except _Cancelled:
            outcome = f"cancelled after {count(self.progress.done, 'day')}; the rest is pending"
        except Exception as error:
            if not isinstance(error, EtlError):
                log().exception("%s failed", self.progress.what)
            outcome, ok = told(error), False
        self.progress = replace(self.progress, outcome=outcome, ok=ok)

    def _count(self, run: Run) -> None:
        days, before = len(run.interval.days), self.progress
        retried_singly = backlog.tried_singly(run)
        self.progress = replace(
            before,
            done=before.done + (0 if retried_singly else days),
            failed=before.failed + (0 if run.status == "succeeded" or retried_singly else days),
        )
        if self._cancel.is_set():
            raise _Cancelled

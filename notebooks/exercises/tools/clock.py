"""Time for graders: a clock that moves only by sleeping, and gives up on code that never ends; a zone to stand in."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta


@contextmanager
def machine_in(zone: str) -> Iterator[None]:
    """While the block runs, the machine's own zone is `zone`, for every thread of this process and the children it
    starts. Nothing changes where a process cannot change it (Windows)."""
    if not hasattr(time, "tzset"):
        yield
        return
    before = os.environ.get("TZ")
    try:
        os.environ["TZ"] = zone
        time.tzset()
        yield
    finally:
        os.environ.pop("TZ", None)
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


class OverBudget(BaseException):
    """More calls than any right answer makes. Not an Exception, so that `except Exception` does not hold it."""


class Clock:
    """`now()` and `sleep(seconds)` to inject. `slept` lists the pauses; both together may be called `budget` times."""

    def __init__(self, start: datetime, budget: float = math.inf) -> None:
        self.time, self.budget = start, budget
        self.slept: list[float] = []

    def now(self) -> datetime:
        self._count()
        return self.time

    def sleep(self, seconds: float) -> None:
        self._count()
        self.slept.append(float(seconds))
        self.time += timedelta(seconds=max(0.0, float(seconds)))

    def pass_time(self, seconds: float) -> None:
        """What work costs: time that passes without a sleep."""
        self.time += timedelta(seconds=seconds)

    def _count(self) -> None:
        self.budget -= 1
        if self.budget < 0:
            raise OverBudget("the clock was asked too often")

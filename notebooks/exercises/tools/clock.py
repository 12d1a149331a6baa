"""Time for graders: a clock that moves only by sleeping, and gives up on code that never ends."""

from __future__ import annotations

from datetime import datetime, timedelta


class OverBudget(BaseException):
    """More calls than any right answer makes. Not an Exception, so that `except Exception` does not hold it."""


class Clock:
    """`now()` and `sleep(seconds)` to inject. `slept` lists the pauses; each may be called `budget` times."""

    def __init__(self, start: datetime, budget: int = 10_000) -> None:
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

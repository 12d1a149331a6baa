"""What this process is at work on: runs in threads, which cannot be stopped, and in child processes, which can.

It is kept in memory. A process that dies takes its threads with it, and the next one finds their runs dead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from etl_core.pipeline import Pipeline
from etl_core.scheduling.journal import note


@dataclass(eq=False)
class Work:
    """One run under way in this process."""

    pipeline: str
    interval: str
    timeout: float
    since: float = field(default_factory=time.monotonic)
    told: bool = False
    kill: Callable[[], None] | None = None  # for a child process

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.since

    def __str__(self) -> str:
        return f"{self.pipeline} {self.interval}"


_lock = threading.Lock()
_works: list[Work] = []
_turns: dict[str, threading.Lock] = {}


@contextmanager
def at_work(pipeline: Pipeline, interval: object) -> Iterator[Work]:
    work = Work(pipeline.name, str(interval), pipeline.run_timeout)
    with _lock:
        _works.append(work)
    try:
        yield work
    finally:
        with _lock:
            _works.remove(work)


def works() -> list[Work]:
    """What is under way, in the order it began."""
    with _lock:
        return list(_works)


def kill_children() -> None:
    """Kill what runs in child processes; their runs are then found dead."""
    for work in works():
        if work.kill:
            work.kill()


def note_overdue() -> None:
    """An event, once, for each run that is past its pipeline's `run_timeout`."""
    for work in works():
        if work.seconds > work.timeout and not work.told:
            work.told = True
            message = f"{work.interval}: at work for {work.seconds:.0f} s, expected at most {work.timeout:.0f} s"
            note("overdue", f"{message}; a thread cannot be stopped, only the process", work.pipeline, error=True)


@contextmanager
def turn(name: str) -> Iterator[bool]:
    """Is it this thread's turn at a pipeline's pending days? Only one tick at a time is, however it was started."""
    with _lock:
        mine = _turns.setdefault(name, threading.Lock())
    taken = mine.acquire(blocking=False)
    try:
        yield taken
    finally:
        if taken:
            mine.release()

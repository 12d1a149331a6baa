"""Jobs in a module, because a job store keeps the name of a job's function and not its code.

They only note that they were called, in a file in ETL_HOME: lesson 8 is about whether they are.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Call:
    """`at` in seconds since 1970; `what` is the function and its arguments, such as `load_day 2013-01-15 2`."""

    at: float
    pid: int
    what: str


def load_pending() -> None:
    """What a schedule calls every night."""
    _note("load_pending")


def load_day(day: str, attempt: int) -> None:
    """What a retry calls: this attempt at this day."""
    _note(f"load_day {day} {attempt}")


def calls() -> list[Call]:
    """Every call so far, of whatever process, in order."""
    if not _file().exists():
        return []
    lines = [line.split(" ", 2) for line in _file().read_text(encoding="utf-8").splitlines()]
    return [Call(float(at), int(pid), what) for at, pid, what in lines]


def _note(what: str) -> None:
    line = f"{time.time():.3f} {os.getpid()} {what}\n".encode()
    file = os.open(_file(), os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        os.write(file, line)  # one write, so that lines of several processes do not mix
    finally:
        os.close(file)


def _file() -> Path:
    return Path(os.environ["ETL_HOME"], "calls.txt")

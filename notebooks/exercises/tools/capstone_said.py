"""How what is seen of a reader's weather.py is noted: the first thing that is wrong, and what its code raised."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

NOTHING = "returned None, and the next stage works on what it returns"


class Over(Exception):
    """What was seen is enough."""


class Said:
    """`seen` is what the grader gets: `failure`, a case with its detail and error, and what was seen by name."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    def do(self, case: str, work: Callable[[], Any]) -> Any:
        """The result of work in which the reader's code runs."""
        try:
            return work()
        except Over:
            raise
        except Exception as error:
            self.raised(case, f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))

    def raised(self, case: str, error: str, trace: str, **seen: Any) -> NoReturn:
        """The reader's code raised this; its line is found in the traceback."""
        lines = re.findall(r'File "[^"]*weather\.py", line (\d+), in .*\n\s+(.*)', trace)
        at = f"line {lines[-1][0]} of your file: {lines[-1][1].strip()}" if lines else ""
        self.stop(case, at, error=short(error), **seen)

    def stop(self, case: str, detail: str, error: str = "", **seen: Any) -> NoReturn:
        """Note what is wrong; nothing more is tried."""
        self.seen.update(failure=(case, detail, error), **seen)
        raise Over


def giving(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A stage that hands on nothing has forgotten its return; the next one would be blamed."""

    @wraps(function)
    def given(value: Any) -> Any:
        result = function(value)
        if result is None:
            raise ValueError(f"{name}() {NOTHING}")
        return result

    return given


def cut(value: object) -> str:
    """A value as it is written; of a long text no more than its beginning."""
    text = repr(value)
    return text if len(text) <= 24 else f"{text[:12]}…{text[-1]}"


def short(error: str) -> str:
    """An error without the SQL and the values that SQLAlchemy adds, which may be a day's rows."""
    first = re.sub(r"\(sqlite3\.\w+\) ", "", (error.strip().splitlines() or [""])[0])
    return first if len(first) <= 300 else f"{first[:299]}…"

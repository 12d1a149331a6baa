"""How numbers, instants and states read: the same in the terminal, in a report and in a notebook."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from datetime import UTC, date, datetime

from etl_core.errors import EtlError
from etl_core.interval import Interval, spans

NONE = "–"
FLIGHTS = "flights"  # the pipeline that the command means unless told otherwise
# status -> sign, colour for rich, colour for HTML (JupyterLab's own, with one that reads on white and on black)
STATES = {
    "succeeded": ("✓", "green", "var(--jp-success-color1, #2e9e44)"),
    "failed": ("✗", "red", "var(--jp-error-color1, #e5484d)"),
    "crashed": ("✗", "red", "var(--jp-error-color1, #e5484d)"),
    "died": ("✗", "red", "var(--jp-error-color1, #e5484d)"),  # running in the history, but its process is gone
    "overdue": ("!", "yellow", "var(--jp-warn-color1, #c77700)"),
    "running": ("…", "cyan", "var(--jp-info-color1, #2b8fbd)"),
}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def number(value: int | None) -> str:
    """12345 -> '12,345'; a dash for nothing."""
    return NONE if value is None else f"{value:,}"


def count(value: int, one: str, many: str = "") -> str:
    """1, 'day' -> '1 day'; 2 -> '2 days'."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def seconds(value: float | None) -> str:
    """A duration for people: '0.09 s', '12.3 s', '3 min 05 s', '2 h 03 min', '3 d 4 h'; never negative."""
    if value is None:
        return NONE
    value = max(0.0, value)  # clocks are set back
    if value < 9.995:
        return f"{value:.2f} s"
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def instant(value: datetime | None) -> str:
    """UTC, to the second; a dash for nothing. Say somewhere near it that it is UTC."""
    return NONE if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def interval(value: Interval) -> str:
    """A short form: '2013-01-15', '2013-01-15…31', '2013-01-30…02-03'."""
    first, last = str(value.start), str(value.last)
    if value.start == value.last:
        return first
    same = 8 if first[:7] == last[:7] else 5 if first[:4] == last[:4] else 0
    return f"{first}…{last[same:]}"


def listed(days: Iterable[date], most: int = 6) -> str:
    """'2013-01-03, 2013-01-07…09 and 3 more'."""
    named = [interval(each) for each in spans(days, longest="any")]
    return ", ".join(named[:most]) + (f" and {len(named) - most} more" if len(named) > most else "")


def etl(pipeline: str, target: str | None) -> str:
    """How the commands for a pipeline begin: 'etl', or 'etl --pipeline MODULE:NAME'."""
    return "etl" if pipeline == FLIGHTS else f"etl --pipeline {shlex.quote(target or '')}"


def clean(text: str) -> str:
    """Text from files and errors, harmless to a terminal: control characters and direction marks as `\\xNN`."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def told(error: Exception) -> str:
    """An error raised on purpose speaks for itself; of any other, its kind is said too."""
    return str(error) if isinstance(error, EtlError) else f"{type(error).__name__}: {error}"


def first_line(text: str | None, longest: int | None = None) -> str:
    """The first line that says something, harmless to a terminal, cut with an ellipsis where it is too long."""
    lines = (text or "").strip().splitlines()
    line = clean(lines[0]) if lines else ""
    return line if longest is None or len(line) <= longest else line[: longest - 1] + "…"

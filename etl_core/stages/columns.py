"""The declared schema: every column of the flights and weather files, with its type, unit and rules, as plain data.

Reading, validation and error messages all come from these tables; a new rule is a changed line here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

MISSING = ("", "NA")  # how the source writes a missing value; in a text column that may not be missing it is text
_INTEGER = re.compile(r"-?0*[0-9]{1,9}")  # at most what fits 32 bits
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True)
class Column:
    """One column: what its text must look like (kind), and what its values must be (low, high, allowed, pattern)."""

    name: str
    kind: Literal["integer", "clock", "number", "text", "instant"]
    nullable: bool = False
    low: int | None = None
    high: int | None = None
    allowed: tuple[str, ...] = ()
    pattern: str | None = None
    unit: str = ""
    meaning: str = ""

    @property
    def expected(self) -> str:
        """What a good value is, in words."""
        if self.allowed:
            return f"one of {', '.join(self.allowed)}"
        if self.kind == "text":
            return f"text like {self.pattern}" if self.pattern else "text"
        if self.kind == "instant":
            return "an instant such as 2013-01-15T10:00:00Z"
        if self.kind == "clock":
            return f"a time of day as HHMM, {self.low} to {self.high} with minutes below 60"
        number = "a whole number" if self.kind == "integer" else "a number"
        return number if self.low is None else f"{number} from {self.low} to {self.high}"

    def broken_by(self, value: object) -> str:
        """The reason to reject a line for `value` in this column (None: missing)."""
        if value is None:
            return f"{self.name}: missing, expected {self.expected}"
        if self.allowed:
            return f"unknown {self.name} {shown(value)}, expected {self.expected}"
        return f"{self.name}: found {shown(value)}, expected {self.expected}"

    def parse(self, text: str) -> object:
        """`text` as a value of this kind, None where missing; ValueError with the reason where it is neither."""
        text = text if self.kind == "text" else text.strip(" \t")
        if self.nullable and text in MISSING:
            return None
        if self.kind == "text":
            return text
        if text in MISSING:
            raise ValueError(self.broken_by(None))
        value = _parse(self.kind, text)
        if value is None:
            raise ValueError(self.broken_by(text))
        return value


def shown(value: object, longest: int = 80) -> str:
    """A value for a message: quoted where it is text, cut where it is long."""
    text = repr(str(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


@lru_cache(maxsize=10_000)
def _parse(kind: str, text: str) -> int | float | datetime | None:
    if kind in ("integer", "clock"):
        return int(text) if _INTEGER.fullmatch(text) else None
    if kind == "number":
        return float(text) if _NUMBER.fullmatch(text) and math.isfinite(float(text)) else None
    try:
        return datetime.fromisoformat(text) if _INSTANT.fullmatch(text) else None
    except ValueError:
        return None


ORIGINS = ("EWR", "JFK", "LGA")
WEEK = 7 * 24 * 60  # minutes; the longest delay that is believed

# fmt: off
FLIGHTS = (
    Column("year", "integer", meaning="of the scheduled departure, New York's date; must be the file's day"),
    Column("month", "integer"),
    Column("day", "integer"),
    Column("dep_time", "clock", nullable=True, low=0, high=2400, unit="HHMM", meaning="actual; missing: cancelled"),
    # 2400 would be midnight of the next day, and that flight belongs in the next day's file
    Column("sched_dep_time", "clock", low=0, high=2359, unit="HHMM", meaning="New York's time"),
    Column("dep_delay", "integer", nullable=True, low=-1440, high=WEEK, unit="minutes"),
    Column("arr_time", "clock", nullable=True, low=0, high=2400, unit="HHMM", meaning="actual, destination's time"),
    Column("sched_arr_time", "clock", low=0, high=2400, unit="HHMM", meaning="destination's time"),
    Column("arr_delay", "integer", nullable=True, low=-1440, high=WEEK, unit="minutes"),
    Column("carrier", "text", pattern="[A-Z0-9]{2}", meaning="airline; NA would be one"),
    Column("flight", "integer", low=1, high=9999),
    Column("tailnum", "text", nullable=True, pattern="[A-Z0-9-]{1,8}", meaning="the aircraft"),
    Column("origin", "text", allowed=ORIGINS),
    Column("dest", "text", pattern="[A-Z]{3}"),
    Column("air_time", "integer", nullable=True, low=1, high=1440, unit="minutes"),
    Column("distance", "integer", low=1, high=12_500, unit="miles"),
    Column("hour", "integer", low=0, high=24, meaning="of sched_dep_time"),
    Column("minute", "integer", low=0, high=59, meaning="of sched_dep_time"),
    Column("time_hour", "instant", unit="UTC", meaning="hour of the scheduled departure; joins the weather"),
)

WEATHER = (
    Column("origin", "text", allowed=ORIGINS),
    Column("year", "integer", nullable=True),
    Column("month", "integer", nullable=True),
    Column("day", "integer", nullable=True),
    Column("hour", "integer", nullable=True, meaning="New York's time"),
    Column("temp", "number", nullable=True, unit="degrees Fahrenheit"),
    Column("dewp", "number", nullable=True, unit="degrees Fahrenheit"),
    Column("humid", "number", nullable=True, unit="percent"),
    Column("wind_dir", "number", nullable=True, unit="degrees"),
    Column("wind_speed", "number", nullable=True, unit="miles per hour"),
    Column("wind_gust", "number", nullable=True, unit="miles per hour"),
    Column("precip", "number", nullable=True, unit="inches"),
    Column("pressure", "number", nullable=True, unit="millibars"),
    Column("visib", "number", nullable=True, unit="miles"),
    Column("time_hour", "instant", unit="UTC"),
)
# fmt: on

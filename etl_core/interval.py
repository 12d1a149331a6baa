"""The data interval of a run: whole days, half-open, so that neighbours neither overlap nor leave a gap."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from etl_core.errors import BadParameter

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_day(value: object, name: str = "day") -> date:
    """The calendar day meant by `value`: a date, or text written YYYY-MM-DD.

    Nothing else is guessed at: an int such as 20130115, a datetime, or None raises BadParameter naming `name`.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise BadParameter(f"{name}: {value} is not in the calendar; give an existing day as YYYY-MM-DD") from None
    raise BadParameter(f"{name}: found {value!r}, expected a day written YYYY-MM-DD, for example 2013-01-15")


@dataclass(frozen=True, order=True)
class Interval:
    """Days from `start` up to, and not including, `end`.

    >>> Interval.of("2013-01-15").end
    datetime.date(2013, 1, 16)
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise BadParameter(f"until: {self.last} is before day {self.start}; give the earlier day first")

    @classmethod
    def of(cls, first: Interval | date | str, until: date | str | None = None) -> Interval:
        """One day, or the days from `first` to `until`, both included. An Interval is returned as it is."""
        if isinstance(first, Interval):
            if until is not None:
                raise BadParameter(f"until: found {until} beside an interval ({first}); give two days, or the interval")
            return first
        start = parse_day(first)
        last = start if until is None else parse_day(until, "until")
        if last == date.max:
            name = "day" if until is None else "until"
            raise BadParameter(f"{name}: {last} is the last day there is; give an earlier one")
        return cls(start, last + timedelta(days=1))

    @property
    def last(self) -> date:
        """The last day that is part of the interval."""
        return self.end - timedelta(days=1)

    @property
    def days(self) -> list[date]:
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days)]

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __str__(self) -> str:
        return str(self.start) if self.last == self.start else f"{self.start} to {self.last}"


def spans(days: Iterable[date], longest: str = "month") -> list[Interval]:
    """`days` as intervals of neighbours: one a day (`longest="day"`), none across a month's end ("month"), or "any"."""
    found: list[Interval] = []
    for day in sorted(days):
        last = found[-1] if found else None
        if last and last.end == day and (longest == "any" or (longest == "month" and last.start.month == day.month)):
            found[-1] = Interval(last.start, day + timedelta(days=1))
        else:
            found.append(Interval(day, day + timedelta(days=1)))
    return found

"""Lesson 0: how exercises work."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from exercises.model import Exercise
from exercises.tools.compare import show
from exercises.trial import Trial

zero = Exercise(
    "0.1",
    "The day after",
    hints=(
        "The end of an interval is not part of it, so it is the first day that is not loaded any more.",
        "A `timedelta(days=1)`, also from `datetime`, can be added to a date, and knows how long months are.",
        "`return day, day + timedelta(days=1)`",
    ),
    passed="Half-open intervals meet without a gap and without an overlap: all of this workbook uses them.",
)


@zero.stub
def interval(day: date) -> tuple[date, date]:
    """The data interval of a day: where it starts, and its end, which is not part of it."""
    ...  # your code here


@zero.solution
def interval(day: date) -> tuple[date, date]:
    """The data interval of one day: where it starts, and its end, which is not part of it any more."""
    return day, day + timedelta(days=1)


@zero.wrong(
    "Your interval of {on} starts and ends on that day. Half-open, it holds no day at all: nothing would be loaded.",
    when=lambda seen: seen.got == (seen.day, seen.day),
)
def end_included(day):
    return day, day


@zero.wrong(
    "Your interval of {on} ends on that day, and its end is not part of it: what you have is the interval of the day "
    "before.",
    when=lambda seen: seen.got == (seen.day - timedelta(days=1), seen.day),
)
def day_before(day):
    return day - timedelta(days=1), day


@zero.wrong(
    "Your interval ends at {clock}, and its end is not part of it: what happens after that, on the same day, is in no "
    "interval at all. The first moment of the next day needs no such care.",
    when=lambda seen: seen.clock and seen.got[1].date() == seen.day,
)
def last_second(day):
    return datetime.combine(day, time()), datetime.combine(day, time(23, 59, 59))


@zero.wrong(
    "At the end of a month your interval breaks: there is no 32 January. One day in thirty would fail.",
    when=lambda seen: seen.day == date(2013, 1, 31) and isinstance(seen.error, ValueError) and "day" in str(seen.error),
)
def day_plus_one(day):
    return day, day.replace(day=day.day + 1)


@zero.wrong(
    "Your interval of {on} is longer than a day, so that neighbouring runs would load the same day twice.",
    when=lambda seen: len(seen.got) == 2 and seen.got[1] - seen.got[0] > timedelta(days=1),
)
def two_days(day):
    return day, day + timedelta(days=2)


@zero.right
def by_ordinal(day):
    return [day, date.fromordinal(day.toordinal() + 1)]


@zero.right
def by_midnights(day):
    return datetime.combine(day, time()), datetime.combine(day, time()) + timedelta(days=1)


@zero.grade
def grade(t: Trial) -> None:
    for day in (date(2013, 1, 15), date(2013, 1, 31), date(2013, 12, 31)):
        t.seen.day, t.seen.on = day, f"{day.day} {day:%B}"
        found = t.call(day, case=f"{day}")
        t.seen.got = tuple(map(_day, found)) if isinstance(found, list | tuple) else found
        if isinstance(t.seen.got, tuple) and any(isinstance(part, str) for part in t.seen.got):
            t.stop(f"{day}", f"expected two dates, not text; got {show(t.seen.got)}")
        last = t.seen.got[-1] if isinstance(t.seen.got, tuple) and t.seen.got else None
        t.seen.clock = f"{last:%H:%M:%S}" if isinstance(last, datetime) else None
        if not t.equal(t.seen.got, (day, day + timedelta(days=1)), f"{day}"):
            t.stop("", "")  # what was seen is that of the first day that differs


def _day(value: object) -> object:
    """A midnight is the day that begins with it."""
    return value.date() if isinstance(value, datetime) and value.time() == time() else value

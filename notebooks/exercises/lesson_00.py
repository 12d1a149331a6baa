"""Lesson 0: how exercises work."""

from __future__ import annotations

from datetime import date, timedelta

from exercises.model import Exercise
from exercises.trial import Trial

zero = Exercise(
    "0.1",
    "The day after",
    hints=(
        "The end of an interval is not part of it, so it is the first day that is not loaded any more.",
        "A `timedelta(days=1)` can be added to a date, and knows how long months are.",
        "`return day, day + timedelta(days=1)`",
    ),
    passed="Half-open intervals meet without a gap and without an overlap: all of this workbook uses them.",
)


@zero.stub
def interval(day: date) -> tuple[date, date]:
    """The data interval of one day: where it starts, and its end, which is not part of it any more."""
    ...  # your code here


@zero.solution
def interval(day: date) -> tuple[date, date]:
    """The data interval of one day: where it starts, and its end, which is not part of it any more."""
    return day, day + timedelta(days=1)


@zero.wrong(
    "Your interval of 15 January starts and ends on that day. Half-open, it holds no day at all: nothing would be "
    "loaded.",
    when=lambda seen: seen.got[1] == seen.day,
)
def end_included(day):
    return day, day


@zero.wrong(
    "At the end of a month your interval breaks: there is no 32 January. One day in thirty would fail.",
    when=lambda seen: seen.month_end and isinstance(seen.error, ValueError),
)
def day_plus_one(day):
    return day, day.replace(day=day.day + 1)


@zero.wrong(
    "Your interval is longer than a day, so that neighbouring runs would load the same day twice.",
    when=lambda seen: seen.got[1] - seen.got[0] > timedelta(days=1),
)
def two_days(day):
    return day, day + timedelta(days=2)


@zero.right
def by_ordinal(day):
    return [day, date.fromordinal(day.toordinal() + 1)]


@zero.grade
def grade(t: Trial) -> None:
    for day in (date(2013, 1, 15), date(2013, 1, 31), date(2013, 12, 31)):
        t.seen.day, t.seen.month_end = day, day.day == 31
        t.seen.got = t.call(day, case=f"{day}")
        t.equal(t.seen.got, (day, day + timedelta(days=1)), f"{day}")

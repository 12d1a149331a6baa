"""Which mistake a difference is: told only where what is seen is that, and no other would leave it so.

Each function returns what the messages of 9.3 ask for, with its `kind`; or nothing, and then the difference itself is
what the reader is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from exercises.tools.capstone_rows import MEASURED, Comparison, Row

TAKEN = "A loop may keep only its last day, or a delete take more than its own"
REPEATED = ("2013-11-03 05:00:00", "2013-11-03 06:00:00")  # both are one o'clock in New York


def first(found: Comparison) -> dict[str, Any]:
    """After the first load, of two days."""
    if columns := _na_gone(found):
        return {"kind": "na_gone", "columns": " or ".join(f"`{column}`" for column in columns), **_counts(found)}
    only = found.differing and not (found.missing or found.extra or found.twice)
    if only and all(one.want is None for one in found.differing):
        one = found.differing[0]
        return {"kind": "filled", "column": one.column, "got": f"{one.got:g}", "where": str(one.row)}
    if days := lost_days(found, sorted({row.day for row in found.want})):
        return days
    if _evenings(found):
        return {"kind": "utc_day", "how": f"{len(found.missing)} rows are gone after one load"}
    local = {row.key for row in found.got} == {(row.local_hour, row.origin) for row in found.want}
    return {"kind": "local_hours"} if local else _off_by_an_hour(found)


def lost_days(found: Comparison, days: list[date]) -> dict[str, Any]:
    """Of a run's several days, some are whole and the others are not there at all."""
    gone = _days_gone(found)
    if not gone or not {*gone} < {*days}:
        return {}
    first = gone[0] < min(row.day for row in found.got if row.day in days)
    ask = TAKEN if first else "A run covers an interval, and a backfill by months makes it a long one"
    return {"kind": "days_gone", "days": named(gone), "ask": ask, **_counts(found)}


def again(found: Comparison) -> dict[str, Any]:
    """After the same load once more."""
    if not found.twice or found.missing or found.extra or found.differing:
        return {}
    if _evenings(found):
        return {"kind": "utc_day", "how": f"{len(found.twice)} rows are there twice after two loads"}
    return {"kind": "again", "how": f"{len(found.got)} rows instead of {len(found.want)}"}


def alone(found: Comparison) -> dict[str, Any]:
    """After the second of two days that follow each other once more, by itself."""
    gone = found.missing and _evenings(found)
    return {"kind": "utc_day", "how": f"{len(found.missing)} rows of the day before are gone"} if gone else {}


def summer(found: Comparison) -> dict[str, Any]:
    """After 4 July, alone; what was loaded before was right."""
    return _others_gone(found, date(2013, 7, 4)) or _off_by_an_hour(found)


def clocks(found: Comparison) -> dict[str, Any]:
    """After 3 November, alone; what was loaded before was right."""
    if others := _others_gone(found, date(2013, 11, 3)):
        return others
    if found.missing and not found.extra and all(row.hour in REPEATED for row in found.missing):
        return {"kind": "clocks", "how": f"{len(found.missing)} rows are missing"}
    return {}


def corrected(found: Comparison, withdrawn: set[tuple[str, str]], old: list[Row]) -> dict[str, Any]:
    """After a correction that has no line for `withdrawn` any more; `old` are the rows of before."""
    if not Comparison(found.got, old):
        return {"kind": "kept_old"}
    stays = found.extra and {row.key for row in found.extra} <= withdrawn and not (found.missing or found.differing)
    return {"kind": "kept", "where": str(found.extra[0])} if stays else {}


def named(days: Iterable[date]) -> str:
    """22 and 23 January, 4 July."""
    months: dict[str, list[str]] = {}
    for day in sorted(days):
        months.setdefault(f"{day:%B}", []).append(str(day.day))
    return ", ".join(f"{' and '.join(numbers)} {month}" for month, numbers in months.items())


def _counts(found: Comparison) -> dict[str, int]:
    return {"rows": len(found.got), "right": len(found.want), "gone": len(found.missing)}


def _na_gone(found: Comparison) -> list[str]:
    """The columns by whose NA the rows that are missing, and no others, can be told; empty if it is not that."""
    bare = [n for n in range(len(MEASURED)) if all(row.values[n] is not None for row in found.got)]
    told = [n for n in bare if any(row.values[n] is None for row in found.missing)]
    explained = all(any(row.values[n] is None for n in told) for row in found.missing)
    return [MEASURED[n] for n in told] if found.got and explained and not found.extra else []


def _days_gone(found: Comparison) -> list[date]:
    """The days all of whose rows are missing, if no other row is, and some day is there."""
    gone = {row.day for row in found.missing}
    whole = not found.extra and not gone & {row.day for row in found.got}
    return sorted(gone) if whole and found.got else []


def _evenings(found: Comparison) -> bool:
    """Are the rows that are missing (or those there twice) whole evenings, which are the next day in UTC?"""
    odd = {row.key: row.day for row in found.missing or found.twice}
    evenings = {row.key for row in found.want if row.evening and row.day in odd.values()}
    return bool(odd) and odd.keys() == evenings and not found.extra


def _others_gone(found: Comparison, day: date) -> dict[str, Any]:
    """The run of `day` has taken whole days away, which were there before."""
    gone = _days_gone(found)
    return {"kind": "others_gone", "days": named(gone)} if gone and day not in gone else {}


def _off_by_an_hour(found: Comparison) -> dict[str, Any]:
    """All rows of the day, or days, that differ at all are an hour early or late, and nothing else is wrong."""
    got = {row.key for row in found.got}
    days = {row.day for row in found.missing} | {one.row.day for one in found.differing}
    right = {row.key for row in found.want if row.day not in days}
    for hours, how in ((1, "late"), (-1, "early")):
        shifted = {(_moved(row.hour, hours), row.origin) for row in found.want if row.day in days}
        if days and got == right | shifted:
            return {"kind": "fixed_offset", "how": how}
    return {}


def _moved(hour: str, hours: int) -> str:
    return str(datetime.fromisoformat(hour) + timedelta(hours=hours))

"""The table `weather` of a reader's warehouse beside the files it was loaded from: what differs, and how.

A row is known by its hour (UTC, as text) and airport. Numbers are the same up to a millionth: a parser may round.
"""

from __future__ import annotations

import csv
import math
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

MEASURED = ["temp", "wind_speed", "wind_gust", "precip", "visib"]
TABLE = "SELECT hour, origin, temp, wind_speed, wind_gust, precip, visib FROM weather"
HOUR = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
NEW_YORK = ZoneInfo("America/New_York")


class Unreadable(Exception):
    """What stands in the table cannot be compared; `kind` is table, null, hour or text, `found` what stands there."""

    def __init__(self, kind: str, message: str, column: str = "", found: object = None) -> None:
        super().__init__(message)
        self.kind, self.column, self.found = kind, column, found


@dataclass(frozen=True)
class Row:
    hour: str
    origin: str
    values: tuple[float | None, ...]  # in the order of MEASURED

    @property
    def key(self) -> tuple[str, str]:
        return self.hour, self.origin

    @property
    def day(self) -> date:
        """By the clock of New York, as the files have it."""
        return _local(self.hour).date()

    @property
    def local_hour(self) -> str:
        return f"{_local(self.hour):%Y-%m-%d %H:%M:%S}"

    @property
    def evening(self) -> bool:
        """Another day already in UTC."""
        return self.hour[:10] != str(self.day)

    def __str__(self) -> str:
        return f"{self.hour}, {self.origin}"


def in_table(path: Path) -> list[Row]:
    """All rows. Unreadable where the table, its hours or its numbers are not what was asked for."""
    with closing(sqlite3.connect(path)) as conn:
        try:
            found = conn.execute(TABLE).fetchall()
        except sqlite3.OperationalError as error:
            expected = f"expected a table weather with the columns origin, hour, {', '.join(MEASURED)}"
            raise Unreadable("table", f"{error}; {expected}") from None
    for hour, _, *values in found:
        if hour is None:
            raise Unreadable("null", "in some rows hour is NULL")
        if not _is_hour(hour):
            raise Unreadable("hour", f"hour holds {hour!r}, expected such as '2013-01-15 05:00:00'", "hour", hour)
        for column, value in zip(MEASURED, values, strict=True):
            if not isinstance(value, int | float | None):
                raise Unreadable("text", f"{column} holds {value!r}, which is no number", column, value)
    return [Row(hour, origin, tuple(values)) for hour, origin, *values in found]


def in_files(files: Iterable[Path]) -> list[Row]:
    """The rows that the table is to have."""
    rows = []
    for path in files:
        with open(path, newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                values = (None if line[name] == "NA" else float(line[name]) for name in MEASURED)
                rows.append(Row(line["time_hour"].replace("T", " ").rstrip("Z"), line["origin"], tuple(values)))
    return rows


@dataclass(frozen=True)
class Differing:
    row: Row
    column: str
    got: float | None
    want: float | None


class Comparison:
    """`missing` of the files' rows, `extra` and `twice` of the table's, and values that differ."""

    def __init__(self, got: list[Row], want: list[Row]) -> None:
        self.got, self.want = got, want
        have, need = {row.key: row for row in got}, {row.key: row for row in want}
        self.missing = [row for row in want if row.key not in have]
        self.extra = [row for row in got if row.key not in need]
        self.twice = [need[key] for key, times in Counter(row.key for row in got).items() if times > 1 and key in need]
        shared = [(have[key], row) for key, row in need.items() if key in have]
        self.differing = [one for found, row in shared for one in _differing(found, row)]

    def __bool__(self) -> bool:
        """Is there a difference?"""
        return bool(self.missing or self.extra or self.twice or self.differing)

    def __str__(self) -> str:
        """The first difference in words."""
        if self.missing and self.extra:
            return f"there is no row for {self.missing[0]}, but one for {self.extra[0]}, which no file has"
        if self.missing:
            rest = f"{len(self.missing)} of {len(self.want)} rows are missing"
            return f"there is no row for {self.missing[0]}; {rest}"
        if self.extra:
            return f"there is a row for {self.extra[0]}, which no file has"
        if self.twice:
            return f"{self.twice[0]} is there more than once"
        return _valued(self.differing[0]) if self.differing else ""


def _valued(one: Differing) -> str:
    want = "NA" if one.want is None else one.want
    return f"{one.row}: {one.column} is {'NULL' if one.got is None else one.got}, and the file has {want}"


def _differing(found: Row, row: Row) -> list[Differing]:
    pairs = zip(MEASURED, found.values, row.values, strict=True)
    return [Differing(row, name, got, want) for name, got, want in pairs if not _same(got, want)]


def _same(got: float | None, want: float | None) -> bool:
    if got is None or want is None:
        return got is want
    return math.isclose(got, want, rel_tol=1e-6)


@lru_cache(maxsize=4096)
def _local(hour: str) -> datetime:
    return datetime.fromisoformat(f"{hour}+00:00").astimezone(NEW_YORK)


def _is_hour(hour: object) -> bool:
    try:
        return isinstance(hour, str) and HOUR.fullmatch(hour) is not None and _local(hour) is not None
    except ValueError:
        return False

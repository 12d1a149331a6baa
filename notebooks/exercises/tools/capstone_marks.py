"""Whose rows a load of the weather has touched: a value of the grader's own in a row of each other day tells it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import date
from pathlib import Path

from exercises.tools.capstone_rows import Row, in_table

MARK = -459.0  # degrees: no weather


class Marks:
    """Set in the rows of `days`, one each; `lost()` takes them out again and says of which days they were gone.

    A row that is no more says nothing: the rows themselves are compared elsewhere.
    """

    def __init__(self, warehouse: Path, days: Iterable[date]) -> None:
        self.warehouse, self.rows = warehouse, dict[date, Row]()
        for row in in_table(warehouse) if days else []:
            if row.day in days:
                self.rows.setdefault(row.day, row)
        if self.rows:
            self._set(dict.fromkeys(self.rows, MARK))

    def lost(self) -> list[date]:
        if not self.rows:
            return []
        there = {row.key: row.values[0] for row in in_table(self.warehouse)}
        kept = [day for day, row in self.rows.items() if there.get(row.key) == MARK]
        self._set({day: self.rows[day].values[0] for day in kept})
        return sorted(day for day, row in self.rows.items() if row.key in there and day not in kept)

    def _set(self, temperatures: dict[date, float | None]) -> None:
        with closing(sqlite3.connect(self.warehouse, timeout=15)) as conn, conn:
            values = [(value, *self.rows[day].key) for day, value in temperatures.items()]
            conn.executemany("UPDATE weather SET temp = ? WHERE hour = ? AND origin = ?", values)


def emptied(warehouse: Path) -> None:
    """Take all rows out of the table; the receipts stay."""
    with closing(sqlite3.connect(warehouse, timeout=15)) as conn, conn:
        conn.execute("DELETE FROM weather")

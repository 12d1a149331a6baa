"""What a kill in the middle of a load of the weather leaves, in words."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

from exercises.tools.capstone_rows import Comparison, Row, Unreadable, in_table


def judged(image: Path, day: date, states: dict[str, list[Row]]) -> str:
    """Nothing, if the rows and the receipt of `day` in this copy of the warehouse belong together; else what is there.

    `states`: content hash of the day -> all rows that there are to be under its receipt, the old ones first.
    """
    receipt = _receipt(image, day)
    names = dict(zip(states, ("old", "new"), strict=True))
    try:
        rows = in_table(image)
    except Unreadable:
        rows = []
    there = next((name for name, want in zip(names.values(), states.values(), strict=True) if _same(rows, want)), "")
    if there and there == names.get(receipt or ""):
        return ""
    of_day = sum(row.day == day for row in rows)
    found = f"the {there} rows" if there else f"{of_day or 'no'} rows of the day, not those of either file,"
    return f"{found} {f'under the {names[receipt]} receipt' if receipt in names else 'and no receipt'}"


def _same(rows: list[Row], want: list[Row]) -> bool:
    return not Comparison(rows, want)


def _receipt(image: Path, day: date) -> str | None:
    chosen = "SELECT source_hash FROM receipts WHERE pipeline = 'weather' AND flight_date = ?"
    with closing(sqlite3.connect(image)) as conn:
        found = conn.execute(chosen, (str(day),)).fetchone()
    return found[0] if found else None

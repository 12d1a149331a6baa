"""The quarantine: lines that are not loaded, each with the reason and its own text, so that nothing is lost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date

import pandas as pd

from etl_core.errors import BadSchema
from etl_core.stages.columns import FLIGHTS
from etl_core.stages.header import check_header
from etl_core.stages.landing import LandedDay
from etl_core.stages.lines import row_text

_REJECTED = {"flight_date": "datetime64[s]", "source_line": "int64", "reason": "str", "row": "str"}
_VALUE = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")  # what differs between reasons of one kind
_NONE = pd.DataFrame({name: pd.array([], dtype=dtype) for name, dtype in _REJECTED.items()})  # the usual case


def rejected_frame(rows: Iterable[tuple[date, int, str, str]] = ()) -> pd.DataFrame:
    """Rejected lines as a DataFrame with its dtypes, even where there is none."""
    columns = list(zip(*rows, strict=True))
    if not columns:
        return _NONE.copy()
    typed = zip(_REJECTED.items(), columns, strict=True)
    return pd.DataFrame({name: pd.array(values, dtype=dtype) for (name, dtype), values in typed})


def quarantine(rows: pd.DataFrame, reasons: pd.Series, landed: Sequence[LandedDay]) -> pd.DataFrame:
    """The rows at the labels of `reasons`, each with its reason and its line of the landed file as text."""
    found: list[tuple[date, int, str, str]] = []
    for midnight, bad in rows.loc[reasons.index].assign(reason=reasons).groupby("flight_date"):
        files = next(files for files in landed if files.day == midnight.date())
        names, _ = check_header(files.flights, files.flights_path, FLIGHTS)
        lines = files.flights.split(b"\n")
        for number, reason in zip(bad.source_line, bad.reason, strict=True):
            found.append((files.day, number, reason, row_text(lines[number - 1], names)))
    return rejected_frame(found)


def check_most_are_good(files: LandedDay, lines: int, bad: Sequence[tuple[int, str]]) -> None:
    """Raise BadSchema if a day has no line, or more than half rejected; `bad` is (source line, reason) of each."""
    if not lines:
        raise BadSchema(f"{files.flights_path}: found a header and no line after it; ask for it to be sent again")
    if 2 * len(bad) > lines:
        kinds = [_VALUE.sub("", reason).partition(":")[0] for _, reason in bad]
        ((kind, count),) = Counter(kinds).most_common(1)
        first, reason = bad[kinds.index(kind)]
        raise BadSchema(
            f"{files.flights_path}: {len(bad)} of {lines} lines rejected, expected at most half; {count} of them like "
            f"line {first}: {reason}. What was loaded before is kept; ask for the file to be sent again"
        )

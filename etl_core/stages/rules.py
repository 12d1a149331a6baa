"""Which rows break a rule, and which rule. The rules of single columns are declared in columns.py."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from etl_core.stages.columns import FLIGHTS, Column


def broken_rules(flights: pd.DataFrame) -> pd.Series:
    """The reason for each row that breaks a rule, by the row's index label; the first rule that it breaks counts.

    The order: the file's day, then the columns as declared, then what must agree between columns.
    """
    reasons: dict[object, str] = {}
    for found in (_of_another_day(flights), *_by_column(flights), *_contradictions(flights)):
        for label, reason in found.items():
            reasons.setdefault(label, reason)
    return pd.Series(reasons, dtype="str").sort_index()


def breaks(values: pd.Series, column: Column) -> pd.Series:
    """Those of a column's values that break its rules."""
    if column.kind == "instant":
        return values[values.isna()]
    if column.kind == "text":
        bad = [value for value in values.unique().tolist() if not _text_is_good(value, column)]
        return values[values.isin(bad)] if bad else values[:0]
    numbers = values.to_numpy("float64", na_value=np.nan)  # NaN is neither below nor above anything
    bad = np.isnan(numbers) & (not column.nullable)
    if column.low is not None:
        bad |= (numbers < column.low) | (numbers > column.high)
    if column.kind == "clock":
        bad |= numbers % 100 >= 60
    return values[bad]


def _text_is_good(value: object, column: Column) -> bool:
    if pd.isna(value):
        return column.nullable
    if column.allowed:
        return value in column.allowed
    return column.pattern is None or re.fullmatch(column.pattern, value) is not None


def _by_column(flights: pd.DataFrame) -> Iterator[pd.Series]:
    for column in FLIGHTS:
        bad = breaks(flights[column.name], column)
        if len(bad):
            reasons = [column.broken_by(None if pd.isna(value) else value) for value in bad]
            yield pd.Series(reasons, index=bad.index)


def _of_another_day(flights: pd.DataFrame) -> pd.Series:
    day = flights.flight_date.dt
    other = flights[(flights.year != day.year) | (flights.month != day.month) | (flights.day != day.day)]
    written = zip(other.year, other.month, other.day, other.flight_date, strict=True)
    text = [f"line of {y:04d}-{m:02d}-{d:02d} in the file of {day:%Y-%m-%d}" for y, m, d, day in written]
    return pd.Series(text, index=other.index, dtype="str")


def _contradictions(flights: pd.DataFrame) -> Iterator[pd.Series]:
    has = {name: flights[name].notna() for name in ("dep_time", "dep_delay", "arr_delay", "air_time")}
    for one, other in (("dep_time", "dep_delay"), ("arr_delay", "air_time")):
        yield _same(f"{one} without {other}, expected both or neither", flights.index[has[one] & ~has[other]])
        yield _same(f"{other} without {one}, expected both or neither", flights.index[has[other] & ~has[one]])
    never_left = flights.index[has["arr_delay"] & ~has["dep_time"]]
    yield _same("arr_delay without dep_time, expected no arrival of what never left", never_left)


def _same(reason: str, index: pd.Index) -> pd.Series:
    return pd.Series(reason, index=index, dtype="str")

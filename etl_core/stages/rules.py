"""Which rows break a rule, and which rule. The rules of single columns are declared in columns.py."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from etl_core.stages.columns import FLIGHTS, Column

Broken = Iterator[tuple[int, str]]  # a row's position, and a reason to reject it


def broken_rules(flights: pd.DataFrame) -> pd.Series:
    """The reason for each row that breaks a rule, by the row's index label; the first rule that it breaks counts.

    The order: the file's day, then the columns as declared, then what must agree between columns.
    """
    reasons: dict[int, str] = {}
    for row, reason in chain(_of_another_day(flights), _by_column(flights), _contradictions(flights)):
        reasons.setdefault(row, reason)
    rows = sorted(reasons)
    return pd.Series([reasons[row] for row in rows], index=flights.index[rows], dtype="str")


def other_than_scheduled(flights: pd.DataFrame) -> Iterator[str]:
    """A note for each day with rows whose hour, minute or time_hour is not that of their scheduled departure."""
    written = flights.hour.to_numpy() * 100 + flights.minute.to_numpy()
    hours = flights.scheduled_departure.to_numpy("datetime64[h]")
    other = (written != flights.sched_dep_time.to_numpy()) | (flights.time_hour.to_numpy("datetime64[s]") != hours)
    if not other.any():
        return
    for day, rows in flights[other].groupby("flight_date"):
        row, of = next(rows.itertuples()), (flights.flight_date == day).sum()
        yield (
            f"flights of {day:%Y-%m-%d}: {len(rows)} of {of} lines whose hour, minute or time_hour contradicts "
            "sched_dep_time; that counts for the departure, time_hour for the weather (the first: line "
            f"{row.source_line}, sched_dep_time {row.sched_dep_time}, hour {row.hour}, minute {row.minute}, "
            f"time_hour {row.time_hour:%Y-%m-%dT%H:%M:%SZ})"
        )


def breaks(values: pd.Series, column: Column) -> np.ndarray:
    """Whether each of a column's values breaks its rules."""
    if column.kind == "instant":
        return values.isna().to_numpy()
    if column.kind == "text":
        return ~_text_is_good(values, column)
    numbers = values.to_numpy("float64")  # missing is NaN, and that is neither below nor above anything
    bad = np.isnan(numbers) & (not column.nullable)
    if column.low is not None:
        bad |= (numbers < column.low) | (numbers > column.high)
    if column.kind == "clock":
        bad |= numbers % 100 >= 60
    return bad


def _text_is_good(values: pd.Series, column: Column) -> np.ndarray:
    text = pa.Array.from_pandas(values)  # Arrow has the text already: a quarter of the time of pandas' own methods
    if column.allowed:
        good = pc.is_in(text, pa.array(column.allowed))
    elif column.pattern:
        good = pc.match_substring_regex(text, f"^({column.pattern})$")
    else:
        good = pc.is_valid(text)
    good = pc.or_kleene(good, pc.is_null(text)) if column.nullable else pc.fill_null(good, False)
    return good.to_numpy(zero_copy_only=False)


def _by_column(flights: pd.DataFrame) -> Broken:
    for column in FLIGHTS:
        values = flights[column.name]
        rows = np.flatnonzero(breaks(values, column))
        if len(rows):
            for row, value in zip(rows, values.iloc[rows], strict=True):
                yield row, column.broken_by(None if pd.isna(value) else value)


def _of_another_day(flights: pd.DataFrame) -> Broken:
    days = flights.flight_date.to_numpy("datetime64[D]")
    months, years = days.astype("datetime64[M]"), days.astype("datetime64[Y]")
    expected = years.astype(int) + 1970, months.astype(int) % 12 + 1, (days - months).astype(int) + 1
    written = [flights[name].to_numpy() for name in ("year", "month", "day")]
    wrong = [here != there for here, there in zip(written, expected, strict=True)]
    for row in np.flatnonzero(np.logical_or.reduce(wrong)):
        year, month, day = (values[row] for values in written)
        yield row, f"line of {year:04d}-{month:02d}-{day:02d} in the file of {days[row]}"


def _contradictions(flights: pd.DataFrame) -> Broken:
    has = {name: flights[name].notna().to_numpy() for name in ("dep_time", "dep_delay", "arr_delay", "air_time")}
    for one, other in (("dep_time", "dep_delay"), ("arr_delay", "air_time")):
        yield from _same(f"{one} without {other}, expected both or neither", has[one] & ~has[other])
        yield from _same(f"{other} without {one}, expected both or neither", has[other] & ~has[one])
    never_left = has["arr_delay"] & ~has["dep_time"]
    yield from _same("arr_delay without dep_time, expected no arrival of what never left", never_left)


def _same(reason: str, bad: np.ndarray) -> Broken:
    return ((row, reason) for row in np.flatnonzero(bad))

"""Extract: the landed files of an interval as typed DataFrames, and the lines that do not fit the types."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa

from etl_core.errors import BadSchema
from etl_core.interval import Interval
from etl_core.stages.columns import FLIGHTS, WEATHER
from etl_core.stages.csvfile import read_csv, schema, to_frame
from etl_core.stages.landing import LandedDay, read_day
from etl_core.stages.quarantine import check_most_are_good, rejected_frame
from etl_core.stages.reference import read_reference

_IN_PARALLEL = min(4, os.cpu_count() or 1)  # days that are read at once


@dataclass(frozen=True)
class Extracted:
    """What was read for an interval.

    flights: a row a good line; the source's columns, flight_date (the file's day), source_line (the header is 1).
    weather: a row an airport and hour, with flight_date. airports: faa, name, tzone and more.
    rejected: a row a bad line; flight_date, source_line, reason, row (JSON of its text).
    landed: the bytes themselves. notes: what is odd and does no harm.
    """

    interval: Interval
    flights: pd.DataFrame
    weather: pd.DataFrame
    airports: pd.DataFrame
    rejected: pd.DataFrame
    landed: list[LandedDay] = field(repr=False)
    notes: list[str]

    @property
    def rows(self) -> int:
        """Lines read, good and bad."""
        return len(self.flights) + len(self.rejected)


def extract(interval: Interval | str, landing: str | Path | None = None) -> Extracted:
    """Read every day of `interval` from the landing zone; nothing is kept but what is returned.

    Whole numbers are int64, or Int32 where the source may leave them out; instants are datetime64[s, UTC]. Raises
    BadSchema for a file that is not what was agreed, PermanentError for one that is missing or cannot be read, and
    TransientError (StillBeingWritten) where trying again may help. A missing weather file is no error.
    """
    interval = Interval.of(interval)
    if len(interval.days) == 1:
        days = [_read(read_day(interval.start, landing))]
    else:
        with ThreadPoolExecutor(_IN_PARALLEL) as pool:  # Arrow and the network let other threads work meanwhile
            days = list(pool.map(lambda day: _read(read_day(day, landing)), interval.days))
    return Extracted(
        interval=interval,
        flights=to_frame([day.flights for day in days]),
        weather=to_frame([day.weather for day in days]),
        airports=read_reference("airports").frame,
        rejected=rejected_frame([line for day in days for line in day.rejected]),
        landed=[day.files for day in days],
        notes=[note for day in days for note in day.notes],
    )


@dataclass(frozen=True)
class _Day:
    files: LandedDay
    flights: pa.Table
    weather: pa.Table
    rejected: list[tuple[date, int, str, str]]
    notes: list[str]


def _read(files: LandedDay) -> _Day:
    read = read_csv(files.flights, files.flights_path, FLIGHTS)
    check_most_are_good(files, read.table.num_rows + len(read.bad), [(bad.line, bad.reason) for bad in read.bad])
    weather, notes = _read_weather(files)
    rejected = [(files.day, bad.line, bad.reason, bad.row) for bad in read.bad]
    return _Day(files, _dated(read.table, files.day), _dated(weather, files.day), rejected, read.notes + notes)


def _read_weather(files: LandedDay) -> tuple[pa.Table, list[str]]:
    """A row an airport and hour, and notes. A bad value is missing; a bad file is BadSchema."""
    path = files.weather_path
    if files.weather is None:
        return schema(WEATHER).empty_table(), [f"{path}: not found; the flights of {files.day} get no weather"]
    read = read_csv(files.weather, path, WEATHER, lenient=True)
    notes = list(read.notes)
    for bad in read.bad:
        if bad.column is None:
            raise BadSchema(f"{path}, line {bad.line}: {bad.reason}; ask for the file to be sent again")
        notes.append(f"{path}, line {bad.line}: {bad.reason}; left out")
    if len(read.bad) > read.table.num_rows:
        raise BadSchema(f"{path}: {len(read.bad)} lines without a place or hour, such as {notes[-1]}; ask for it again")
    return read.table, notes


def _dated(table: pa.Table, day: date) -> pa.Table:
    midnight = pa.scalar(pd.Timestamp(day).to_pydatetime(), pa.timestamp("s"))
    return table.append_column("flight_date", pa.repeat(midnight, table.num_rows))

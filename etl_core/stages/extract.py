"""Extract: the landed files of an interval as typed DataFrames, and the lines that do not fit the types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from etl_core.errors import BadSchema
from etl_core.interval import Interval
from etl_core.stages.columns import FLIGHTS, WEATHER, Column
from etl_core.stages.csvfile import CsvFile, read_csv, to_frame
from etl_core.stages.landing import LandedDay, read_days
from etl_core.stages.quarantine import check_most_are_good, rejected_frame
from etl_core.stages.reference import read_reference


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
    days = read_days(interval.days, landing)
    flights = read_csv([(files.flights, files.flights_path) for files in days], FLIGHTS)
    rejected: list[tuple[date, int, str, str]] = []
    for files, read in zip(days, flights, strict=True):
        check_most_are_good(files, read.table.num_rows + len(read.bad), [(bad.line, bad.reason) for bad in read.bad])
        rejected += [(files.day, bad.line, bad.reason, bad.row) for bad in read.bad]
    reported = [files for files in days if files.weather is not None]
    weather = read_csv([(files.weather, files.weather_path) for files in reported], WEATHER, lenient=True)
    notes = [note for read in flights for note in read.notes]
    notes += [
        f"{files.weather_path}: not found; the flights of {files.day} get no weather"
        for files in days
        if files.weather is None
    ]
    notes += [note for files, read in zip(reported, weather, strict=True) for note in _weather_notes(files, read)]
    return Extracted(
        interval=interval,
        flights=_frame(days, flights, FLIGHTS),
        weather=_frame(reported, weather, WEATHER),
        airports=read_reference("airports").frame,
        rejected=rejected_frame(rejected),
        landed=days,
        notes=notes,
    )


def _frame(days: Sequence[LandedDay], read: Sequence[CsvFile], columns: Sequence[Column]) -> pd.DataFrame:
    """The good lines of all files, and the day of the file that each is from."""
    midnights = np.array([files.day for files in days], "datetime64[s]")
    return to_frame(read, columns, flight_date=np.repeat(midnights, [file.table.num_rows for file in read]))


def _weather_notes(files: LandedDay, read: CsvFile) -> list[str]:
    """What is odd about a day's weather. A bad value is missing, a line without place or hour is left out; a file of
    which most or any other line is bad is BadSchema."""
    path, notes = files.weather_path, list(read.notes)
    for bad in read.bad:
        if bad.column is None:
            raise BadSchema(f"{path}, line {bad.line}: {bad.reason}; ask for the file to be sent again")
        notes.append(f"{path}, line {bad.line}: {bad.reason}; left out")
    if len(read.bad) > read.table.num_rows:
        raise BadSchema(f"{path}: {len(read.bad)} lines without a place or hour, such as {notes[-1]}; ask for it again")
    return notes

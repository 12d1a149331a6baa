"""Transform: what was extracted, checked, and in the warehouse's terms. Nothing is read or written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from etl_core.interval import Interval
from etl_core.stages import clock
from etl_core.stages.columns import ORIGINS, WEATHER
from etl_core.stages.extract import Extracted
from etl_core.stages.quarantine import check_most_are_good, quarantine
from etl_core.stages.rules import broken_rules, other_than_scheduled

KEY = ["flight_date", "carrier", "flight", "origin", "scheduled_departure"]
WEATHER_NAMES = {"temp": "temperature", "wind_speed": "wind_speed", "visib": "visibility", "precip": "precipitation"}
_ORIGINS = pa.array(ORIGINS)
_ORIGIN = next(column for column in WEATHER if column.name == "origin")


@dataclass(frozen=True)
class Transformed:
    """What will be loaded for an interval.

    flights: the warehouse's columns in its order, but for run_id; instants in UTC, delays and air_time in minutes.
    rejected: flight_date, source_line, reason, row; the lines extract rejected and those that break a rule.
    landed: day -> hash of the content that all this was made from. notes: what is odd and does no harm.
    """

    interval: Interval
    flights: pd.DataFrame
    rejected: pd.DataFrame
    landed: dict[date, str]
    notes: list[str]

    @property
    def rows(self) -> int:
        return len(self.flights)


def transform(extracted: Extracted) -> Transformed:
    """Check every row, reject those that break a rule (one reason each), and give the others the warehouse's columns.

    Rows in = flights + rejected. Raises BadSchema where more than half of a day's lines are rejected.
    """
    source = extracted.flights.reset_index(drop=True)
    reasons = broken_rules(source)
    good = source.drop(reasons.index) if len(reasons) else source
    departure = clock.scheduled_departure(good.flight_date, good.sched_dep_time, good.time_hour)
    good = good.assign(scheduled_departure=departure)
    for find in (_skipped_by_the_clock, _duplicates):
        found = find(good)
        if len(found):
            reasons, good = pd.concat([reasons, found]), good.drop(found.index)
    notes = [*extracted.notes, *other_than_scheduled(good)]
    zones, weather = _zones(good.dest, extracted.airports, notes), _weather(good, extracted.weather, notes)
    return Transformed(
        interval=extracted.interval,
        flights=_in_our_terms(good, zones, weather),
        rejected=_rejected(extracted, source, reasons),
        landed={files.day: files.source_hash for files in extracted.landed},
        notes=notes,
    )


def _in_our_terms(good: pd.DataFrame, zones: pd.Series, weather: dict[str, np.ndarray]) -> pd.DataFrame:
    arrival = clock.scheduled_arrival(good.scheduled_departure, good.flight_date, good.sched_arr_time, zones)
    never_left, never_arrived = good.dep_time.isna(), good.arr_delay.isna()
    status = np.select([never_left, never_arrived], [0, 1], default=2)
    columns = {
        "flight_date": good.flight_date,
        "carrier": good.carrier,
        "flight": good.flight,
        "origin": good.origin,
        "scheduled_departure": good.scheduled_departure,
        "dest": good.dest,
        "tail_number": good.tailnum,
        "status": pd.Series(pd.Categorical.from_codes(status, ["cancelled", "diverted", "completed"])),
        "actual_departure": clock.later(good.scheduled_departure, good.dep_delay),
        "scheduled_arrival": arrival,
        "actual_arrival": clock.later(arrival, good.arr_delay),
        "departure_delay": good.dep_delay,
        "arrival_delay": good.arr_delay,
        "air_time": good.air_time,
        "distance": good.distance,
    }
    arrays = {name: values.array for name, values in columns.items()}  # arrays: no index to compare
    return pd.DataFrame({**arrays, **weather})


def _zones(dest: pd.Series, airports: pd.DataFrame, notes: list[str]) -> pd.Series:
    """The time zone of each destination, missing where airports.csv tells none that is known."""
    rows = pc.index_in(pa.Array.from_pandas(dest), pa.Array.from_pandas(airports.faa))  # in Arrow: no index to build
    zones = pa.Array.from_pandas(airports.tzone).take(rows)
    for zone in zones.unique().drop_null().to_pylist():
        if not clock.is_zone(zone):
            notes.append(f"airports.csv: the time zone {zone!r} is not known, so it is taken as missing")
            zones = pc.if_else(pc.equal(zones, zone), None, zones)
    return zones.to_pandas()


def _weather(flights: pd.DataFrame, weather: pd.DataFrame, notes: list[str]) -> dict[str, np.ndarray]:
    """Each flight's weather, of the same day's file at its origin and UTC hour; of two lines the first counts."""
    reported = weather.flight_date  # the days that have a file, whatever is in it
    places = _places(weather)
    elsewhere = places == len(ORIGINS)
    if elsewhere.any():
        for day, rows in weather[elsewhere].groupby("flight_date"):
            first = f"line {rows.source_line.iloc[0]}, {_ORIGIN.broken_by(rows.origin.iloc[0])}"
            of = f"{len(rows)} of {(reported == day).sum()} lines"
            notes.append(f"weather of {day:%Y-%m-%d}: {of} left out (the first: {first})")
        weather, places = weather[~elsewhere], places[~elsewhere]
    hours = _day_place_hour(weather, places)
    again = hours.duplicated()
    if again.any():
        for row in weather[again].itertuples():
            at = f"{row.origin} {row.time_hour:%Y-%m-%dT%H:%MZ}"
            where = f"weather of {row.flight_date:%Y-%m-%d}, line {row.source_line}"
            notes.append(f"{where}: {at} is there twice; the first line counts")
        weather, hours = weather[~again], hours[~again]
    row_of = hours.get_indexer(_day_place_hour(flights, _places(flights)))  # -1, the NaN at the end, where none is
    if (row_of < 0).any():
        for day, without in pd.Series(row_of < 0).groupby(flights.flight_date.array):
            if without.mean() > 0.5 and (reported == day).any():
                missing = f"no line for the hour of {without.sum()} of {len(without)} flights"
                notes.append(f"weather of {day:%Y-%m-%d}: {missing}; is it another day's file?")
    return {ours: np.append(weather[name].to_numpy(), np.nan)[row_of] for name, ours in WEATHER_NAMES.items()}


def _places(rows: pd.DataFrame) -> np.ndarray:
    """The number of each row's origin among ORIGINS, their count where it is none of them."""
    return pc.fill_null(pc.index_in(pa.Array.from_pandas(rows.origin), _ORIGINS), len(ORIGINS)).to_numpy()


def _day_place_hour(rows: pd.DataFrame, places: np.ndarray) -> pd.Index:
    """Flight date, origin and hour as one number: for a day, four times as fast as a merge on the three."""
    day = rows.flight_date.to_numpy("datetime64[D]").astype("int64")
    return pd.Index((day * 4 + places) * 2**33 + rows.time_hour.to_numpy("datetime64[s]").astype("int64"))


def _skipped_by_the_clock(good: pd.DataFrame) -> pd.Series:
    """A reason for each row whose time New York's clock skips."""
    skipped = good.scheduled_departure.isna()
    if not skipped.any():
        return pd.Series(dtype="str")
    rows = good[skipped]
    text = [
        f"sched_dep_time: {time:04d} does not exist in New York on {day:%Y-%m-%d}, when clocks go forward"
        for time, day in zip(rows.sched_dep_time, rows.flight_date, strict=True)
    ]
    return pd.Series(text, index=rows.index, dtype="str")


def _duplicates(good: pd.DataFrame) -> pd.Series:
    """A reason for each row whose key an earlier row has."""
    carrier = pa.Array.from_pandas(good.carrier).dictionary_encode().indices.to_numpy().astype("int64")
    instant = good.scheduled_departure.to_numpy("datetime64[s]").astype("int64")
    if pd.Index((carrier * 2**14 + good.flight.to_numpy()) * 2**36 + instant).is_unique:
        return pd.Series(dtype="str")  # not even three columns of the key recur, as one number; that is soon seen
    again = good.duplicated(KEY)
    if not again.any():
        return pd.Series(dtype="str")
    first = good.groupby(KEY).source_line.transform("first")[again]
    return "same flight as line " + first.astype("str") + " (" + ", ".join(KEY) + ")"


def _rejected(extracted: Extracted, source: pd.DataFrame, reasons: pd.Series) -> pd.DataFrame:
    """The rejected lines of both stages in the order of the files; raises BadSchema where they are too many."""
    if reasons.empty:
        return extracted.rejected
    both = pd.concat([extracted.rejected, quarantine(source, reasons, extracted.landed)])
    both = both.sort_values(["flight_date", "source_line"], ignore_index=True)
    for files in extracted.landed:
        bad = both[both.flight_date == pd.Timestamp(files.day)]
        unread = (extracted.rejected.flight_date == pd.Timestamp(files.day)).sum()
        lines = (source.flight_date == pd.Timestamp(files.day)).sum() + unread
        check_most_are_good(files, lines, list(zip(bad.source_line, bad.reason, strict=True)))
    return both

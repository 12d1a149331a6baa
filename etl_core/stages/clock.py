"""Local wall clocks as UTC: HHMM numbers, 2400, the after-midnight day, and the two nights a year the clock changes.

A local time may not exist (02:30 in the night clocks go forward) or exist twice (01:30 in the night they go back).
"""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

NEW_YORK = "America/New_York"
MINUTE = np.timedelta64(60, "s")


def is_zone(name: str) -> bool:
    """Whether `name` is a time zone that this system knows."""
    try:
        return bool(ZoneInfo(name))
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False


def wall_time(day: pd.Series, hhmm: pd.Series) -> np.ndarray:
    """Midnight of `day` and a time of day as HHMM (2400 is the next midnight) -> local times without zone."""
    number = hhmm.to_numpy("int64")
    return day.to_numpy("datetime64[s]") + (number // 100 * 60 + number % 100) * MINUTE


def to_utc(wall: np.ndarray, zone: str, second: bool = False, skipped: str = "shift") -> np.ndarray:
    """Local times in `zone` -> UTC, datetime64[s] both. Of a time that exists twice the first, or the `second`.

    A time that the clock skips is read with the offset from before the change (`skipped="shift"`: 02:30 is what is
    called 03:30 from then on), or is NaT (`skipped="missing"`).
    """
    nonexistent = pd.Timedelta(hours=1) if skipped == "shift" else "NaT"
    local = pd.DatetimeIndex(wall).tz_localize(zone, np.full(len(wall), not second), nonexistent)
    return local.to_numpy("datetime64[s]")  # NumPy knows no zones: it is given UTC


def scheduled_departure(day: pd.Series, hhmm: pd.Series, hour: pd.Series) -> pd.Series:
    """New York's HHMM on `day` -> UTC; NaT where the clock skips it.

    Where it exists twice, the one in `hour` (the source's own hour in UTC), else the first.
    """
    wall = wall_time(day, hhmm)
    first, second = (to_utc(wall, NEW_YORK, later, skipped="missing") for later in (False, True))
    source = hour.to_numpy("datetime64[h]")
    return _series(np.where(second.astype("datetime64[h]") == source, second, first), day.index)


def scheduled_arrival(departure: pd.Series, day: pd.Series, hhmm: pd.Series, zones: pd.Series) -> pd.Series:
    """HHMM in each row's own zone on `day`, or on the day after if that is before `departure` -> UTC.

    NaT where the zone is missing.
    """
    wall = wall_time(day, hhmm)
    leaves = departure.to_numpy("datetime64[s]")
    zone_of_row, names = pd.factorize(zones)
    arrival = np.full(len(wall), np.datetime64("NaT", "s"))
    for number, zone in enumerate(names):
        rows = zone_of_row == number
        arrival[rows] = to_utc(wall[rows], zone)
        for days, second in ((0, True), (1, False)):  # too early: the same time an hour later, or a day later
            early = rows & (arrival < leaves)
            if early.any():
                arrival[early] = to_utc(wall[early] + days * 24 * 60 * MINUTE, zone, second)
    return _series(arrival, day.index)


def later(instants: pd.Series, minutes: pd.Series) -> pd.Series:
    """Instants moved by minutes; NaT where either is missing."""
    moved = instants.to_numpy("datetime64[s]") + minutes.to_numpy("int64", na_value=0) * MINUTE
    return _series(np.where(minutes.isna(), np.datetime64("NaT", "s"), moved), instants.index)


def _series(utc: np.ndarray, index: pd.Index) -> pd.Series:
    return pd.Series(pd.DatetimeIndex(utc, tz="UTC"), index=index)

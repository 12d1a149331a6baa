"""Lesson 1's small versions and the package give the same answer on real data."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pytest

import etl_core
from exercises.lesson_01 import fingerprint, read_raw, whats_wrong
from exercises.tools.landing import copy_days, flights_file, weather_file

DAYS = ("2013-01-15", "2013-02-08", "2013-11-28")


@pytest.mark.parametrize("day", DAYS)
def test_text_read_with_declared_types_is_what_extract_gives(day: str) -> None:
    raw, typed = read_raw(flights_file(day)), etl_core.extract(day).flights
    assert list(raw.source_line) == list(typed.source_line)
    for column in ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "flight", "distance"):
        assert (raw[column].mask(raw[column] == "NA").astype("Int32") == typed[column]).fillna(True).all()
        assert (raw[column] == "NA").equals(typed[column].isna())
    assert (raw.carrier == typed.carrier).all()


def test_fingerprints_combined_are_the_hashes_of_the_landing_zone() -> None:
    hashes = etl_core.landed()
    for day, found in hashes.items():
        weather = fingerprint(weather_file(day)) if weather_file(day).exists() else "absent"
        both = f"flights {fingerprint(flights_file(day))}\nweather {weather}\n"
        assert hashlib.sha256(both.encode()).hexdigest() == found


def test_copied_days_are_a_landing_zone(tmp_path: Path) -> None:
    zone = copy_days(tmp_path, "2013-12-30", "2013-12-31")
    here, there = etl_core.landed(landing=zone), etl_core.landed()
    assert here == {day: there[day] for day in here} and len(here) == 2
    assert etl_core.extract("2013-12-31", landing=zone).rows == 776


def test_files_that_are_refused_by_one_are_refused_by_both(tmp_path: Path) -> None:
    zone = copy_days(tmp_path, "2013-01-15")
    path = zone / "flights" / "2013-01-15.csv"
    whole = path.read_bytes()
    for bad in (b"", whole[:39_999], whole.replace(b"dep_time", b"departure", 1), b"<html>\n<body></body>\n"):
        path.write_bytes(bad)
        assert whats_wrong(path)
        with pytest.raises((etl_core.errors.BadSchema, etl_core.errors.StillBeingWritten)):
            etl_core.extract("2013-01-15", landing=zone)
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:401]))  # cut between two lines: nothing to be seen
    assert whats_wrong(path) is None
    assert pd.notna(etl_core.extract("2013-01-15", landing=zone).flights.dep_time).all()

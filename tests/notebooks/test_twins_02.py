"""Lesson 02: the small versions and the package give the same answer on real days."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

import etl_core
from exercises import lesson_01, lesson_02
from exercises.tools import landing

# with HA 51; a blizzard; both nights of the clocks and the days after; 2400; no weather
DAYS = [f"2013-{day}" for day in ("01-09", "02-08", "03-09", "03-10", "07-07", "11-02", "11-03", "12-31")]


@pytest.mark.parametrize("day", DAYS)
def test_departures_and_weather(day: str) -> None:
    extracted = etl_core.extract(day)
    package = etl_core.transform(extracted).flights
    with open(landing.flights_file(day), newline="", encoding="utf-8") as file:
        lines = [(row["sched_dep_time"], row["dep_time"], row["dep_delay"]) for row in csv.DictReader(file)]
    left = pd.Series([lesson_02.left_at(date.fromisoformat(day), *line) for line in lines])
    assert pd.to_datetime(left, utc=True).dt.as_unit("s").equals(package.actual_departure)
    warm = lesson_02.add_weather(extracted.flights, extracted.weather)
    assert warm.temp.equals(package.temperature.rename("temp"))


def test_the_clock_of_departures_is_timetable_plus_delay() -> None:
    flights = etl_core.extract("2013-07-07").flights.dropna(subset="dep_time")
    assert (flights.dep_time == 2400).any()
    clock, planned = (flights[name].astype("str").map(lesson_02.minutes) for name in ("dep_time", "sched_dep_time"))
    assert ((planned + flights.dep_delay - clock) % 1440 == 0).all()


def test_the_same_lines_go_into_quarantine(tmp_path: Path) -> None:
    lines = landing.flights_file("2013-01-15").read_text(encoding="utf-8").splitlines()
    odd = [landing.line(flight=7, dep_time=2460), landing.line(flight=8, sched_dep_time=-5), lines[1]]
    (tmp_path / "flights").mkdir()
    file = landing.write(tmp_path / "flights" / "2013-01-15.csv", *lines[1:], *odd, header=lines[0])
    good, rejected = lesson_02.sort_out(lesson_01.read_raw(file))
    package = etl_core.transform(etl_core.extract("2013-01-15", landing=str(tmp_path)))
    assert (len(good), len(rejected)) == (package.rows, len(package.rejected)) == (len(lines) - 1, 3)
    assert set(rejected.source_line) == set(package.rejected.source_line)

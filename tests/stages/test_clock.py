"""HHMM as UTC: 2400, the day after midnight, and both nights on which the clock changes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from etl_core.stages import clock
from tests.stages.files import change, flights_file, only_rejected, stages

SPRING, AUTUMN = "2013-03-10", "2013-11-03"


def departure(day: str, hhmm: int, hour: str = "2000-01-01T00") -> str:
    series = clock.scheduled_departure(
        pd.Series([day], dtype="datetime64[s]"), pd.Series([hhmm]), pd.Series([pd.Timestamp(hour, tz="UTC")])
    )
    return str(series[0])[:16]


def arrival(leaves: str, day: str, hhmm: int, zone: str | None) -> str:
    series = clock.scheduled_arrival(
        pd.Series([pd.Timestamp(leaves, tz="UTC")]),
        pd.Series([day], dtype="datetime64[s]"),
        pd.Series([hhmm]),
        pd.Series([zone], dtype="str"),
    )
    return str(series[0])[:16]


@pytest.mark.parametrize(
    ("day", "hhmm", "utc"),
    [
        ("2013-01-15", 0, "2013-01-15 05:00"),
        ("2013-01-15", 1, "2013-01-15 05:01"),
        ("2013-01-15", 2359, "2013-01-16 04:59"),
        ("2013-07-15", 1200, "2013-07-15 16:00"),
        (SPRING, 159, f"{SPRING} 06:59"),
        (SPRING, 200, "NaT"),
        (SPRING, 230, "NaT"),
        (SPRING, 259, "NaT"),
        (SPRING, 300, f"{SPRING} 07:00"),
        (AUTUMN, 59, f"{AUTUMN} 04:59"),
        (AUTUMN, 130, f"{AUTUMN} 05:30"),
        (AUTUMN, 200, f"{AUTUMN} 07:00"),
    ],
)
def test_departure(day: str, hhmm: int, utc: str) -> None:
    assert departure(day, hhmm) == utc


@pytest.mark.parametrize(("hour", "utc"), [("05", "05:30"), ("06", "06:30"), ("07", "05:30")])
def test_the_hour_that_exists_twice_is_the_one_of_the_source(hour: str, utc: str) -> None:
    assert departure(AUTUMN, 130, f"{AUTUMN}T{hour}") == f"{AUTUMN} {utc}"


@pytest.mark.parametrize(
    ("leaves", "day", "hhmm", "zone", "utc"),
    [
        ("2013-01-15 10:00", "2013-01-15", 600, "America/Chicago", "2013-01-15 12:00"),
        ("2013-01-15 15:00", "2013-01-15", 1530, "Pacific/Honolulu", "2013-01-16 01:30"),
        ("2013-01-16 03:00", "2013-01-15", 15, "America/New_York", "2013-01-16 05:15"),  # after midnight
        ("2013-01-16 03:00", "2013-01-15", 2400, "America/New_York", "2013-01-16 05:00"),
        ("2013-01-16 04:59", "2013-01-15", 2359, "America/New_York", "2013-01-16 04:59"),  # not before: same day
        ("2013-01-15 10:00", "2013-01-15", 600, None, "NaT"),
        (f"{SPRING} 05:30", SPRING, 230, "America/New_York", f"{SPRING} 07:30"),  # skipped: the offset from before
        ("2013-03-10 04:30", "2013-03-09", 230, "America/New_York", f"{SPRING} 07:30"),  # and on the day after
        (f"{AUTUMN} 04:30", AUTUMN, 130, "America/New_York", f"{AUTUMN} 05:30"),  # twice: the first
        (f"{AUTUMN} 05:45", AUTUMN, 130, "America/New_York", f"{AUTUMN} 06:30"),  # which would be before departure
        (f"{AUTUMN} 06:45", AUTUMN, 130, "America/New_York", "2013-11-04 06:30"),
        ("2013-11-03 03:30", "2013-11-02", 130, "America/New_York", f"{AUTUMN} 05:30"),
    ],
)
def test_arrival(leaves: str, day: str, hhmm: int, zone: str | None, utc: str) -> None:
    assert arrival(leaves, day, hhmm, zone) == utc


def test_a_departure_that_the_clock_skips_is_rejected(landing: Path) -> None:
    lines = flights_file(landing).read_text().replace("2013,1,15,", "2013,3,10,")
    flights_file(landing, SPRING).write_text(lines)
    change(flights_file(landing, SPRING), 7, sched_dep_time="230")
    rejected = only_rejected(stages(SPRING))
    assert rejected.reason == "sched_dep_time: 0230 does not exist in New York on 2013-03-10, when clocks go forward"
    assert rejected.source_line == 7


def test_zones_that_are_not_known(landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from etl_core import settings

    reference = tmp_path / "reference"
    reference.mkdir()
    text = (settings.current().reference / "airports.csv").read_text()
    (reference / "airports.csv").write_text(text.replace("America/Chicago", "Mars/Phobos"))
    monkeypatch.setenv("ETL_REFERENCE", str(reference))
    transformed = stages()
    ord_ = transformed.flights[transformed.flights.dest == "ORD"]
    assert len(ord_) and ord_.scheduled_arrival.isna().all() and ord_.actual_arrival.isna().all()
    assert "the time zone 'Mars/Phobos' is not known" in transformed.notes[0]

"""Lesson 05: the small versions and the package give the same answer on the real days."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import etl_core
from exercises import lesson_05


def receipts() -> dict[date, str]:
    return {day: receipt.source_hash for day, receipt in etl_core.receipts_of("flights").items()}


def test_pending_after_a_correction_a_late_file_and_one_that_is_gone(home: Path, landing: Path) -> None:
    assert lesson_05.pending(etl_core.landed(), receipts()) == [date(2013, 1, day) for day in (14, 15, 16)]
    for day in ("2013-01-14", "2013-01-15"):
        etl_core.flights.run(day)
    corrected = landing / "flights" / "2013-01-14.csv"
    corrected.write_bytes(corrected.read_bytes().rpartition(b"2013,")[0])
    (landing / "flights" / "2013-01-15.csv").unlink()
    todo = lesson_05.pending(etl_core.landed(), receipts())
    assert todo == etl_core.pending(etl_core.landed(), receipts()) == [date(2013, 1, 14), date(2013, 1, 16)]
    assert [each.day for each in etl_core.pending_days(etl_core.flights)] == todo


def test_pending_of_the_whole_year() -> None:
    landed = etl_core.landed()
    some = {day: found for day, found in landed.items() if day.day % 3}
    assert lesson_05.pending(landed, some) == etl_core.pending(landed, some)
    assert len(landed) == 365


@pytest.mark.parametrize("value", ["2013-01-15", date(2013, 1, 15), 20130115, "2013-02-30", "../..", True, None, ""])
def test_parse_day(value: object) -> None:
    def told(function) -> object:
        try:
            return function(value)
        except (ValueError, TypeError):
            return "an error"

    assert told(lesson_05.parse_day) == told(etl_core.parse_day)

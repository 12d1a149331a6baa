"""Lesson 3's small versions and the package give the same answer on real data."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import etl_core
from etl_core import query
from etl_core.stages.verify import verify
from exercises.lesson_03 import audit, load_day
from exercises.tools.toy import TABLES

DAYS = ("2013-01-15", "2013-02-08", "2013-11-28")
SMALL = "SELECT day, carrier, flight, origin, delay FROM flights ORDER BY 1, 2, 3, 4"
PACKAGE = "SELECT flight_date, carrier, flight, origin, departure_delay FROM flights ORDER BY 1, 2, 3, 4"


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    """Three days in the small tables and in the package's warehouse."""
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    conn = sqlite3.connect(tmp_path / "toy.db")
    conn.executescript(TABLES)
    for day in DAYS:
        flights = etl_core.extract(day).flights
        delays = flights.dep_delay.astype(object).where(flights.dep_delay.notna(), None)
        keys = zip(flights.carrier, flights.flight.astype(int), flights.origin, delays, strict=True)
        for _ in range(2):
            load_day(conn, day, [(day, *key) for key in keys] or in_table(conn, day), "hash")
            etl_core.flights.run(day)
    return conn


def in_table(conn: sqlite3.Connection, day: str) -> list[tuple]:
    return conn.execute("SELECT * FROM flights WHERE day = ?", [day]).fetchall()


def test_a_day_that_is_loaded_twice(small: sqlite3.Connection) -> None:
    rows = [tuple(row) for row in query(PACKAGE).astype(object).where(lambda frame: frame.notna(), None).to_numpy()]
    assert rows == small.execute(SMALL).fetchall()
    said = {str(day): receipt.rows_loaded for day, receipt in etl_core.receipts_of("flights").items()}
    assert said == dict(small.execute("SELECT day, rows FROM receipts"))


def test_a_torn_day_is_found_by_both(small: sqlite3.Connection) -> None:
    assert audit(small) == [] == verify()
    small.execute("DELETE FROM flights WHERE day = '2013-02-08' AND carrier = 'UA'")
    with etl_core.open_warehouse().begin() as conn:
        conn.exec_driver_sql("DELETE FROM flights WHERE flight_date = '2013-02-08' AND carrier = 'UA'")
    assert set(audit(small)) == {difference.day for difference in verify()}
    assert [str(day) for day in audit(small)] == ["2013-02-08"]

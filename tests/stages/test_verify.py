"""`verify` finds what is wrong, names it, and finds nothing where nothing is."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from etl_core.interval import Interval, parse_day
from etl_core.stages.extract import extract
from etl_core.stages.load import load
from etl_core.stages.transform import transform
from etl_core.stages.verify import verify
from etl_core.warehouse import open_warehouse
from tests.stages.files import DAY, change, flights_file, weather_file


@pytest.fixture(params=["sqlite", "postgresql"])
def warehouse(request: pytest.FixtureRequest, home: Path, landing: Path, monkeypatch: pytest.MonkeyPatch) -> sa.Engine:
    if request.param == "postgresql":
        monkeypatch.setenv("ETL_WAREHOUSE_URL", request.getfixturevalue("postgres"))
    change(flights_file(landing), 7, dest="?")
    engine = open_warehouse()
    if request.param == "postgresql":  # a server that is not on UTC
        with engine.begin() as conn:
            conn.exec_driver_sql(f"ALTER DATABASE {engine.url.database} SET timezone = 'Asia/Tokyo'")
        engine.dispose()
    load(transform(extract(Interval.of("2013-01-14", "2013-01-16"))), engine, "r1")
    yield engine
    engine.dispose()


def found(days: list[str] | None = None) -> list[tuple[str, str, bool]]:
    chosen = None if days is None else [parse_day(day) for day in days]
    return [(str(it.day), it.kind, it.is_error) for it in verify(chosen)]


def test_nothing_wrong(warehouse: sa.Engine) -> None:
    said: list[str] = []
    assert verify(progress=said.append) == []
    assert said == ["the database itself", "receipts and counts", "2013-01-14 to 2013-01-16"]


@pytest.mark.parametrize(
    ("sql", "kinds", "said"),
    [
        (
            "UPDATE flights SET dest = 'XXX' WHERE {key}",
            {"value"},
            "US 1117 EWR 2013-01-15 10:00:00: dest is 'XXX', expected 'CLT'; load the day again: etl backfill",
        ),
        ("UPDATE flights SET temperature = NULL WHERE {key}", {"value"}, "temperature is None, expected 35.96"),
        ("UPDATE flights SET arrival_delay = NULL WHERE {key}", {"value"}, "arrival_delay is None, expected -3"),
        ("UPDATE flights SET run_id = 'r0' WHERE {key}", {"run"}, "rows of run r0 in flights, the receipt is of r1"),
        ("DELETE FROM flights WHERE {key}", {"count", "value"}, "892 rows in flights, the receipt says 893"),
        ("DELETE FROM receipts WHERE flight_date = '2013-01-15'", {"receipt"}, "rows in flights without a receipt"),
        (
            "UPDATE rejected_flights SET reason = 'none'",
            {"value"},
            "rejected_flights: 7: reason is 'none', expected \"dest: found '?'",
        ),
        ("DELETE FROM rejected_flights", {"count", "value"}, "0 rows in rejected_flights, the receipt says 1"),
    ],
)
def test_something_wrong(warehouse: sa.Engine, landing: Path, sql: str, kinds: set[str], said: str) -> None:
    key = "flight_date = '2013-01-15' AND carrier = 'US' AND flight = 1117"
    with warehouse.begin() as conn:
        conn.exec_driver_sql(sql.format(key=key))
    differences = verify()
    assert {it.kind for it in differences} == kinds and {str(it.day) for it in differences} == {DAY}
    assert all(it.is_error for it in differences)
    assert all(it.message.endswith(f"; load the day again: etl backfill {DAY} {DAY} --again") for it in differences)
    text = " ".join(it.message for it in differences).replace("893 rows in flights, the receipt says 893", "")
    assert (
        said.replace("892 rows in flights, the receipt says 893", "892 rows in flights, the receipt says 893") in text
    )
    assert verify([parse_day("2013-01-14")]) == []


def test_many_wrong_rows_are_counted(warehouse: sa.Engine) -> None:
    with warehouse.begin() as conn:
        conn.exec_driver_sql("UPDATE flights SET distance = 1")
    assert [it.message.partition("; and ")[2] for it in verify()][1].startswith("890 more; load the day again")


def test_sources_that_changed_or_vanished_are_no_errors(warehouse: sa.Engine, landing: Path) -> None:
    change(weather_file(landing), 7, temp="-40")
    flights_file(landing, "2013-01-16").unlink()
    assert found() == [(DAY, "source-changed", False), ("2013-01-16", "source-vanished", False)]
    assert found(["2013-01-14"]) == []


def test_reference_files_that_changed_or_vanished_are_no_errors(warehouse: sa.Engine, reference: Path) -> None:
    assert verify() == []
    with (reference / "airlines.csv").open("a") as file:
        file.write("ZZ,Zeppelin\n")
    (reference / "planes.csv").unlink()
    changed, vanished = verify()
    assert (changed.day, changed.kind, changed.is_error) == (None, "source-changed", False)
    assert f"{reference}/airlines.csv has changed since it was loaded; the next load takes it over" in changed.message
    assert (vanished.kind, vanished.is_error) == ("source-vanished", False) and "planes.csv" in vanished.message


def test_another_airports_csv_explains_other_arrivals(warehouse: sa.Engine, reference: Path) -> None:
    airports = reference / "airports.csv"
    airports.write_text(airports.read_text().replace("America/Denver", "America/Chicago"))
    kinds = [it.kind for it in verify()]
    assert kinds == ["value"] * 3 + ["source-changed"]
    assert "days loaded before keep their arrival times" in verify()[-1].message
    load(transform(extract(Interval.of("2013-01-14", "2013-01-16"))), warehouse, "r2")
    assert verify() == []


def test_no_landing_zone_any_more(warehouse: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_LANDING", "/nowhere/at/all")
    assert found() == [("None", "source-vanished", False)]


def test_a_damaged_sqlite_file(home: Path, landing: Path) -> None:
    engine = open_warehouse()
    load(transform(extract(DAY)), engine, "r1")
    with engine.begin() as conn:
        conn.exec_driver_sql("DROP VIEW daily_delays")
        conn.exec_driver_sql("CREATE INDEX by_dest ON flights (dest)")
        conn.exec_driver_sql("PRAGMA writable_schema = ON")
        conn.exec_driver_sql(
            "UPDATE sqlite_master SET sql = 'CREATE INDEX by_dest ON flights (origin)' WHERE name = 'by_dest'"
        )
    engine.dispose()
    kinds = found()
    assert ("None", "database", True) in kinds

"""One transaction: all of an interval or nothing, and the same values however often; on SQLite and PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl_core import settings
from etl_core.database import reading
from etl_core.errors import BadSchema, EtlError, PermanentError
from etl_core.interval import Interval
from etl_core.stages.extract import extract
from etl_core.stages.landing import landed
from etl_core.stages.load import load
from etl_core.stages.transform import transform
from etl_core.warehouse import flights, metadata, open_warehouse, receipts_of
from tests.stages.files import DAY, change, flights_file

TABLES = ("flights", "rejected_flights", "receipts", "airlines", "airports", "planes", "reference_files")


@pytest.fixture(params=["sqlite", "postgresql"])
def warehouse(
    request: pytest.FixtureRequest, home: Path, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[sa.Engine]:
    if request.param == "postgresql":
        monkeypatch.setenv("ETL_WAREHOUSE_URL", request.getfixturevalue("postgres"))
    engine = open_warehouse()
    if request.param == "postgresql":  # a server that is not on UTC
        with engine.begin() as conn:
            conn.exec_driver_sql(f"ALTER DATABASE {engine.url.database} SET timezone = 'Asia/Tokyo'")
        engine.dispose()
    yield engine
    engine.dispose()


def contents(engine: sa.Engine, *but: str) -> dict[str, list[tuple]]:
    with reading(engine) as conn:
        return {
            name: sorted(
                (
                    tuple(row)
                    for row in conn.execute(sa.select(*[c for c in metadata.tables[name].c if c.name not in but]))
                ),
                key=repr,
            )
            for name in TABLES
        }


def load_day(engine: sa.Engine, run_id: str = "r1", first: str = DAY, last: str | None = None):
    return load(transform(extract(Interval.of(first, last))), engine, run_id)


def test_what_is_stored(warehouse: sa.Engine, landing: Path) -> None:
    change(flights_file(landing), 7, dest="?")
    made = load_day(warehouse)
    assert (made.rows, made.rejected) == (893, 1)
    receipt = receipts_of("flights")[date(2013, 1, 15)]
    assert (receipt.rows_loaded, receipt.rows_rejected, receipt.run_id) == (893, 1, "r1")
    assert receipt.source_hash == landed()[date(2013, 1, 15)]
    sqlite = warehouse.dialect.name == "sqlite"
    with reading(warehouse) as conn:
        row = conn.execute(sa.select(flights).where(flights.c.carrier == "US", flights.c.flight == 1117)).one()
        assert str(row.scheduled_departure) == "2013-01-15 10:00:00+00:00" and row.flight_date == date(2013, 1, 15)
        assert (row.status, row.departure_delay, row.arrival_delay, row.air_time) == ("completed", -7, -3, 96)
        assert (row.temperature, row.wind_speed) == (35.96, 10.357019999999999)
        cancelled = conn.execute(sa.select(flights).where(flights.c.status == "cancelled")).first()
        assert cancelled.departure_delay is None and cancelled.actual_departure is None
        assert conn.exec_driver_sql("SELECT flight_date, source_line FROM rejected_flights").one()[1] == 7
        if sqlite:
            raw = conn.exec_driver_sql("SELECT flight_date, scheduled_departure, arrival_delay FROM flights").first()
            assert len(raw[0]) == 10 and len(raw[1]) == 19
            types = conn.exec_driver_sql(
                "SELECT DISTINCT typeof(departure_delay), typeof(temperature) FROM flights"
            ).all()
            assert {kind for row in types for kind in row} <= {"integer", "real", "null"}
        counts = [conn.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar() for name in TABLES[3:]]
        assert counts == [16, 1458, 3322, 3]


def test_loading_again_changes_nothing(warehouse: sa.Engine) -> None:
    load_day(warehouse, "r1", "2013-01-14", "2013-01-16")
    before = contents(warehouse, "run_id", "loaded_at")
    load_day(warehouse, "r2")
    assert contents(warehouse, "run_id", "loaded_at") == before
    assert {receipt.run_id for receipt in receipts_of("flights").values()} == {"r1", "r2"}


def test_a_corrected_file_replaces_its_day_and_no_other(warehouse: sa.Engine, landing: Path) -> None:
    load_day(warehouse, "r1", "2013-01-14", "2013-01-16")
    before = contents(warehouse)
    original = flights_file(landing).read_bytes()
    change(flights_file(landing), 7, dest="?")
    assert load_day(warehouse, "r2").rejected == 1
    after = contents(warehouse)
    assert len(after["rejected_flights"]) == 1 and len(after["flights"]) == len(before["flights"]) - 1
    others = [row for row in before["flights"] if row[0] != date(2013, 1, 15)]
    assert [row for row in after["flights"] if row[0] != date(2013, 1, 15)] == others
    flights_file(landing).write_bytes(original)
    load_day(warehouse, "r1")
    assert contents(warehouse)["rejected_flights"] == [] and contents(warehouse)["flights"] == before["flights"]


def test_a_failure_before_commit_leaves_what_was_there(warehouse: sa.Engine, landing: Path) -> None:
    load_day(warehouse, "r1")
    before = contents(warehouse)
    change(flights_file(landing), 7, dest="?")

    def fail(conn: sa.Connection) -> None:
        raise OSError("pulled the plug")

    sa.event.listen(warehouse, "commit", fail)
    try:
        with pytest.raises(OSError, match="pulled the plug"):
            load_day(warehouse, "r2")
    finally:
        sa.event.remove(warehouse, "commit", fail)
    assert contents(warehouse) == before
    assert load_day(warehouse, "r3").rejected == 1


def test_killed_before_commit(home: Path, landing: Path) -> None:
    load_day(open_warehouse(), "r1")
    before = contents(open_warehouse())
    change(flights_file(landing), 7, dest="?")
    program = f"""
        import os, signal
        import sqlalchemy as sa
        from etl_core.stages.extract import extract
        from etl_core.stages.load import load
        from etl_core.stages.transform import transform
        from etl_core.warehouse import open_warehouse
        warehouse = open_warehouse()
        sa.event.listen(warehouse, "commit", lambda conn: os.kill(os.getpid(), signal.SIGKILL))
        load(transform(extract({DAY!r})), warehouse, "r2")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], timeout=60, cwd=settings.REPOSITORY)
    assert done.returncode == -9
    assert contents(open_warehouse()) == before
    assert load_day(open_warehouse(), "r3").rejected == 1


def test_nasty_text_is_stored_as_it_is(warehouse: sa.Engine, landing: Path) -> None:
    nasty = "'; DROP TABLE flights; --\x00\t\\N\\. €"
    change(flights_file(landing), 7, tailnum=nasty)
    load_day(warehouse)
    with reading(warehouse) as conn:
        reason, row = conn.exec_driver_sql("SELECT reason, row FROM rejected_flights").one()
    assert "DROP TABLE" in reason and r"\\N\\. €" in row and r"--\\x00\t" in row


def test_reference_tables_follow_their_files(warehouse: sa.Engine, reference: Path) -> None:
    load_day(warehouse)
    (reference / "airlines.csv").write_text("carrier,name\nNA,North\n")
    load_day(warehouse)
    assert contents(warehouse)["airlines"] == [("NA", "North")] and len(contents(warehouse)["planes"]) == 3322


@pytest.mark.parametrize(("content", "error", "said"), [
    (None, PermanentError, "airlines.csv: not found.*ETL_REFERENCE"),
    ("carrier;name\nNA;North\n", BadSchema, "line 1: .*semicolons"),
    ("carrier,name\nNA,North,1\n", BadSchema, "line 2: found 3 fields"),
    ("carrier,name\nNA,North\nNA,South\n", BadSchema, "'NA' is there twice"),
])  # fmt: skip
def test_a_bad_reference_file(
    home: Path, landing: Path, reference: Path, content: str | None, error: type[EtlError], said: str
) -> None:  # fmt: skip
    load_day(open_warehouse())
    before = contents(open_warehouse())
    (reference / "airlines.csv").unlink() if content is None else (reference / "airlines.csv").write_text(content)
    with pytest.raises(error, match=said):
        load_day(open_warehouse(), "r2")
    assert contents(open_warehouse()) == before

"""Databases in trouble: old and new schemas, no database, read-only, locked, full; and then well again."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from etl_core import (
    Interval,
    RetryPolicy,
    database,
    flights,
    history,
    open_warehouse,
    query,
    receipts_of,
    schema,
    settings,
    warehouse,
)
from etl_core.errors import DatabaseError, TransientError
from tests.core.toy import child, folder, out, toy, until

OPEN: dict[str, Callable[[], sa.Engine]] = {"warehouse": open_warehouse, "history": history.open_history}


def tables(path: Path) -> set[str]:
    conn = sqlite3.connect(path)
    names = {row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    conn.close()
    return names


def whole(path: Path) -> bool:
    conn = sqlite3.connect(path)
    found = conn.execute("PRAGMA integrity_check").fetchall()
    conn.close()
    return found == [("ok",)]


# ---- schema versions -----------------------------------------------------------------------------


def first(conn: sa.Connection) -> None:
    conn.exec_driver_sql("CREATE TABLE one (x INTEGER)")


def second(conn: sa.Connection) -> None:
    conn.exec_driver_sql("CREATE TABLE two (x INTEGER)")
    conn.exec_driver_sql("INSERT INTO two SELECT x FROM one")


def version(url: str, name: str = "test") -> int:
    with database.reading(database.engine(url)) as conn:
        return schema._version(conn, name)


def put_version(url: str, name: str, number: int) -> None:
    with database.writer(url).begin() as conn:
        schema._set_version(conn, name, number)


def test_an_older_schema_is_brought_up_to_date(letters: Path, home: Path) -> None:
    url = f"sqlite:///{home / 'x.db'}"
    with schema.open_database(url, [first], "test").begin() as conn:
        conn.exec_driver_sql("INSERT INTO one VALUES (7)")
    assert version(url) == 1
    with database.reading(schema.open_database(url, [first, second], "test")) as conn:
        assert conn.exec_driver_sql("SELECT x FROM two").scalar() == 7
    assert version(url) == 2


def test_a_migration_that_fails_leaves_the_old_schema(letters: Path, home: Path) -> None:
    url = f"sqlite:///{home / 'x.db'}"
    schema.open_database(url, [first], "test")

    def fails(conn: sa.Connection) -> None:
        second(conn)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        schema.open_database(url, [first, fails], "test")
    assert (version(url), tables(home / "x.db")) == (1, {"one"})
    schema.open_database(url, [first, second], "test")
    assert (version(url), tables(home / "x.db")) == (2, {"one", "two"})


KILLED_IN_A_MIGRATION = """
import os, signal
from etl_core import schema, settings
from tests.core.test_databases import first, second
def dies(conn):
    second(conn)
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
schema.open_database(settings.current().warehouse_url, [first, dies], "test")
"""


def test_a_kill_in_a_migration_leaves_the_old_schema(database: str, letters: Path, home: Path) -> None:
    from etl_core import database as module

    url = settings.current().warehouse_url
    schema.open_database(url, [first], "test")
    process = child(KILLED_IN_A_MIGRATION)
    _, said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, said

    def two() -> bool:
        return sa.inspect(module.engine(url)).has_table("two")

    assert (version(url), two()) == (1, False)
    schema.open_database(url, [first, second], "test")
    assert (version(url), two()) == (2, True)


@pytest.mark.parametrize("name", OPEN)
def test_a_newer_schema_is_refused_and_not_touched(database: str, letters: Path, name: str) -> None:
    toy.run("2024-01-01")
    found = settings.current()
    url = {"warehouse": found.warehouse_url, "history": found.history_url}[name]
    put_version(url, name, 99)
    with pytest.raises(DatabaseError, match=r"has schema version 99, this program knows up to \d; update the program"):
        OPEN[name]()
    with pytest.raises(DatabaseError, match="99"):
        toy.run("2024-01-02")
    assert version(url, name) == 99


@pytest.mark.parametrize("name", OPEN)
def test_made_by_many_processes_at_once(database: str, letters: Path, name: str) -> None:
    code = f"""
from tests.core.test_databases import OPEN
(folder() / f"ready-{{__import__('os').getpid()}}").touch()
until(lambda: (folder() / "start").exists())
OPEN[{name!r}]()
"""
    children = [child(code) for _ in range(3)]
    until(lambda: len(list(folder().glob("ready-*"))) == 3)
    (folder() / "start").touch()
    for process in children:
        out(process)


# ---- no database, read-only ----------------------------------------------------------------------


@pytest.mark.parametrize("name", OPEN)
@pytest.mark.parametrize("content", [b"this is a letter, not a database" * 200, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_file_that_is_no_database(letters: Path, home: Path, name: str, content: bytes) -> None:
    home.mkdir()
    (home / f"{name}.db").write_bytes(content)
    with pytest.raises(DatabaseError, match=rf"{name}\.db: is not a whole SQLite database .*move it away"):
        OPEN[name]()
    with pytest.raises(DatabaseError):
        toy.run("2024-01-01")
    assert (home / f"{name}.db").read_bytes() == content
    (home / f"{name}.db").rename(home / "away")
    assert toy.run("2024-01-01").status == "succeeded"


def test_an_empty_file_is_a_new_database(letters: Path, home: Path) -> None:
    home.mkdir()
    (home / "warehouse.db").touch()
    assert toy.run("2024-01-01").status == "succeeded"


def test_a_folder_in_the_place_of_a_database(letters: Path, home: Path) -> None:
    (home / "warehouse.db").mkdir(parents=True)
    with pytest.raises(DatabaseError, match=r"warehouse\.db: cannot be opened; expected a SQLite file"):
        toy.run("2024-01-01")


READ_ONLY = """
import os
if hasattr(os, "seteuid") and os.geteuid() == 0:
    os.seteuid(65534)
try:
    print(toy.run("2024-01-01").status)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits")
def test_a_read_only_warehouse_is_a_clear_error(letters: Path, ordinary_folder: Path) -> None:
    """As root nothing is read-only, so a child becomes an ordinary user."""
    home = ordinary_folder / "state"
    shutil.copytree(letters, ordinary_folder / "letters")
    environment = {"ETL_HOME": str(home), "TOY_LANDING": str(ordinary_folder / "letters")}
    environment["ETL_WAREHOUSE_URL"] = f"sqlite:///{home}/closed/warehouse.db"
    assert out(child("print(toy.run('2024-01-02').status)", **environment)) == "succeeded\n"
    if os.geteuid() == 0:
        for path in [home, *home.rglob("*")]:
            os.chown(path, 65534, 65534)
    conn = sqlite3.connect(home / "closed" / "warehouse.db")
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.close()
    (home / "closed" / "warehouse.db").chmod(0o444)
    (home / "closed").chmod(0o555)
    said = out(child(READ_ONLY, **environment))
    assert said.startswith("DatabaseError") and "warehouse.db: is read-only; make the file and its folder" in said
    (home / "closed").chmod(0o755)
    (home / "closed" / "warehouse.db").chmod(0o644)
    assert out(child(READ_ONLY, **environment)) == "succeeded\n"


# ---- locked --------------------------------------------------------------------------------------

HOLD = """
import sqlite3, sys, time
conn = sqlite3.connect(sys.argv[1], isolation_level=None)
conn.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
conn.execute("ROLLBACK")
"""


@pytest.fixture
def hold() -> Iterator[Callable[[Path, float], None]]:
    """hold(file, seconds): another process has the file's write lock for so long."""
    holders: list[subprocess.Popen[str]] = []

    def begin(path: Path, seconds: float) -> None:
        command = [sys.executable, "-c", HOLD, str(path), str(seconds)]
        holders.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert holders[-1].stdout.readline() == "held\n"

    yield begin
    for holder in holders:
        holder.kill()
        holder.communicate()


@pytest.mark.parametrize("name", OPEN)
def test_locked_for_a_moment_it_waits(letters: Path, home: Path, name: str, hold: Callable) -> None:
    toy.run("2024-01-01")
    hold(home / f"{name}.db", 1)
    run = toy.run("2024-01-01")
    assert run.status == "succeeded" and run.duration_s + 0.9 > 0.8
    assert [stage.status for stage in history.stages_of(run.run_id)] == ["succeeded"] * 3


def test_locked_for_longer_than_it_waits_is_a_clear_error(
    letters: Path, home: Path, hold: Callable, monkeypatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.2)
    toy.run("2024-01-01")
    before = receipts_of("toy")
    hold(home / "warehouse.db", 600)
    with pytest.raises(
        TransientError, match=r"warehouse\.db: locked by another process for over .* close what holds it"
    ):
        toy.run("2024-01-01")
    [run, _] = history.newest_runs()
    assert (run.status, run.permanent, run.blocked) == ("failed", False, False)
    assert [s.attempt for s in history.stages_of(run.run_id) if s.stage == "load"] == [1, 2, 3]
    assert receipts_of("toy") == before  # readers do not wait
    assert len(query("SELECT * FROM letters")) == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", OPEN)
def test_locked_for_ten_seconds_it_waits(letters: Path, home: Path, name: str, hold: Callable) -> None:
    toy.run("2024-01-01")
    hold(home / f"{name}.db", 10)
    began = time.monotonic()
    run = toy.run("2024-01-01")
    assert run.status == "succeeded" and 8 < time.monotonic() - began < 15
    assert [stage.status for stage in history.stages_of(run.run_id)] == ["succeeded"] * 3


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_warehouse_locked_for_a_minute_is_a_clear_error(letters: Path, home: Path, hold: Callable) -> None:
    toy.run("2024-01-01")
    hold(home / "warehouse.db", 60)
    with pytest.raises(TransientError, match=r"locked by another process for over 15 s; close what holds it open"):
        toy.run("2024-01-01")
    assert history.newest_runs()[0].status == "failed"
    until(lambda: replace(toy, stage_retry=RetryPolicy(attempts=9)).attempt(Interval.of("2024-01-01")), 60)
    assert history.newest_runs()[0].status == "succeeded"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_history_locked_for_a_minute_is_a_clear_error(letters: Path, home: Path, hold: Callable) -> None:
    toy.run("2024-01-01")
    hold(home / "history.db", 60)
    with pytest.raises(TransientError, match=r"history\.db: locked by another process for over 15 s"):
        toy.run("2024-01-02")
    assert len(receipts_of("toy")) == 1


# ---- full ----------------------------------------------------------------------------------------


def test_full_while_loading_by_a_limit_on_pages(letters: Path, home: Path) -> None:
    """Made by SQLite's own `max_page_count`, which works everywhere; below is the same on a full file system."""
    toy.run("2024-01-01")
    (letters / "2024-01-02.txt").write_text("".join(f"{'x' * 200}{n},1\n" for n in range(5000)))
    limited = database.engine(settings.current().warehouse_url)

    def limit(dbapi: sqlite3.Connection, *_: object) -> None:
        pages = dbapi.execute("PRAGMA page_count").fetchone()[0]
        dbapi.execute(f"PRAGMA max_page_count = {pages + 20}")

    event.listen(limited, "connect", limit)
    limited.dispose()
    before = receipts_of("toy")
    with pytest.raises(TransientError, match=r"warehouse\.db: the disk is full; nothing of this transaction was kept"):
        toy.run("2024-01-02")
    event.remove(limited, "connect", limit)
    limited.dispose()
    assert receipts_of("toy") == before and whole(home / "warehouse.db")
    assert history.newest_runs()[0].permanent is False
    assert toy.run("2024-01-02").rows_loaded == 5000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB, where this user may make one (root on Linux)."""
    place = tmp_path / "small"
    place.mkdir()
    if not shutil.which("mount") or sys.platform != "linux":
        pytest.skip("a small file system can be mounted on Linux only")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"mount is not permitted here ({made.stderr.strip()}); the limit on pages is tested above")
    yield place
    for name in ("warehouse", "history"):
        database.engine(f"sqlite:///{place}/{name}.db").dispose()
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("what", ["warehouse", "both"])
def test_full_while_loading_on_a_file_system_that_is_full(
    letters: Path, home: Path, small_disk: Path, what: str, monkeypatch
) -> None:
    """By a tmpfs of 1 MB that a real file of a real size does not fit into."""
    monkeypatch.setenv("ETL_WAREHOUSE_URL", f"sqlite:///{small_disk}/warehouse.db")
    if what == "both":
        monkeypatch.setenv("ETL_HISTORY_URL", f"sqlite:///{small_disk}/history.db")
    toy.run("2024-01-01")
    before = receipts_of("toy")
    (letters / "2024-01-02.txt").write_text("".join(f"{'x' * 200}{n},1\n" for n in range(5000)))
    with pytest.raises(
        TransientError, match=r"the disk is full; nothing of this transaction was kept. Free some space"
    ):
        toy.run("2024-01-02")
    assert receipts_of("toy") == before and whole(small_disk / "warehouse.db")
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)  # somebody frees some space
    assert toy.run("2024-01-02").rows_loaded == 5000
    assert whole(small_disk / "warehouse.db")


# ---- instants ------------------------------------------------------------------------------------

SHAPE = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9]"
INSTANTS = ("scheduled_departure", "actual_departure", "scheduled_arrival", "actual_arrival")


def test_instants_are_text_of_one_shape_in_sqlite(home: Path, landing: Path) -> None:
    flights.run("2013-01-15")
    conn = sqlite3.connect(home / "warehouse.db")
    for table, columns in (("flights", INSTANTS), ("receipts", ("loaded_at",))):
        for column in columns:
            sql = f"SELECT COUNT({column}), SUM(typeof({column}) = 'text' AND {column} GLOB ?) FROM {table}"
            count, right = conn.execute(sql, (SHAPE,)).fetchone()
            assert count == right > 0, column
    conn.close()


@pytest.mark.parametrize("where", ["sqlite", "postgres"])
def test_comparing_with_bound_datetimes_finds_rows(home: Path, landing: Path, where: str, request, monkeypatch) -> None:
    if where == "postgres":
        monkeypatch.setenv("ETL_WAREHOUSE_URL", request.getfixturevalue("postgres"))
    flights.run("2013-01-15")
    column = warehouse.flights.c.scheduled_departure
    chosen = sa.select(column).order_by(column)
    with database.reading(open_warehouse()) as conn:
        every = list(conn.execute(chosen).scalars())
        middle = every[len(every) // 2]
        assert middle.tzinfo is UTC and datetime(2013, 1, 15, 5, tzinfo=UTC) <= every[0] <= every[-1]
        assert set(conn.execute(chosen.where(column == middle)).scalars()) == {middle}
        later = list(conn.execute(chosen.where(column > middle)).scalars())
        assert later == [found for found in every if found > middle] != []
        from_zone = middle.astimezone(datetime.now().astimezone().tzinfo) + timedelta(0)
        assert len(list(conn.execute(chosen.where(column >= from_zone)).scalars())) > len(later)
        days = sa.select(sa.func.count()).where(warehouse.flights.c.flight_date == date(2013, 1, 15))
        assert conn.execute(days).scalar() == len(every)


# ---- PostgreSQL as a warehouse of flights --------------------------------------------------------


def test_flights_are_the_same_on_both_databases(home: Path, landing: Path, postgres: str, monkeypatch) -> None:
    def rows() -> list[tuple[object, ...]]:
        columns = [column for column in warehouse.flights.c if column.name != "run_id"]
        with database.reading(open_warehouse()) as conn:
            return sorted(map(tuple, conn.execute(sa.select(*columns))), key=repr)

    mine = flights.run("2013-01-14", "2013-01-16")
    here = rows()
    monkeypatch.setenv("ETL_WAREHOUSE_URL", postgres)
    monkeypatch.setenv("ETL_HISTORY_URL", postgres)
    other = flights.run("2013-01-14", "2013-01-16")
    assert rows() == here and len(here) == mine.rows_loaded == other.rows_loaded > 2000
    flights.run("2013-01-15")
    assert rows() == here
    assert len(query("SELECT * FROM daily_delays WHERE origin = :o", o="JFK")) == 3

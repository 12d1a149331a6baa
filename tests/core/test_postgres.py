"""PostgreSQL as people have it: locked, restarted, down, with settings and passwords of its own; two loads at once."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from etl_core import database, flights, history, open_warehouse, query, receipts_of, warehouse
from etl_core.database import driver_cursor, reading, writer
from etl_core.errors import DatabaseError, TransientError
from etl_core.locks import Lock
from etl_core.retry import is_transient
from etl_core.stages.extract import extract
from etl_core.stages.load import load
from etl_core.stages.transform import transform
from etl_core.views.report import explain
from tests.core.toy import toy, until


@pytest.fixture
def url(postgres: str, letters: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database that is the warehouse and the history."""
    for name in ("ETL_WAREHOUSE_URL", "ETL_HISTORY_URL"):
        monkeypatch.setenv(name, postgres)
    yield postgres
    database.engine(postgres).dispose()


def other(url: str) -> psycopg.Connection:
    """A session that is not the package's."""
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def value(engine: sa.Engine, sql: str) -> object:
    with reading(engine) as conn:
        return conn.execute(sa.text(sql)).scalar_one()


def raised(url: str) -> Exception:
    with pytest.raises(Exception) as caught:
        database.engine(url).connect()
    return caught.value


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection and says nothing
        place = f"postgresql+psycopg://u:secret@127.0.0.1:{silent.getsockname()[1]}/x"
        error = raised(place)
    assert isinstance(error, TransientError) and "timeout" in str(error) and "secret" not in str(error)


# ---- locked --------------------------------------------------------------------------------------

LOCKED = r"postgresql.*: locked by another process for over .* close what holds it open .*its connection alone"


def test_locked_by_another_session_is_a_clear_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.2)
    toy.run("2024-01-01")
    with other(url) as holder, holder.transaction():
        holder.execute("LOCK TABLE letters")
        with pytest.raises(TransientError, match=LOCKED):
            toy.run("2024-01-01")
        with writer(url).begin() as conn, pytest.raises(TransientError, match=LOCKED), driver_cursor(conn) as cursor:
            cursor.execute("SELECT * FROM letters")
    run = history.newest_runs()[0]
    assert (run.status, run.permanent, run.blocked) == ("failed", False, False)
    assert toy.run("2024-01-01").status == "succeeded"


def test_a_load_that_waits_for_itself_is_told_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.1)
    frame = pd.DataFrame({"x": [1]})
    with open_warehouse().begin(), pytest.raises(TransientError, match=r"warehouse\.db: .*its connection alone"):
        frame.to_sql("t", open_warehouse())


def test_a_start_that_is_held_up_waits_no_longer_than_that(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from etl_core import running

    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.2)
    toy.run("2024-01-01")
    with other(url) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (running._STARTS,))
        with pytest.raises(TransientError, match=LOCKED):
            toy.run("2024-01-01")
    assert toy.run("2024-01-01").status == "succeeded"


def test_a_limit_of_ones_own_stays(url: str) -> None:
    assert value(database.engine(url), "SHOW lock_timeout") == "15s"
    own = f"{url}&options=-c%20lock_timeout%3D3s%20-c%20work_mem%3D5MB"
    assert value(database.engine(own), "SHOW lock_timeout") == "3s"
    assert value(database.engine(own), "SHOW work_mem") == "5MB"
    database.engine(own).dispose()


def test_a_lock_is_not_ended_for_being_idle(url: str) -> None:
    toy.run("2024-01-01")
    name = database.engine(url).url.database
    with other(url) as conn:
        conn.execute(f"ALTER DATABASE {name} SET idle_session_timeout = '300ms'")
        database.engine(url).dispose()
        lock = Lock("mine")
        assert lock.take()
        pooled = database.engine(url).connect()
        pid = pooled.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        pooled.close()
        until(lambda: not conn.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchall())
        assert lock.held()
        lock.release()
    assert toy.run("2024-01-02").status == "succeeded", "the pool makes a new session where one has ended"


def test_sessions_that_were_ended_are_replaced(url: str) -> None:
    toy.run("2024-01-01")
    with other(url) as conn:
        mine = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert conn.execute(f"SELECT pg_terminate_backend(pid) FROM ({mine}) found").fetchall()
    assert toy.run("2024-01-02").status == "succeeded"


# ---- settings of a role or a database --------------------------------------------------------------


@pytest.mark.parametrize(
    "setting",
    [
        "DateStyle = 'German'",
        "DateStyle = 'SQL, DMY'",
        "extra_float_digits = -5",
        "client_encoding = 'LATIN1'",
        "TimeZone = 'Asia/Tokyo'",
        "default_transaction_isolation = 'serializable'",
    ],
)
def test_settings_of_the_database_change_no_value(
    url: str, home: Path, landing: Path, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows() -> list[tuple[object, ...]]:
        columns = [column for column in warehouse.flights.c if column.name != "run_id"]
        with reading(open_warehouse()) as conn:
            found = [*conn.execute(sa.select(*columns)), *conn.execute(sa.select(warehouse.airports))]
        return sorted(map(tuple, found), key=repr)

    monkeypatch.delenv("ETL_WAREHOUSE_URL")
    flights.run("2013-01-15")
    here = rows()
    monkeypatch.setenv("ETL_WAREHOUSE_URL", url)
    with other(url) as conn:
        conn.execute(f"ALTER DATABASE {database.engine(url).url.database} SET {setting}")
    began = datetime.now(UTC).replace(microsecond=0)
    flights.run("2013-01-15")
    assert rows() == here and len(here) > 800
    [receipt] = receipts_of("flights").values()
    assert began <= receipt.loaded_at <= datetime.now(UTC) and history.newest_runs()[0].duration_s < 60
    assert query("SELECT 'Zürich – ☃' AS text").text.tolist() == ["Zürich – ☃"]


def test_a_database_without_an_encoding(url: str, letters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (letters / "2024-01-01.txt").write_text("ä☃,1\n", encoding="utf-8")
    name = f"{database.engine(url).url.database}_ascii"
    with other(url) as conn:
        conn.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        there = str(database.engine(url).url.set(database=name))
        monkeypatch.setenv("ETL_WAREHOUSE_URL", there)
        assert toy.run("2024-01-01").status == "succeeded"
        assert query("SELECT name FROM letters").name.tolist() == ["ä☃"]
        database.engine(there).dispose()
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


# ---- no way in -------------------------------------------------------------------------------------


def test_a_wrong_password_database_or_role_is_permanent_and_says_where(url: str) -> None:
    mine = database.engine(url).url
    name = mine.database
    with other(url) as conn:
        [hba] = conn.execute("SHOW hba_file").fetchone()
        before = Path(hba).read_text()
        conn.execute(f"CREATE ROLE r_{name} LOGIN PASSWORD 'right'")
        Path(hba).write_text(f"local all r_{name} scram-sha-256\n{before}")
        conn.execute("SELECT pg_reload_conf()")
        try:
            users = [mine.set(username=f"r_{name}", password=word) for word in ("wr0ng", "right")]
            wrong, right = (each.render_as_string(hide_password=False) for each in users)
            # The server reads its files again in its own time: until then a wrong password opens the door.
            until(lambda: isinstance(_try(wrong), DatabaseError))
            errors = [raised(wrong), raised(str(mine.set(database="n0such"))), raised(str(mine.set(username="n0body")))]
            assert _try(right) is None
            database.engine(right).dispose()
        finally:
            Path(hba).write_text(before)
            conn.execute("SELECT pg_reload_conf()")
            conn.execute(f"DROP ROLE r_{name}")
    for error, word in zip(errors, ("password authentication failed", "n0such", "n0body"), strict=True):
        assert isinstance(error, DatabaseError) and not is_transient(error)
        assert str(error).startswith("postgresql+psycopg://") and "\n" not in str(error) and word in str(error)
    assert "wr0ng" not in str(errors)


def _try(url: str) -> Exception | None:
    try:
        database.engine(url).connect().close()
    except Exception as error:
        return error
    finally:
        database.engine(url).dispose()
    return None


def test_a_server_that_is_down_is_transient_and_says_which() -> None:
    error = raised("postgresql+psycopg://me:s3cret@127.0.0.1:1/there?sslpassword=s3cret")
    assert isinstance(error, TransientError) and is_transient(error)
    assert str(error).startswith("postgresql+psycopg://me:***@127.0.0.1:1/there: ")
    assert "refused" in str(error) and "s3cret" not in str(error)


@pytest.mark.parametrize("status", ["failed", "crashed", "running"])
def test_a_run_whose_warehouse_is_down_can_be_looked_at(
    letters: Path, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_WAREHOUSE_URL", "postgresql+psycopg://me:s3cret@127.0.0.1:1/there")
    with pytest.raises(TransientError):
        toy.run("2024-01-01")
    with history.open_history().begin() as conn:
        conn.execute(sa.update(history.runs).values(status=status))
    report = explain()
    if status == "running":
        assert report.state == "died" and "nothing of it was loaded" not in repr(report), "that is not known"
    assert any("warehouse cannot be asked" in step and "127.0.0.1" in step for step, _ in report.advice)
    for text in (repr(report), report._repr_html_()):
        assert "127.0.0.1" in text and "s3cret" not in text


@pytest.mark.parametrize("damage", ["DROP TABLE receipts CASCADE", "REVOKE ALL ON receipts FROM PUBLIC"])
def test_a_run_can_be_looked_at_whatever_the_warehouse_answers(
    postgres: str, letters: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_WAREHOUSE_URL", postgres)
    monkeypatch.setenv("ETL_FAULTS", "transform=bad-schema")
    with pytest.raises(Exception):  # noqa: B017
        toy.run("2024-01-01")
    open_warehouse()
    with other(postgres) as conn:
        conn.execute(damage)
    told = "warehouse cannot be asked" in repr(explain())
    assert told == damage.startswith("DROP")  # its owner may read it still
    database.engine(postgres).dispose()


# ---- two at once -----------------------------------------------------------------------------------


def test_two_loads_at_once_both_bring_the_reference_tables(url: str, landing: Path) -> None:
    first, second = (transform(extract(day)) for day in ("2013-01-14", "2013-01-15"))
    slow = open_warehouse().execution_options()
    here, go = Event(), Event()

    def hold(conn: sa.Connection) -> None:
        here.set()
        assert go.wait(30)

    event.listen(slow, "commit", hold)
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with ThreadPoolExecutor() as pool, other(url) as conn:
        one = pool.submit(load, first, slow, "one")
        assert here.wait(30)
        two = pool.submit(load, second, open_warehouse(), "two")
        until(lambda: two.done() or conn.execute(waits).fetchone() == (1,))
        go.set()
        assert one.result(30).rows > 800 and two.result(30).rows > 800
    assert value(open_warehouse(), "SELECT count(*) FROM receipts") == 2
    assert value(open_warehouse(), "SELECT count(*) FROM airlines") == 16
    assert value(open_warehouse(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0

"""One way to open a database, for every file the project has: warehouse, history and job store.

SQLite gets WAL (readers never wait for a writer), synchronous NORMAL (survives `kill -9`; a power cut may take the last
commits, and their days are found again as pending), a busy timeout of 15 s and BEGIN IMMEDIATE for writers. Without the
last, two transactions that read first and write later overwrite each other silently. PostgreSQL needs none of this: its
sessions get the same limit on waiting for a lock, and the settings that results depend on, whatever role, database or
PGOPTIONS say.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError

from etl_core.driver_errors import in_words
from etl_core.errors import EtlError

BUSY_TIMEOUT = 15  # seconds a writer waits for another one
_PRAGMAS = (
    "page_size = 16384",  # of a new file; a load writes a tenth faster than with the default 4096
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "cache_size = -32768",  # 32 MB hold a month's load: with the default 2, pages are written and read again within it
)
_SESSION = """
SET client_encoding = 'UTF8'; SET DateStyle = 'ISO'; SET extra_float_digits = 3;
SET default_transaction_isolation = 'read committed';
SELECT set_config('lock_timeout', '{:d}ms', false) WHERE current_setting('lock_timeout') = '0'
"""


class Instant(sa.types.TypeDecorator[datetime]):
    """An instant: an aware UTC datetime in Python, `YYYY-MM-DD HH:MM:SS` text in SQLite, timestamptz in PostgreSQL.

    The text sorts as the instants do. With `fraction`, microseconds are kept.
    """

    impl = sa.DateTime
    cache_ok = True

    def __init__(self, fraction: bool = False) -> None:
        super().__init__()
        self.fraction = fraction

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine:
        return sa.Text() if dialect.name == "sqlite" else sa.DateTime(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> object:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; an instant needs one, for example datetime.now(UTC)")
        value = value.astimezone(UTC)
        if dialect.name != "sqlite":
            return value
        return value.strftime("%Y-%m-%d %H:%M:%S.%f" if self.fraction else "%Y-%m-%d %H:%M:%S")

    def process_result_value(self, value: object, dialect: sa.Dialect) -> datetime | None:
        if isinstance(value, str):
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        return value.astimezone(UTC) if isinstance(value, datetime) else None


def engine(url: str) -> sa.Engine:
    """The engine of this process for `url`, for reading: connections begin without taking the write lock."""
    return _engine(url, os.getpid())  # a forked child must not share its parent's connections


def writer(url: str) -> sa.Engine:
    """The same engine for writing: `begin()` waits for the write lock at once, so what it reads stays true."""
    return _writer(url, os.getpid())


@contextmanager
def reading(database: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that sees one state of the database and takes no lock, whatever `database` is."""
    with database.connect() as conn:
        yield conn.execution_options(begin="DEFERRED")


@contextmanager
def driver_cursor(conn: sa.Connection) -> Iterator[Any]:
    """A cursor of the driver itself, for what is too slow through SQLAlchemy; its errors are ours all the same."""
    with closing(conn.connection.cursor()) as cursor:
        try:
            yield cursor
        except conn.dialect.loaded_dbapi.Error as error:
            raise in_words(error, place_of(conn.engine), BUSY_TIMEOUT) or error from error


def insert_rows(conn: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[tuple]) -> None:
    """Insert tuples by the driver's fastest way, inside the transaction that `conn` has open.

    Values must be what the driver takes (for SQLite: text, numbers, None). SQLite: one prepared statement for all rows,
    which are taken as they are made; PostgreSQL: COPY. Both are several times faster than `DataFrame.to_sql`. Raises
    what the driver raises, or our error where it has one.
    """
    names = ", ".join(columns)
    with driver_cursor(conn) as cursor:
        if conn.dialect.name == "postgresql":
            with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            places = ", ".join("?" * len(columns))
            cursor.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({places})", rows)


def one_at_a_time(conn: sa.Connection, key: object) -> None:
    """Wait for another transaction that asked this of the same key, and hold it until the end. (SQLite: BEGIN did.)"""
    if conn.dialect.name == "postgresql":
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


@cache
def _engine(url: str, pid: int) -> sa.Engine:
    if not url.startswith("sqlite:///"):
        wait = {} if "connect_timeout" in sa.make_url(url).query else {"connect_timeout": BUSY_TIMEOUT}
        # Each run holds a session for its lock, so there is no limit on how many there are.
        made = sa.create_engine(url, pool_pre_ping=True, max_overflow=-1, connect_args=wait)
        event.listen(made, "connect", _begin_session, insert=True)  # before SQLAlchemy asks for the server's version
        event.listen(made, "handle_error", _explain, retval=True)
        return made
    path = url.removeprefix("sqlite:///")
    made = sa.create_engine(sa.URL.create("sqlite", database=path), connect_args={"timeout": BUSY_TIMEOUT})

    @event.listens_for(made, "connect")
    def connect(dbapi: sqlite3.Connection, record: object) -> None:
        dbapi.isolation_level = None  # the driver begins nothing: `begin` below does
        try:
            for pragma in _PRAGMAS:
                dbapi.execute(f"PRAGMA {pragma}")
            _write_ahead(dbapi)
        except sqlite3.Error as error:
            dbapi.close()
            raise in_words(error, path, BUSY_TIMEOUT) or error from error
        record.info["inode"] = _inode(path)

    @event.listens_for(made, "checkout")
    def checkout(dbapi: sqlite3.Connection, record: object, proxy: object) -> None:
        if record.info["inode"] != _inode(path):  # the file was deleted or replaced: the old one must not be written
            raise DisconnectionError

    @event.listens_for(made, "begin")
    def begin(conn: sa.Connection) -> None:
        conn.exec_driver_sql(f"BEGIN {conn.get_execution_options().get('begin', 'DEFERRED')}")

    event.listen(made, "handle_error", _explain, retval=True)
    return made


@cache
def _writer(url: str, pid: int) -> sa.Engine:
    return _engine(url, pid).execution_options(begin="IMMEDIATE")


def _begin_session(dbapi: Any, record: object) -> None:
    dbapi.execute(_SESSION.format(round(BUSY_TIMEOUT * 1000)))
    dbapi.commit()


def _write_ahead(dbapi: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite does not wait here for a process that does the same to a new file, so this does."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            dbapi.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def _explain(context: sa.engine.ExceptionContext) -> EtlError | None:
    """Replaces the driver's error by what is returned. (A ping before use has no engine: the pool connects anew.)"""
    if context.engine is None:
        return None
    return in_words(context.original_exception, place_of(context.engine), BUSY_TIMEOUT)


def place_of(database: sa.Engine) -> str:
    """The file or address of a database, fit for a message."""
    url = database.url
    if url.drivername == "sqlite":
        return url.database or ""
    secrets = [name for name in url.query if "pass" in name]
    return url.difference_update_query(secrets).render_as_string(hide_password=True)

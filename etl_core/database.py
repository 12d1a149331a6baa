"""One way to open a database, for every file the project has: warehouse, history and job store.

SQLite gets WAL (readers never wait for a writer), synchronous NORMAL (survives `kill -9`; a power cut may take the last
commits, and their days are found again as pending), a busy timeout of 15 s and BEGIN IMMEDIATE for writers. Without the
last, two transactions that read first and write later overwrite each other silently. PostgreSQL needs none of this.
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

from etl_core.errors import DatabaseError, EtlError, TransientError

BUSY_TIMEOUT = 15  # seconds a writer waits for another one
_PRAGMAS = (
    "page_size = 16384",  # of a new file; a load writes a tenth faster than with the default 4096
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "cache_size = -32768",  # 32 MB hold a month's load: with the default 2, pages are written and read again within it
)


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
        except sqlite3.Error as error:
            raise _in_words(error, place_of(conn.engine)) or error from error


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


@cache
def _engine(url: str, pid: int) -> sa.Engine:
    if not url.startswith("sqlite:///"):
        made = sa.create_engine(url, pool_pre_ping=True, max_overflow=-1)  # each run holds a session for its lock
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
            raise _in_words(error, path) or error from error
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
    """Replaces the driver's error by what is returned."""
    return _in_words(context.original_exception, place_of(context.engine)) if context.engine else None


def place_of(database: sa.Engine) -> str:
    """The file or address of a database, fit for a message."""
    url = database.url
    return url.database or "" if url.drivername == "sqlite" else url.render_as_string(hide_password=True)


def _in_words(error: BaseException, place: str) -> EtlError | None:
    """A driver's error as one of ours, or None where it already says all (and `retry.is_transient` knows it)."""
    if not isinstance(error, sqlite3.Error):
        return None
    text = str(error)
    if "locked" in text or "busy" in text:
        return TransientError(f"{place}: locked by another process for over {BUSY_TIMEOUT} s; close what holds it open")
    if "full" in text:
        return TransientError(f"{place}: the disk is full; nothing of this transaction was kept. Free some space")
    if "readonly" in text:
        return DatabaseError(f"{place}: is read-only; make the file and its folder writable")
    if "unable to open" in text:
        return DatabaseError(f"{place}: cannot be opened; expected a SQLite file in a folder that can be written")
    if "not a database" in text or "malformed" in text:
        return DatabaseError(f"{place}: is not a whole SQLite database ({text}); move it away, a new one will be made")
    return None

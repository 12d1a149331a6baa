"""The tables of a database are those of this version of the program: made, brought up to date, or refused.

The version is in SQLite's `PRAGMA user_version`, in PostgreSQL in a table `schema_versions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import sqlalchemy as sa

from etl_core import settings
from etl_core.database import driver_cursor, one_at_a_time, place_of, reading, writer
from etl_core.errors import DatabaseError

Migration = Callable[[sa.Connection], None]


def open_database(url: str, migrations: Sequence[Migration], name: str) -> sa.Engine:
    """A `writer` on a database whose tables are those of this version.

    An older schema is brought up to date in one transaction: killed in it, the old one is still there. A newer one, a
    file that is no database, or one that cannot be written is a DatabaseError.
    """
    if url.startswith("sqlite:///"):
        settings.private_folder(Path(url.removeprefix("sqlite:///")).parent)
    database = writer(url)
    with reading(database) as conn:
        found = _version(conn, name)
    if found < len(migrations):
        with database.begin() as conn:
            one_at_a_time(conn, sa.func.hashtext(name))  # two processes that create the same table would fail
            for step in migrations[_version(conn, name) :]:
                step(conn)
            _set_version(conn, name, len(migrations))
    elif found > len(migrations):
        raise DatabaseError(
            f"{place_of(database)}: has schema version {found}, this program knows up to {len(migrations)}; "
            "update the program, or point it at another database"
        )
    return database


def _version(conn: sa.Connection, name: str) -> int:
    if conn.dialect.name == "sqlite":
        with driver_cursor(conn) as cursor:  # asked some times a run, and no transaction is needed for it
            return cursor.execute("PRAGMA user_version").fetchone()[0]
    if not sa.inspect(conn).has_table("schema_versions"):
        return 0
    found = conn.execute(sa.text("SELECT version FROM schema_versions WHERE name = :name"), {"name": name})
    return found.scalar() or 0


def _set_version(conn: sa.Connection, name: str, version: int) -> None:
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql(f"PRAGMA user_version = {version:d}")
        return
    conn.exec_driver_sql("CREATE TABLE IF NOT EXISTS schema_versions (name text PRIMARY KEY, version integer NOT NULL)")
    conn.execute(sa.text("DELETE FROM schema_versions WHERE name = :name"), {"name": name})
    conn.execute(sa.text("INSERT INTO schema_versions VALUES (:name, :version)"), {"name": name, "version": version})

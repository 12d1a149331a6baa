"""The warehouse: its tables, and the receipts that say which days are in it.

A receipt is committed in the same transaction as the rows it speaks of, so the two never disagree: whoever is killed
in a load leaves both as they were. Work is found by comparing receipts with what has landed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from operator import index
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import Column, Date, Float, Integer, MetaData, Table, Text

from etl_core import settings
from etl_core.database import Instant, reading
from etl_core.errors import PermanentError
from etl_core.schema import open_database

if TYPE_CHECKING:
    import pandas as pd

metadata = MetaData()

flights = Table(
    "flights",
    metadata,
    Column("flight_date", Date, primary_key=True, comment="New York's date of the scheduled departure"),
    Column("carrier", Text, primary_key=True),
    Column("flight", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, primary_key=True),
    Column("scheduled_departure", Instant, primary_key=True),
    Column("dest", Text, nullable=False),
    Column("tail_number", Text),
    Column("status", Text, nullable=False, comment="completed, cancelled or diverted"),
    Column("actual_departure", Instant),
    Column("scheduled_arrival", Instant, comment="NULL where the destination's time zone is unknown"),
    Column("actual_arrival", Instant),
    Column("departure_delay", Integer, comment="minutes"),
    Column("arrival_delay", Integer, comment="minutes"),
    Column("air_time", Integer, comment="minutes"),
    Column("distance", Integer, nullable=False, comment="miles"),
    Column("temperature", Float, comment="degrees Fahrenheit"),
    Column("wind_speed", Float, comment="miles per hour"),
    Column("visibility", Float, comment="miles"),
    Column("precipitation", Float, comment="inches"),
    Column("run_id", Text, nullable=False),
    sqlite_with_rowid=False,  # one tree, ordered by the key: a day's rows are neighbours
)

rejected_flights = Table(
    "rejected_flights",
    metadata,
    Column("run_id", Text, nullable=False),
    Column("flight_date", Date, nullable=False, index=True),
    Column("source_line", Integer, nullable=False, comment="line of the file; the header is line 1"),
    Column("reason", Text, nullable=False),
    Column("row", Text, nullable=False, comment="JSON object: column -> text as read"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("pipeline", Text, primary_key=True),
    Column("flight_date", Date, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("rows_loaded", Integer, nullable=False),
    Column("rows_rejected", Integer, nullable=False),
    Column("source_hash", Text, nullable=False, comment="SHA-256 over what had landed for the day"),
    Column("loaded_at", Instant, nullable=False),
)

airlines = Table("airlines", metadata, Column("carrier", Text, primary_key=True), Column("name", Text))

airports = Table(
    "airports",
    metadata,
    Column("faa", Text, primary_key=True),
    Column("name", Text),
    Column("lat", Float),
    Column("lon", Float),
    Column("alt", Integer, comment="feet"),
    Column("tz", Integer, comment="hours from UTC"),
    Column("dst", Text),
    Column("tzone", Text, comment="IANA name of the time zone"),
)

planes = Table(
    "planes",
    metadata,
    Column("tailnum", Text, primary_key=True),
    Column("year", Integer, comment="built in"),
    Column("type", Text),
    Column("manufacturer", Text),
    Column("model", Text),
    Column("engines", Integer),
    Column("seats", Integer),
    Column("speed", Integer, comment="miles per hour"),
    Column("engine", Text),
)

reference_files = Table(
    "reference_files", metadata, Column("name", Text, primary_key=True), Column("source_hash", Text, nullable=False)
)

_DAILY_DELAYS = """
CREATE VIEW daily_delays AS
SELECT flight_date, origin,
       COUNT(*) AS flights,
       SUM(CASE WHEN status = 'cancelled' THEN 1 ELSE 0 END) AS cancelled,
       AVG(departure_delay) AS mean_departure_delay,
       AVG(arrival_delay) AS mean_arrival_delay,
       AVG(CASE WHEN departure_delay > 15 THEN 1.0 WHEN departure_delay IS NOT NULL THEN 0.0 END) AS share_delayed
FROM flights GROUP BY flight_date, origin
"""


def _first_version(conn: sa.Connection) -> None:
    metadata.create_all(conn)
    conn.exec_driver_sql(_DAILY_DELAYS)


MIGRATIONS = [_first_version]


def open_warehouse() -> sa.Engine:
    """The warehouse for writing (`with open_warehouse().begin() as conn`), its tables made if they are not there."""
    return open_database(settings.current().warehouse_url, MIGRATIONS, "warehouse")


def query(sql: str, **parameters: object) -> pd.DataFrame:
    """What a SELECT finds in the warehouse; parameters are bound: `query("SELECT … WHERE origin = :o", o="JFK")`.

    In SQLite dates and instants come back as text, the instants in UTC.
    """
    import pandas as pd

    with reading(open_warehouse()) as conn:
        return pd.read_sql(sa.text(sql), conn, params=parameters)


@dataclass(frozen=True)
class Receipt:
    """One day of one pipeline is in the warehouse, loaded by `run_id` from content with `source_hash`."""

    pipeline: str
    flight_date: date
    run_id: str
    rows_loaded: int
    rows_rejected: int
    source_hash: str
    loaded_at: datetime


@dataclass(frozen=True)
class Receipts:
    """What one load committed: a receipt a day."""

    receipts: tuple[Receipt, ...]

    @property
    def rows(self) -> int:
        return sum(receipt.rows_loaded for receipt in self.receipts)

    @property
    def rejected(self) -> int:
        return sum(receipt.rows_rejected for receipt in self.receipts)


def write_receipts(conn: sa.Connection, pipeline: str, run_id: str, days: dict[date, tuple[str, int, int]]) -> Receipts:
    """Replace the receipts of `days`, a mapping of day -> (source hash, rows loaded, rows rejected).

    Call it last in the transaction that loads the rows. The hash is the one that `landed` gives for what was loaded.
    Raises PermanentError for what is no such mapping; the transaction is then rolled back.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    made = tuple(_receipt(pipeline, run_id, day, given, now) for day, given in days.items())
    if made:
        here = receipts.c.pipeline == pipeline, receipts.c.flight_date.in_(days)
        conn.execute(sa.delete(receipts).where(*here))
        conn.execute(sa.insert(receipts), [vars(receipt) for receipt in made])
    return Receipts(made)


def _receipt(pipeline: str, run_id: str, day: date, given: tuple[str, int, int], now: datetime) -> Receipt:
    try:
        source_hash, loaded, rejected = given
        counts = [index(loaded), index(rejected)]  # a NumPy integer too: SQLite would store its bytes
    except (TypeError, ValueError):
        source_hash, counts = None, []
    if type(day) is not date or not isinstance(source_hash, str) or min(counts, default=-1) < 0:
        raise PermanentError(
            f"write_receipts of pipeline {pipeline!r}: found {day!r}: {given!r}, expected a datetime.date -> "
            "(source hash as text, rows loaded, rows rejected)"
        )
    return Receipt(pipeline, day, run_id, *counts, source_hash, now)


def receipts_of(pipeline: str, days: Iterable[date] | None = None) -> dict[date, Receipt]:
    """The receipts of a pipeline, by day; empty where there is no warehouse yet."""
    chosen = sa.select(receipts).where(receipts.c.pipeline == pipeline).order_by(receipts.c.flight_date)
    wanted = None if days is None else set(days)
    if wanted:  # a range, as a list of days could be longer than the parameters a statement may have
        chosen = chosen.where(receipts.c.flight_date.between(min(wanted), max(wanted)))
    with reading(open_warehouse()) as conn:
        found = [Receipt(**row._mapping) for row in conn.execute(chosen)]
    return {receipt.flight_date: receipt for receipt in found if wanted is None or receipt.flight_date in wanted}

"""Verify: does the warehouse hold what its receipts say, and what the landed files give when transformed again?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from etl_core.database import Instant, reading
from etl_core.errors import EtlError, PermanentError
from etl_core.interval import Interval, spans
from etl_core.stages.extract import extract
from etl_core.stages.landing import landed
from etl_core.stages.load import PIPELINE, row_tuples, within
from etl_core.stages.reference import read_reference
from etl_core.stages.transform import KEY, transform
from etl_core.warehouse import Receipt, flights, metadata, open_warehouse, receipts, reference_files, rejected_flights

_SHOWN_A_DAY = 3  # differing rows a day that are named; more are counted
NOTES = ("source-changed", "source-vanished")


@dataclass(frozen=True)
class Difference:
    """Something found: `kind` is database, receipt, count, run, value, or one of NOTES (which is no error)."""

    day: date | None
    kind: str
    message: str

    @property
    def is_error(self) -> bool:
        return self.kind not in NOTES


def verify(days: Iterable[date] | None = None, progress: Callable[[str], None] = lambda text: None) -> list[Difference]:
    """Every difference between the warehouse, its receipts and the landed files; of `days`, or of all there are.

    A day whose landed content is still that of its receipt is extracted and transformed again and compared by value,
    a month at a time. Reference files other than those loaded last are named, as what may be the cause. `progress` is
    told what is being looked at. Nothing is written; loads may go on meanwhile.
    """
    chosen = None if days is None else set(days)
    with reading(open_warehouse()) as conn:
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # one state, as in SQLite
        progress("the database itself")
        found = list(_integrity(conn))
        progress("receipts and counts")
        ours = sa.select(receipts).where(receipts.c.pipeline == PIPELINE).order_by(receipts.c.flight_date)
        written = {row.flight_date: Receipt(**row._mapping) for row in conn.execute(ours)}
        if chosen is not None:
            written = {day: receipt for day, receipt in written.items() if day in chosen}
        found += _counts(conn, written, chosen)
        notes, same = _sources(written)
        notes += _references(conn)
        for span in spans(same, longest="month"):
            progress(str(span))
            found += _values(conn, span, written)
    return found + notes


def _integrity(conn: sa.Connection) -> Iterator[Difference]:
    if conn.dialect.name == "sqlite":
        for (line,) in conn.exec_driver_sql("PRAGMA integrity_check").all():
            if line != "ok":
                yield Difference(None, "database", f"integrity check: {line}; restore the file, or load all days again")
    else:
        for table in metadata.tables.values():  # PostgreSQL checks a page when it reads it
            conn.execute(sa.select(sa.func.count(sa.func.row(*table.c)))).scalar_one()


def _counts(conn: sa.Connection, written: dict[date, Receipt], chosen: set[date] | None) -> Iterator[Difference]:
    """Rows against receipts, by day and run."""
    for table, attribute in ((flights, "rows_loaded"), (rejected_flights, "rows_rejected")):
        day, run = table.c.flight_date, table.c.run_id
        rows: dict[date, dict[str, int]] = {}
        for at, run_id, count in conn.execute(sa.select(day, run, sa.func.count()).group_by(day, run)):
            rows.setdefault(at, {})[run_id] = count
        for at in sorted(rows.keys() | written.keys()):
            here, receipt = rows.get(at, {}), written.get(at)
            total = sum(here.values())
            if chosen is not None and at not in chosen:
                continue
            if receipt is None:
                yield Difference(at, "receipt", f"{total} rows in {table.name} without a receipt; {_again(at)}")
                continue
            said = getattr(receipt, attribute)
            if total != said:
                message = f"{total} rows in {table.name}, the receipt says {said}; {_again(at)}"
                yield Difference(at, "count", message)
            if others := sorted(here.keys() - {receipt.run_id}):
                message = f"rows of run {', '.join(others)} in {table.name}, the receipt is of {receipt.run_id}"
                yield Difference(at, "run", f"{message}; {_again(at)}")


def _sources(written: dict[date, Receipt]) -> tuple[list[Difference], list[date]]:
    """Notes on sources that are no longer those of the receipts, and the days whose sources still are."""
    try:
        now = landed(list(written))
    except PermanentError as error:
        return [Difference(None, "source-vanished", str(error))] if written else [], []
    notes = []
    for day, receipt in written.items():
        if day not in now:
            notes.append(Difference(day, "source-vanished", "no flights file any more; the loaded rows are kept"))
        elif now[day] != receipt.source_hash:
            notes.append(Difference(day, "source-changed", "the landed files have changed since; the day is pending"))
    return notes, [day for day, receipt in written.items() if now.get(day) == receipt.source_hash]


def _references(conn: sa.Connection) -> Iterator[Difference]:
    """Notes on reference files that differ from those loaded last, as a cause of different values."""
    loaded = sa.select(reference_files.c.name, reference_files.c.source_hash).order_by(reference_files.c.name)
    for name, content in conn.execute(loaded).all():
        try:
            reference = read_reference(name)
        except EtlError as error:
            yield Difference(None, "source-vanished", str(error))
            continue
        if content != reference.source_hash:
            message = f"{reference.path} has changed since it was loaded; the next load takes it over"
            more = ", and days loaded before keep their arrival times until they are loaded again"
            yield Difference(None, "source-changed", message + (more if name == "airports" else ""))


def _again(day: date | str) -> str:
    return f"load the day again: etl backfill {day} {day} --again"


def _values(conn: sa.Connection, span: Interval, written: dict[date, Receipt]) -> Iterator[Difference]:
    """The days of `span` made again and compared with what is stored."""
    try:
        again = transform(extract(span))
    except EtlError as error:
        if len(span.days) == 1:
            yield Difference(span.start, "value", f"cannot be made again from its files: {error}")
            return
        for day in span.days:  # let one day not hide the others
            yield from _values(conn, Interval.of(day), written)
        return
    changed = {day for day in span.days if again.landed[day] != written[day].source_hash}
    for day in sorted(changed):
        yield Difference(day, "source-changed", "the landed files have changed meanwhile; the day is pending")
    for table, frame, key in ((flights, again.flights, len(KEY)), (rejected_flights, again.rejected, 2)):
        columns = list(frame)
        expected = {row[:key]: row[:-1] for row in row_tuples(frame, "")}
        stored = {row[:key]: row for row in _stored(conn, table, columns, span)}
        yield from _compared(table.name, columns, expected, stored, {str(day) for day in changed})


def _stored(conn: sa.Connection, table: sa.Table, columns: list[str], span: Interval) -> list[tuple]:
    """Stored rows in the form of `row_tuples`, without run_id."""
    wanted = [_as_loaded(table.c[name], conn.dialect.name) for name in columns]
    return [tuple(row) for row in conn.execute(sa.select(*wanted).where(within(table, span)))]


def _as_loaded(column: sa.Column, dialect: str) -> sa.ColumnElement:
    if not isinstance(column.type, (sa.Date, Instant)):
        return column
    if dialect == "sqlite":
        return sa.type_coerce(column, sa.Text)
    if isinstance(column.type, sa.Date):
        return sa.func.to_char(column, "YYYY-MM-DD")
    return sa.func.to_char(sa.func.timezone("UTC", column), "YYYY-MM-DD HH24:MI:SS")


def _compared(
    table: str, columns: list[str], expected: dict[tuple, tuple], stored: dict[tuple, tuple], skipped: set[str]
) -> Iterator[Difference]:
    different: dict[str, list[str]] = {}
    for key in sorted(expected.keys() | stored.keys(), key=str):
        made, kept = expected.get(key), stored.get(key)
        if made == kept or key[0] in skipped:
            continue
        if made is None or kept is None:
            what = "is stored, expected no such row" if made is None else "is not stored"
        else:
            pairs = zip(columns, kept, made, strict=True)
            what = ", ".join(f"{name} is {is_!r}, expected {should!r}" for name, is_, should in pairs if is_ != should)
        different.setdefault(key[0], []).append(f"{' '.join(map(str, key[1:]))}: {what}")
    for day, rows in different.items():
        more = f"; and {len(rows) - _SHOWN_A_DAY} more" if len(rows) > _SHOWN_A_DAY else ""
        message = f"{table}: {'; '.join(rows[:_SHOWN_A_DAY])}{more}; {_again(day)}"
        yield Difference(date.fromisoformat(day), "value", message)

"""Load: one transaction per run. Killed anywhere, the warehouse holds all of the interval or none of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from etl_core.database import insert_rows, one_at_a_time
from etl_core.interval import Interval
from etl_core.stages.reference import Reference, read_reference
from etl_core.stages.transform import Transformed
from etl_core.warehouse import Receipts, flights, metadata, reference_files, rejected_flights, write_receipts

PIPELINE = "flights"
_REPLACING = 7_201_302  # PostgreSQL: one load at a time replaces the reference tables


def load(transformed: Transformed, warehouse: sa.Engine, run_id: str) -> Receipts:
    """Replace the interval's rows by these and write a receipt a day, in one transaction.

    Doing it again changes nothing but run_id and loaded_at. The reference tables are replaced where their files have
    changed. Raises what the database raises, TransientError where it was locked too long; then nothing is changed.
    """
    references = [read_reference(name) for name in ("airlines", "airports", "planes")]
    frames = {flights: transformed.flights, rejected_flights: transformed.rejected}
    rows = {table: row_tuples(frame, run_id) for table, frame in frames.items()}
    with warehouse.begin() as conn:
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")  # that is what instants without a zone mean below
        for table, frame in frames.items():
            conn.execute(sa.delete(table).where(within(table, transformed.interval)))
            insert_rows(conn, table, [*frame, "run_id"], rows[table])
        if _outdated(conn, references):
            one_at_a_time(conn, _REPLACING)  # another run may be replacing them: look again
            for reference in _outdated(conn, references):
                _replace(conn, reference)
        return write_receipts(conn, PIPELINE, run_id, _receipts(transformed))


def row_tuples(frame: pd.DataFrame, run_id: str) -> Iterator[tuple]:
    """The rows as tuples for the driver, `run_id` last: numbers, text and None; `YYYY-MM-DD`, `YYYY-MM-DD HH:MM:SS`."""
    columns = [_plain(name, values) for name, values in frame.items()]
    return zip(*columns, [run_id] * len(frame), strict=True)


def _plain(name: str, values: pd.Series) -> list[object]:
    """What SQLite stores as it is and PostgreSQL reads as text. Arrow's cast is seven times faster than strftime."""
    array = pa.Array.from_pandas(values)
    if name == "flight_date":
        array = pc.cast(array, pa.date32()).dictionary_encode()
    if pa.types.is_dictionary(array.type):  # few different values: each is made once
        few = np.array(pc.cast(array.dictionary, pa.string()).to_pylist(), dtype=object)
        return few[array.indices].tolist()
    if pa.types.is_timestamp(array.type):
        array = pc.cast(pc.cast(array, pa.timestamp("s")), pa.string())
    return array.to_pylist()


def within(table: sa.Table, interval: Interval) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.flight_date >= interval.start, table.c.flight_date < interval.end)


def _receipts(transformed: Transformed) -> dict[date, tuple[str, int, int]]:
    loaded, rejected = _rows_a_day(transformed.flights), _rows_a_day(transformed.rejected)
    return {day: (content, loaded.get(day, 0), rejected.get(day, 0)) for day, content in transformed.landed.items()}


def _rows_a_day(frame: pd.DataFrame) -> dict[date, int]:
    if frame.empty:
        return {}
    days, counts = np.unique(frame.flight_date.to_numpy("datetime64[D]"), return_counts=True)
    return dict(zip(days.tolist(), counts.tolist(), strict=True))


def _outdated(conn: sa.Connection, references: Sequence[Reference]) -> list[Reference]:
    """Those whose file is another than last time."""
    known = dict(conn.execute(sa.select(reference_files.c.name, reference_files.c.source_hash)).all())
    return [each for each in references if known.get(each.name) != each.source_hash]


def _replace(conn: sa.Connection, reference: Reference) -> None:
    """Make a reference table equal to its file."""
    table, frame = metadata.tables[reference.name], reference.frame
    conn.execute(sa.delete(table))
    rows = zip(*(pa.Array.from_pandas(values).to_pylist() for _, values in frame.items()), strict=True)
    insert_rows(conn, table, list(frame), rows)
    conn.execute(sa.delete(reference_files).where(reference_files.c.name == reference.name))
    conn.execute(sa.insert(reference_files).values(name=reference.name, source_hash=reference.source_hash))

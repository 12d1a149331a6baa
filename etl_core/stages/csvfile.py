"""A CSV file as typed columns plus the lines that do not fit them.

Two ways to the same result. The fast one hands the whole file to Arrow with a declared type for each column, and
Arrow refuses it if one value does not fit. Only then is it read again as text, to say which lines are bad (lines.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from etl_core.stages.columns import MISSING, Column
from etl_core.stages.header import check_header
from etl_core.stages.lines import BadLine, read_lines

_HEX = [re.compile(rb"%b(?<=[,\n \t-]0%b)" % (x, x)) for x in (b"x", b"X")]  # by the letter, as that is rare
INSTANT = pa.timestamp("s", "UTC")
# Whole numbers that may be missing are int32 and the others int64, so that pandas can tell them apart (Int32, int64).
_TYPES = {"integer": pa.int64(), "clock": pa.int64(), "number": pa.float64(), "text": pa.string(), "instant": INSTANT}


@dataclass(frozen=True)
class CsvFile:
    """`table`: the good lines, the declared columns and source_line. Blank lines are nowhere, and do not count."""

    table: pa.Table
    bad: list[BadLine]
    notes: list[str]


def read_csv(files: Sequence[tuple[bytes, str]], columns: Sequence[Column], lenient: bool = False) -> list[CsvFile]:
    """Read files of one kind, given as (bytes, path). With `lenient`, a bad value in a nullable column is missing.

    All of them go to Arrow in one piece: a month of small files takes a third of the time it takes one by one. If that
    fails, each is read by itself. Raises BadSchema (see check_header), and StillBeingWritten where a last line has no
    newline and does not parse.
    """
    headers = [check_header(data, path, columns) for data, path in files]
    if len({tuple(names) for names, _ in headers}) == 1:
        counts = [_lines(data) for data, _ in files]
        table = _read_typed([data for data, _ in files], counts, headers[0][0], columns)
        if table is not None:
            parts = [table.slice(end - count, count) for count, end in zip(counts, np.cumsum(counts), strict=True)]
            return [CsvFile(part, [], notes) for part, (_, notes) in zip(parts, headers, strict=True)]
    if len(files) == 1:
        return [_read_text(*files[0], *headers[0], columns, lenient)]
    return [read_csv([file], columns, lenient)[0] for file in files]


def schema(columns: Sequence[Column]) -> pa.Schema:
    """The Arrow types of a file's columns, and of source_line after them."""
    return pa.schema([(column.name, _arrow_type(column)) for column in columns] + [("source_line", pa.int64())])


def to_frame(files: Sequence[CsvFile], columns: Sequence[Column], **further: np.ndarray) -> pd.DataFrame:
    """The good lines of all files, one below another: text is str, numbers that may be missing are Int32, float64.

    `further` columns follow, a value a row.
    """
    table = pa.concat_tables([file.table for file in files] or [schema(columns).empty_table()])
    for name, values in further.items():
        table = table.append_column(name, pa.array(values))
    return table.combine_chunks().to_pandas(types_mapper={pa.int32(): pd.Int32Dtype()}.get, use_threads=False)


def _arrow_type(column: Column) -> pa.DataType:
    return pa.int32() if column.nullable and _TYPES[column.kind] == pa.int64() else _TYPES[column.kind]


def _read_text(
    data: bytes, path: str, names: list[str], notes: list[str], columns: Sequence[Column], lenient: bool
) -> CsvFile:
    lines = read_lines(data, path, names, columns, lenient)
    if lines.forgiven:
        values = "1 bad value" if len(lines.forgiven) == 1 else f"{len(lines.forgiven)} bad values"
        notes.append(f"{path}: {values} taken as missing (the first: {lines.forgiven[0]})")
    typed = [pa.array([row[n] for row in lines.values], field.type) for n, field in enumerate(schema(columns))]
    return CsvFile(pa.table(typed, schema(columns)), lines.bad, notes)


def _read_typed(
    files: Sequence[bytes], counts: Sequence[int], names: list[str], columns: Sequence[Column]
) -> pa.Table | None:
    """The lines of all files below one another, by Arrow, or None where any line needs a closer look.

    `counts`: the lines of each file.
    """
    data = b"".join(_body(file) for file in files)
    if b'"' in data or (b"\r" in data and data.count(b"\r") != data.count(b"\r\n")):
        return None  # Arrow may find other line ends than an editor
    if any(hexadecimal.search(file) for file in files for hexadecimal in _HEX):
        return None  # Arrow would read 0x1F as a number
    instants = [column.name for column in columns if column.kind == "instant"]
    types = {column.name: pa.string() if column.name in instants else _arrow_type(column) for column in columns}
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(column_names=names),
            parse_options=arrow_csv.ParseOptions(quote_char=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=MISSING, strings_can_be_null=False
            ),
        )
        for name in instants:
            table = table.set_column(table.schema.get_field_index(name), name, _instants(table[name], columns))
    except (pa.ArrowInvalid, ValueError):
        return None
    if table.num_rows != sum(counts):
        return None  # blank lines: rows are no longer lines
    for position, column in enumerate(columns):
        values = table[column.name]
        if column.kind == "number" and not pc.all(pc.is_finite(values), min_count=0).as_py():
            return None
        if column.kind == "text" and column.nullable:
            values = pc.if_else(pc.is_in(values, pa.array(MISSING)), pa.scalar(None, pa.string()), values)
            table = table.set_column(position, column.name, values)
        elif values.null_count and not column.nullable:
            return None
    numbers = np.concatenate([np.arange(2, count + 2) for count in counts])
    return table.append_column("source_line", pa.array(numbers))


def _body(data: bytes) -> bytes:
    """What follows the header, ending in a newline."""
    body = data[data.index(b"\n") + 1 :]
    return body if body.endswith(b"\n") else body + b"\n"


def _lines(data: bytes) -> int:
    """Physical lines after the header."""
    return data.count(b"\n") - data.endswith(b"\n")


def _instants(values: pa.ChunkedArray, columns: Sequence[Column]) -> pa.Array:
    """Text -> instants, each different text parsed once."""
    parse = next(column.parse for column in columns if column.kind == "instant")
    coded = values.combine_chunks().dictionary_encode()
    return pa.array([parse(text) for text in coded.dictionary.to_pylist()], INSTANT).take(coded.indices)

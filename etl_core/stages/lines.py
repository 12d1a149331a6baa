"""A CSV file that does not fit its types, read as text, one physical line at a time: which lines are bad, and why.

An unbalanced quote sinks its own line and no other, and line numbers are those that an editor shows.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass

from etl_core.errors import StillBeingWritten
from etl_core.stages.columns import Column

LONGEST = 64 * 1024  # bytes of a line that is split, and of the JSON that is kept of a rejected one


@dataclass(frozen=True)
class BadLine:
    """A line that does not fit: its number (the header is 1), why, its text as JSON, the column at fault if one is."""

    line: int
    reason: str
    row: str
    column: str | None


@dataclass
class Lines:
    """`values`: a list a good line, the declared columns and the line's number; `forgiven`: values taken as missing."""

    values: list[list[object]]
    bad: list[BadLine]
    forgiven: list[str]


class _Bad(Exception):
    """What is wrong with a line, and in which column."""

    def __init__(self, reason: str, column: str | None = None) -> None:
        super().__init__(reason)
        self.column = column


def read_lines(data: bytes, path: str, names: list[str], columns: Sequence[Column], lenient: bool) -> Lines:
    """Every line after the header; blank ones carry nothing and do not count.

    With `lenient`, a bad value in a column that may be missing is missing. Raises StillBeingWritten where the last
    line has no newline and does not parse.
    """
    read = Lines([], [], [])
    lines = data.split(b"\n")
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        try:
            values, forgiven = _parse(_split(line, names), columns, lenient)
        except _Bad as bad:
            if number == len(lines):  # a last newline leaves an empty last part, so this line has none
                message = f"{path}, line {number}: breaks off ({bad}); try again when it is complete"
                raise StillBeingWritten(message) from None
            read.bad.append(BadLine(number, str(bad), row_text(line, names), bad.column))
        else:
            read.values.append([*values, number])
            read.forgiven += [f"line {number}, {reason}" for reason in forgiven]
    return read


def row_text(line: bytes, names: list[str]) -> str:
    r"""A rejected line as JSON: {column: text as read}, or {"raw": …} where it does not split or is too long.

    Bytes that do not decode are written \xNN, and so is NUL, which PostgreSQL cannot store. At most 64 KiB.
    """
    try:
        fields = {name: _readable(text) for name, text in _split(line, names).items()}
        row = json.dumps(fields, ensure_ascii=False)
        if len(row.encode()) <= LONGEST:
            return row
    except _Bad:
        pass
    raw = _readable(_text(line[:LONGEST]))
    while len((row := json.dumps({"raw": raw}, ensure_ascii=False)).encode()) > LONGEST:
        raw = raw[: len(raw) * 9 // 10]
    return row


def _split(line: bytes, names: list[str]) -> dict[str, str]:
    """Column -> text; undecodable bytes stay as surrogates."""
    if len(line) > LONGEST:
        raise _Bad(f"the line has {len(line):,} bytes, expected at most {LONGEST:,}")
    try:
        fields = next(csv.reader([_text(line)], strict=True))
    except csv.Error as error:
        raise _Bad(f"the line does not split: {error}") from None
    if len(fields) != len(names):
        raise _Bad(f"found {len(fields)} fields, expected {len(names)} as in the header")
    return dict(zip(names, fields, strict=True))


def _parse(row: dict[str, str], columns: Sequence[Column], lenient: bool) -> tuple[list[object], list[str]]:
    """The values of the declared columns, and why some of them were forgiven."""
    values, forgiven = [], []
    for column in columns:
        text = row[column.name]
        try:
            if not text.isascii() and _readable(text) != text:
                raise ValueError(f"{column.name}: found bytes that are not UTF-8 in '{_readable(text)[:80]}'")
            values.append(column.parse(text))
        except ValueError as error:
            if not (lenient and column.nullable):
                raise _Bad(str(error), column.name) from None
            values.append(None)
            forgiven.append(str(error))
    return values, forgiven


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode(errors="surrogateescape")


def _readable(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace").replace("\0", r"\x00")

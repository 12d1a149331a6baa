"""Small changes to landed files, and a look at what the stages make of them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pandas as pd

from etl_core.stages.extract import extract
from etl_core.stages.transform import Transformed, transform

DAY = "2013-01-15"


def flights_file(landing: Path, day: str = DAY) -> Path:
    return landing / "flights" / f"{day}.csv"


def weather_file(landing: Path, day: str = DAY) -> Path:
    return landing / "weather" / f"{day}.csv"


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")[:-1]


def write_lines(path: Path, lines: list[bytes], newline: bytes = b"\n") -> None:
    path.write_bytes(b"".join(line + newline for line in lines))


def change(path: Path, line: int, **values: str) -> dict[str, str]:
    """Set columns of one physical line; returns the row as it is now written."""
    lines = lines_of(path)
    names = lines[0].decode().split(",")
    row = dict(zip(names, next(csv.reader([lines[line - 1].decode()])), strict=True)) | values
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(row.values())
    lines[line - 1] = text.getvalue().encode()
    write_lines(path, lines)
    return row


def stages(day: str = DAY) -> Transformed:
    extracted = extract(day)
    transformed = transform(extracted)
    assert extracted.rows == transformed.rows + len(transformed.rejected)
    return transformed


def only_rejected(transformed: Transformed) -> pd.Series:
    """The one rejected line, `row` as a dict."""
    assert len(transformed.rejected) == 1, transformed.rejected.to_dict("records")
    rejected = transformed.rejected.iloc[0].copy()
    rejected["row"] = json.loads(rejected["row"])
    return rejected

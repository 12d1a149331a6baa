"""Files damaged at random: every line is loaded or rejected, and nothing is raised but errors made for people."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from etl_core.errors import EtlError
from etl_core.stages.extract import extract
from etl_core.stages.transform import transform
from tests.stages.files import DAY, flights_file, weather_file

PIECES = [
    b"",
    b"NA",
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b"-",
    b"0",
    b"9" * 25,
    b"2400",
    b"NaN",
    b"0x1",
    b" ",
]


def damage(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice([1, 3, 30])):
        at = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data = data[:at] + rng.choice(PIECES) + data[at:]
        elif kind == 1:
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        elif kind == 2:
            data = data[:at] + data[at + rng.randrange(1, 30) :]
        else:  # a field of one line replaced
            lines = data.split(b"\n")
            fields = lines[rng.randrange(len(lines))].split(b",")
            fields[rng.randrange(len(fields))] = rng.choice(PIECES)
            lines[rng.randrange(1, len(lines))] = b",".join(fields)
            data = b"\n".join(lines)
    return data


@pytest.mark.parametrize("seed", range(40))
def test_lines_in_are_rows_loaded_plus_rows_rejected(landing: Path, seed: int) -> None:
    rng = random.Random(seed)
    path = (flights_file if seed % 4 else weather_file)(landing)
    path.write_bytes(damage(path.read_bytes(), rng))
    lines = [line for line in flights_file(landing).read_bytes().split(b"\n")[1:] if line.strip()]
    try:
        transformed = transform(extract(DAY))
    except EtlError as error:
        assert f"{DAY}.csv" in str(error)
        return
    assert transformed.rows + len(transformed.rejected) == len(lines)
    assert transformed.rejected.source_line.is_unique
    assert (transformed.rejected.reason.str.len() > 0).all() and not transformed.rejected.row.str.contains("\0").any()

"""The data is what its checksums say, and what its source says."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[1] / "data"


def lines_of_data(folder: Path) -> int:
    """Lines of all CSV files in a folder, headers left out."""
    return sum(path.read_bytes().count(b"\n") - 1 for path in folder.glob("*.csv"))


def make_landing(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DATA / "make_landing.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_checksums_hold_and_name_every_file() -> None:
    listed = {}
    for line in (DATA / "SHA256SUMS").read_text(encoding="ascii").splitlines():
        checksum, path = line.split("  ")
        listed[path] = checksum
    there = {
        path.relative_to(DATA).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("landing", "reference")
        for path in (DATA / folder).rglob("*")
        if path.is_file()
    }
    assert there == listed


@pytest.mark.parametrize(("kind", "files", "lines"), [("flights", 365, 336_776), ("weather", 364, 26_115)])
def test_landing_has_every_day(kind: str, files: int, lines: int) -> None:
    folder = DATA / "landing" / kind
    assert len(list(folder.glob("2013-??-??.csv"))) == files
    assert lines_of_data(folder) == lines


def test_weather_of_the_last_day_never_arrived() -> None:
    assert (DATA / "landing/flights/2013-12-31.csv").is_file()
    assert not (DATA / "landing/weather/2013-12-31.csv").exists()


def test_the_source_makes_the_same_bytes() -> None:
    checked = make_landing("--check")
    assert (checked.returncode, checked.stdout) == (0, "733 files are as the source has them.\n"), checked.stderr


def test_check_lists_every_difference(tmp_path: Path) -> None:
    made = make_landing("--target", str(tmp_path))
    assert made.returncode == 0, made.stderr
    (tmp_path / "landing/flights/2013-01-15.csv").write_bytes(b"")
    (tmp_path / "landing/weather/2013-12-31.csv").write_bytes(b"")
    (tmp_path / "reference/planes.csv").unlink()

    checked = make_landing("--check", "--target", str(tmp_path))

    assert checked.returncode == 1
    assert checked.stdout.splitlines() == [
        "differs: landing/flights/2013-01-15.csv",
        "missing: reference/planes.csv",
        "not expected: landing/weather/2013-12-31.csv",
    ]

"""Peak memory of a backfill by months: of the year, and of ten years of landing files."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.common import LANDING, PEAK, Row, python, row, state

# Years whose days fall on the weekdays of 2013 and whose clocks change on the same days: the data stay right.
YEARS = (2013, 2019, 2030, 2041, 2047, 2058, 2069, 2075, 2086, 2097)

BACKFILL = (
    PEAK
    + """
import json
from etl_core import backfill, flights
lines = 0
for year in {years!r}:
    done = backfill(flights, f"{{year}}-01-01", f"{{year}}-12-31", batch="month")
    assert not done.failed, done.failed[0].error
    lines += sum(run.rows_loaded + run.rows_rejected for run in done.succeeded)
print(json.dumps([peak(), lines]))
"""
)


def shifted(folder: Path) -> Path:
    """A landing zone with ten times the year, its dates shifted; 300 MB."""
    for year in YEARS:
        for kind in ("flights", "weather"):
            (folder / kind).mkdir(exist_ok=True)
            for path in (LANDING / kind).glob("*.csv"):
                text = path.read_bytes().replace(b"\n2013,", b"\n%d," % year).replace(b",2013,", b",%d," % year)
                text = text.replace(b"2013-", b"%d-" % year)
                if path.name.startswith("2013-12-31"):  # the last hours of the day are in the next year, in UTC
                    text = text.replace(b"2014-", b"%d-" % (year + 1))
                (folder / kind / path.name.replace("2013", str(year))).write_bytes(text)
    return folder


def peak(years: tuple[int, ...], landing: Path) -> tuple[float, int]:
    with state(ETL_LANDING=str(landing)) as environment:
        return tuple(json.loads(python(BACKFILL.format(years=years), environment)))


def run() -> list[Row]:
    one, lines = peak((2013,), LANDING)
    rows = [row("peak memory of the year by months : 400 MB", one, 400, 1.0, f"{lines:,} lines", "MB")]
    if os.environ.get("BENCH_SKIP_TEN_YEARS"):
        return rows
    if shutil.disk_usage(Path(os.environ.get("TMPDIR", "/tmp"))).free < 2e9:
        return [
            *rows,
            Row("peak memory of ten years", 0, 0, 0, None, "not measured: less than 2 GB of temporary space"),
        ]
    with TemporaryDirectory(prefix="etl-bench-landing-") as folder:
        ten, lines = peak(YEARS, shifted(Path(folder)))
    note = f"{lines:,} lines; {ten / one:.2f} times one year's"
    return [*rows, row("peak memory of ten years by months : 400 MB", ten, 400, 1.0, note, "MB")]

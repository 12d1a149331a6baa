"""`python -m tests.benchmarks [NAME …]`: every bench_*.py, or those named; a table, also in results/latest.txt.

    python -m tests.benchmarks                       all of it: about ten minutes
    python -m tests.benchmarks year start            bench_year.py and bench_start.py
    python -m tests.benchmarks --skip-ten-years      without ten years of landing files (300 MB, in a temporary folder)
    python -m tests.benchmarks --repeat 5            medians of five
    python -m tests.benchmarks --profile             where the time of a year by months goes, by function

Exit code 1 where a limit does not hold. Every ratio is of two figures of this same run, taken in turn.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import datetime
from importlib import import_module
from pathlib import Path

NAMES = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.partition("\n")[0])
    asked.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    asked.add_argument("--skip-ten-years", action="store_true")
    asked.add_argument("--repeat", type=int)
    asked.add_argument("--profile", action="store_true")
    options = asked.parse_args()
    if wrong := set(options.names) - set(NAMES):
        asked.error(f"there is no {', '.join(sorted(wrong))}; there are {', '.join(NAMES)}")
    if options.repeat:
        os.environ["BENCH_REPEAT"] = str(options.repeat)
    if options.skip_ten_years:
        os.environ["BENCH_SKIP_TEN_YEARS"] = "1"

    from rich.console import Console

    from tests.benchmarks.common import RESULTS, Row

    screen = Console(width=None if sys.stdout.isatty() else 160)
    if options.profile:
        from tests.benchmarks.bench_year import profile

        screen.print(profile(), markup=False, highlight=False)
        return 0
    rows: list[Row] = []
    for name in options.names or NAMES:
        screen.print(f"measuring {name} …", style="dim")
        rows += import_module(f"tests.benchmarks.bench_{name}").run()
    RESULTS.mkdir(exist_ok=True)
    with open(RESULTS / "latest.txt", "w", encoding="utf-8") as file:
        for console in (screen, Console(file=file, width=160)):
            console.print(table(rows))
            heading = f"{datetime.now():%Y-%m-%d %H:%M}, Python {platform.python_version()}, {os.cpu_count()} cores"
            console.print(f"{heading}, load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else heading)
    screen.print(f"also in {RESULTS / 'latest.txt'}", style="dim")
    return 1 if any(row.holds is False for row in rows) else 0


def table(rows: list) -> object:
    from rich.table import Table

    made = Table("what", "measured", "baseline", "ratio", "limit", "holds", "note")
    for column in made.columns[1:5]:
        column.justify = "right"
        column.no_wrap = True
    for row in rows:
        made.add_row(
            row.name,
            figure(row.measured, row.unit),
            figure(row.baseline, row.unit),
            f"{row.ratio:.2f}",
            "" if row.limit is None else f"{row.limit:.2f}",
            {True: "[green]yes[/]", False: "[bold red]NO[/]", None: ""}[row.holds],
            row.note,
        )
    return made


def figure(value: float, unit: str) -> str:
    if unit == "s" and value < 0.1:
        return f"{value * 1000:.1f} ms"
    return f"{value:.2f} {unit}" if value < 100 else f"{value:.0f} {unit}"


if __name__ == "__main__":
    sys.exit(main())

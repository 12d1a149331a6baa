"""Is everything there that the lessons need? Looked at where the reader is, and said in words."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from etl_core import settings
from exercises import record

INSTALL = "pip install -r requirements.txt"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` is empty where all is well."""

    what: str
    advice: str = ""

    def __str__(self) -> str:
        return f"✗ {self.what}: {self.advice}" if self.advice else f"✓ {self.what}"


def look() -> None:
    """Print a line a finding."""
    for finding in findings():
        print(finding)


def findings() -> list[Finding]:
    return [_python(), _packages(), _data(settings.REPOSITORY / "data"), _home(record.path().parent)]


def _python() -> Finding:
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    found = ".".join(map(str, sys.version_info[:2]))
    return Finding("Python 3.11, 3.12 or 3.13", "" if good else f"this is {found}; make the environment with another")


def _packages(distribution: str = "etl-workbook") -> Finding:
    what = "the packages, in versions that fit"
    try:
        wanted = [Requirement(text) for text in requires(distribution) or []]
    except PackageNotFoundError:
        return Finding(what, f"the workbook itself is not installed; {INSTALL}")
    for package in wanted:
        if package.marker and not package.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(package.name)
        except PackageNotFoundError:
            return Finding(what, f"{package.name} is not installed; {INSTALL}")
        if not package.specifier.contains(found, prereleases=True):
            return Finding(what, f"{package.name} is {found}, needed is {package.specifier}; {INSTALL}")
    return Finding(what)


def _data(folder: Path) -> Finding:
    sums = [line.split("  ", 1) for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()]
    what = f"{len(sums)} files of data, byte for byte as published"
    for digest, name in sums:
        file = folder / name
        if not file.exists():
            return Finding(what, f"data/{name} is not there; git checkout data/{name}")
        if hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            return Finding(what, f"data/{name} has changed; git checkout data/{name}")
    return Finding(what)


def _home(folder: Path) -> Finding:
    what = "a folder to write to"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Finding(what)
    except OSError as error:
        return Finding(what, f"{folder} cannot be written to ({error.strerror}); set ETL_HOME to a folder that can")

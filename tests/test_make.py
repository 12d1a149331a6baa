"""What `make` does with a wrong day, and in a folder that was moved."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a Makefile and an installed environment, whose Python is this one."""
    folder = tmp_path / "a workbook"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, folder)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    (folder / ".venv" / ".installed").write_text(f"{folder}\n")
    return folder


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ETL_", "MAKE"))}
    return subprocess.run(["make", *arguments], cwd=folder, env=kept, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "day",
    ["2013-01-15;touch done", "$$(touch done)", "../../Makefile", "", "2013-01-15 2013-01-16", "yesterday", "20130115"],
)
def test_what_is_no_day_is_refused_before_anything_is_done(folder: Path, day: str) -> None:
    before = sorted(folder.rglob("*"))
    done = make(folder, "run", f"DAY={day}")
    assert done.returncode == 2
    assert f"DAY: found '{day.replace('$$', '$')}', expected a day written YYYY-MM-DD" in done.stderr
    assert sorted(folder.rglob("*")) == before


def test_a_moved_folder_gets_a_new_environment(folder: Path) -> None:
    assert "venv --clear" not in make(folder, "-n", "install").stdout
    moved = folder.rename(folder.parent / "another place")
    assert "venv --clear" in make(moved, "-n", "install").stdout

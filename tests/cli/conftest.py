"""The `etl` command as a child process, and in this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from etl_core.cli import etl

TOY = '''
"""A pipeline of three days that a reader might write."""
import os
from datetime import date
from etl_core import Pipeline, RetryPolicy, write_receipts

DAYS = {date(2020, 5, n): f"content {n}" for n in (1, 2, 3)}
loaded = []
def landed():
    if len(loaded) == int(os.environ.get("TOY_SERVER_GONE_AFTER", -1)):
        raise ConnectionError("the server is gone")
    return DAYS
def extract(interval):
    if os.environ.get("TOY_BREAKS"):
        raise ValueError("a bug [bold]in[/bold] the reader's code \\x1b[31m\\nsecond line")
    return interval.days
def transform(days):
    return days
def load(days, warehouse, run_id):
    loaded.extend(days)
    with warehouse.begin() as conn:
        write_receipts(conn, "toy", run_id, {day: (DAYS[day], 10, 0) for day in days})
toy = Pipeline("toy", landed, extract, transform, load, stage_retry=RetryPolicy(3, 0.01, 0.02))
not_one = 3
'''


@pytest.fixture
def child(home: Path, landing: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`etl …` in a process of its own, with the three days of the small landing zone."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "etl_core", *arguments]
        env = {**os.environ, **{name: value for name, value in more.items() if name != "cwd"}}
        return subprocess.run(command, capture_output=True, encoding="utf-8", env=env, cwd=more.get("cwd"), timeout=60)

    return run


@pytest.fixture
def call(home: Path, landing: Path) -> Callable[..., Result]:
    """`etl …` in this process: exit_code, stdout, stderr."""
    return lambda *arguments: CliRunner().invoke(etl, [str(each) for each in arguments])


@pytest.fixture
def document(call: Callable[..., Result]) -> Callable[..., object]:
    """The one JSON document that `etl … --json` prints."""
    return lambda *arguments: json.loads(call(*arguments, "--json").stdout)


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """MODULE:NAME of a pipeline in the working directory, another one in each test."""
    name = f"toy_{tmp_path.name}".replace("-", "_").replace("[", "_").replace("]", "_")
    (tmp_path / f"{name}.py").write_text(TOY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return f"{name}:toy"


@pytest.fixture
def spoil(landing: Path) -> Callable[..., None]:
    """Replace text in the first lines of a day's flights file."""

    def change(day: str, old: str, new: str, times: int = 1) -> None:
        path = landing / "flights" / f"{day}.csv"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, times), encoding="utf-8")

    return change


@pytest.fixture(autouse=True)
def _no_faults_left() -> Iterator[None]:
    yield
    from etl_core import faults

    faults._here.clear()

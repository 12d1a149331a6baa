"""What README.md says is so: its links lead somewhere, its example runs, its commands exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click

from etl_core import query
from etl_core.cli import etl

from .conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_links_lead_to_files() -> None:
    targets = re.findall(r"\]\(([^)#]+)", README)
    assert len(targets) > 10
    missing = [target for target in targets if "://" not in target and not (REPOSITORY / target).exists()]
    assert not missing


def test_the_pipeline_of_your_own_runs(tmp_path: Path, home: Path) -> None:
    example = README.split("```python\n")[1].split("```")[0]
    (tmp_path / "temperatures.py").write_text(example, encoding="utf-8")
    for _ in range(2):  # again: nothing is there twice
        command = [sys.executable, "-m", "etl_core", "--pipeline", "temperatures:temperatures", "run", "2013-01-15"]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        ended = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        assert "2013-01-15: 3 rows loaded, 0 rejected" in ended.stdout + ended.stderr
    rows = query("SELECT origin, fahrenheit FROM temperatures WHERE day = :day ORDER BY origin", day="2013-01-15")
    assert list(rows.origin) == ["EWR", "JFK", "LGA"]
    assert rows.fahrenheit.between(30, 45).all()


def test_commands_and_targets_exist() -> None:
    commands = set(re.findall(r"`etl ([a-z]+)", README)) | set(re.findall(r"\$ etl ([a-z]+) ", README))
    there = set(etl.list_commands(click.Context(etl)))
    assert commands <= there, commands - there
    targets = set(re.findall(r"^ *`?make ([a-z][a-z-]+)", README, re.MULTILINE))
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert targets and all(f"\n{target}:" in makefile for target in targets)

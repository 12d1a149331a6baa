"""`kill -9` of the manual paths: the warehouse holds whole days only, and the same command again makes it right.

Random moments are drawn anew each time. `KILLS=100 pytest tests/crash -k random` makes a hundred, in turn of `etl run`,
`etl backfill` by days and by months, and papermill with its kernel; `KILLS_SEED=…` repeats the moments of an earlier
call (its seed is in the test's name); `KILLS_LOG=file` keeps a line for each.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import sys
from pathlib import Path

import pytest

from etl_core import running
from etl_core.stages.verify import verify
from tests.crash import kills
from tests.crash.kills import JOBS, Ground, Job

KILLS = int(os.environ.get("KILLS", "5"))
SEED = os.environ.setdefault("KILLS_SEED", secrets.token_hex(3))  # workers of pytest-xdist see the same
POINTS = ("extract", "transform", "load", "load.before-commit", "load.after-commit")


def kill_at(point: str, job: Job, ground: Ground, home: Path) -> None:
    process = kills.start(job.command(home), ground.environment(home, faults=f"{point}=kill"))
    _, said = process.communicate(timeout=120)
    if "papermill" not in job.arguments:
        assert process.returncode == (-signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM), said
    assert process.returncode != 0


@pytest.mark.parametrize(
    ("name", "point"),
    [
        *[("run", point) for point in POINTS],
        *[("by-days", point) for point in POINTS[3:]],
        *[("by-months", point) for point in POINTS[3:]],
    ],
)
def test_killed_at_a_named_point(name: str, point: str, ground: Ground, tmp_path: Path, monkeypatch) -> None:
    job, home = JOBS[name], tmp_path / "state"
    expected = ground.measured(job)
    before = kills.contents(ground.state(job, home) / "warehouse.db")
    kill_at(point, job, ground, home)
    kills.check_whole_days(home, ground)
    if point != "load.after-commit":
        assert kills.contents(home / "warehouse.db") == before
    elif name == "run":
        assert kills.contents(home / "warehouse.db") == expected.contents
    kills.check_whole_again(job, ground, home, verify_by_command=False)
    for variable, value in ground.environment(home).items():
        if variable.startswith("ETL_"):
            monkeypatch.setenv(variable, value)
    assert verify() == []  # what `etl verify` prints


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_papermill_killed_at_a_named_point(point: str, ground: Ground, tmp_path: Path) -> None:
    job, home = JOBS["papermill"], tmp_path / "state"
    ground.state(job, home)
    kill_at(point, job, ground, home)
    kills.check_whole_days(home, ground)
    kills.check_whole_again(job, ground, home)


def test_killed_in_the_recovery_of_a_killed_run(ground: Ground, tmp_path: Path, monkeypatch) -> None:
    """The run is dead, and so is the one that was about to say so."""
    job, home = JOBS["run"], tmp_path / "state"
    ground.state(job, home)
    kill_at("load.after-commit", job, ground, home)
    code = """
import os, signal
from etl_core import running
def dies(conn):
    resolve(conn)
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
resolve, running._resolve = running._resolve, dies
running.resolve_dead()
"""
    process = kills.start([sys.executable, "-c", code], ground.environment(home))
    process.communicate(timeout=60)
    assert process.returncode != 0
    for variable, value in ground.environment(home).items():
        if variable.startswith("ETL_"):
            monkeypatch.setenv(variable, value)
    assert [run.status for run in running.resolve_dead()] == ["succeeded"]
    kills.check_whole_again(job, ground, home, verify_by_command=False)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(KILLS), ids=lambda number: f"{SEED}-{number}")
def test_killed_at_a_random_moment(number: int, ground: Ground, tmp_path: Path) -> None:
    job, home = list(JOBS.values())[number % len(JOBS)], tmp_path / "state"
    ground.measured(job)
    ground.state(job, home)
    where = kills.kill_at_random(job, ground, home, random.Random(f"{SEED}-{number}"))
    print(f"{job.name}: killed at work on {where}")
    if log := os.environ.get("KILLS_LOG"):
        with open(log, "a", encoding="utf-8") as file:
            file.write(json.dumps({"kill": f"{SEED}-{number}", "job": job.name, "at": where}) + "\n")
    kills.check_whole_days(home, ground)
    kills.check_whole_again(job, ground, home)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["run", "by-months"])
def test_killed_again_and_again(name: str, ground: Ground, tmp_path: Path) -> None:
    """Five kills of the same state, one after another, and whole after each."""
    job, home = JOBS[name], tmp_path / "state"
    ground.state(job, home)
    rng = random.Random(f"{SEED}-again-{name}")
    for _ in range(5):
        print(kills.kill_at_random(job, ground, home, rng))
        kills.check_whole_days(home, ground)
    kills.check_whole_again(job, ground, home)

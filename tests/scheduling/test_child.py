"""Runs by papermill in a child process, with a small notebook in the place of the job notebook."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from etl_core import RetryPolicy, history, running
from etl_core.errors import BadParameter
from etl_core.scheduling import child, jobs, stored_schedules
from tests.core import toy
from tests.core.toy import REPOSITORY, until
from tests.scheduling.test_scheduler import said

TOY = "tests.core.toy:toy"
pytestmark = pytest.mark.slow
CELLS = """\
import sys
sys.path.insert(0, {path!r})
from tests.core.toy import toy
toy.run(day, notebook=PAPERMILL_OUTPUT_PATH)"""


@pytest.fixture(autouse=True)
def _notebook(letters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook that runs the toy pipeline."""
    cell = {"cell_type": "code", "execution_count": None, "outputs": [], "id": "a", "metadata": {}}
    parameters = {
        **cell,
        "id": "b",
        "metadata": {"tags": ["parameters"]},
        "source": "day = PAPERMILL_OUTPUT_PATH = None",
    }
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [parameters, {**cell, "source": CELLS.format(path=str(REPOSITORY))}]
    path = tmp_path / "toy.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    monkeypatch.setattr(child, "NOTEBOOK", path)
    monkeypatch.setattr(child, "check", lambda target: None)


def only(letters: Path, day: str, text: str = "a,1\n") -> None:
    for path in letters.glob("*.txt"):
        path.unlink()
    toy.land(day, text)


def test_each_run_leaves_its_executed_notebook(letters: Path) -> None:
    only(letters, "2024-01-01")
    jobs.tick(TOY, notebook=True)
    [run] = history.newest_runs()
    assert (run.status, run.trigger, run.attempt) == ("succeeded", "scheduled", 1)
    assert Path(run.notebook).name == f"2024-01-01-{run.run_id[:8]}.ipynb"
    assert run.pid != os.getpid()
    assert f'"output_path": "{run.notebook}"' in Path(run.notebook).read_text()


def test_a_failed_run_is_retried_as_a_notebook(letters: Path, scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    only(letters, "2024-01-01", "offline\n")
    scheduler.start().add_schedule(TOY, every=3600, notebook=True)
    scheduler.run_now("toy")
    until(lambda: said("retry stored"), 60)
    alarm = next(one for one in stored_schedules() if one.kind == "retry")
    assert alarm.notebook
    toy.land("2024-01-01")
    scheduler._background.modify_job(alarm.id, next_run_time=history.find("last").started_at)
    until(lambda: history.newest_runs(status="succeeded"), 60)
    newest, first = history.newest_runs()
    assert (newest.trigger, newest.attempt, newest.retry_of) == ("retry", 2, first.run_id)


def test_a_run_that_takes_too_long_is_killed_and_recorded(letters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(letters, "2024-01-01", "wait\n")
    policy = RetryPolicy(attempts=2, base=60, cap=60)
    monkeypatch.setattr(toy, "toy", replace(toy.toy, run_timeout=12, run_retry=policy))
    jobs.tick(TOY, notebook=True)
    [run] = history.newest_runs()
    assert (run.status, run.error) == ("failed", "timed out: killed after 12 s")
    assert run.retry_at and not run.permanent and not run.blocked
    assert said("timed out")
    assert not running.is_alive(run.run_id)
    until(lambda: not Path(f"/proc/{run.pid}").exists())
    toy.land("2024-01-01")
    monkeypatch.setattr(toy, "toy", replace(toy.toy, run_timeout=60))
    jobs.retry(TOY, run.run_id, notebook=True)
    assert history.newest_runs()[0].status == "succeeded"


def test_a_notebook_that_does_not_come_to_a_run_is_told(letters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(letters, "2024-01-01")
    child.NOTEBOOK.write_text("{}")
    jobs.tick(TOY, notebook=True)
    assert history.newest_runs() == []
    assert "no run began, papermill ended with 1" in said("notebook failed")[0]


def test_a_kernel_that_dies_leaves_a_crashed_run_and_the_next_tick_loads_the_day(letters: Path, monkeypatch) -> None:
    only(letters, "2024-01-01")
    monkeypatch.setenv("ETL_FAULTS", "extract=kill")
    jobs.tick(TOY, notebook=True)
    assert [run.status for run in history.newest_runs()] == ["crashed"]
    jobs.tick(TOY, notebook=True)
    assert [run.status for run in history.newest_runs()] == ["succeeded", "crashed"]


def test_the_job_notebook_is_for_the_flights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(BadParameter, match="runs etl_core:flights, not weather:weather"):
        child.check("weather:weather")

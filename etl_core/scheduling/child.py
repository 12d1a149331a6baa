"""A scheduled run as an executed notebook: papermill runs the job notebook in a child process, which can be killed.

The scheduler chooses the run's id and hands it over with trigger, attempt and what it retries in one environment
variable; the notebook needs to know nothing of it. The return code is not believed (papermill's is 0 after
`sys.exit(0)`): the history is. If the scheduler dies, the child finishes its run by itself, and no other begins it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace

import sqlalchemy as sa

from etl_core import history, running, settings
from etl_core.errors import BadParameter
from etl_core.failure import consequences, tell
from etl_core.history import Run, runs
from etl_core.interval import Interval
from etl_core.pipeline import ASKED, Pipeline
from etl_core.scheduling.journal import note
from etl_core.scheduling.scheduler import get_scheduler
from etl_core.scheduling.work import Work

NOTEBOOK = settings.REPOSITORY / "notebooks" / "run_pipeline.ipynb"
_one_at_a_time = threading.Lock()  # a kernel takes some 200 MB


def check(target: str) -> None:
    """BadParameter for a pipeline that the job notebook does not run."""
    if target != "etl_core:flights":
        raise BadParameter(f"notebook: {NOTEBOOK.name} runs etl_core:flights, not {target}; leave --notebook out")
    if not NOTEBOOK.exists():
        raise BadParameter(f"notebook: there is no {NOTEBOOK}; `make notebooks` writes it")


def run_notebook(pipeline: Pipeline, interval: Interval, work: Work, given: dict[str, object]) -> Run | None:
    """Execute the job notebook for `interval` and return its run, or None if none began.

    After `run_timeout` the child is killed with all its processes and the run recorded as failed ("timed out").
    """
    if not pipeline.hashes(interval.days):
        raise BadParameter(f"day: {interval} has not landed; `etl pending` lists what can be loaded")
    run_id = Run(pipeline=pipeline.name, interval_start=interval.start, interval_end=interval.end).run_id
    output = settings.private_folder(settings.current().runs) / f"{interval.start}-{run_id[:8]}.ipynb"
    command = [sys.executable, "-m", "papermill", str(NOTEBOOK), str(output), "-p", "day", str(interval.start)]
    if len(interval.days) > 1:
        command += ["-p", "until", str(interval.last)]
    command += ["--inject-output-path", "--no-progress-bar", "--log-level", "WARNING"]
    environment = {**os.environ, ASKED: json.dumps({"run_id": run_id, **given})}
    with _one_at_a_time:
        if get_scheduler().stopping.is_set():
            return None
        work.since, work.told = time.monotonic(), True  # it is killed when it is overdue
        code, said = _execute(command, environment, work, run_id)
    run = _ended(run_id)
    if run is None:
        lines = [line for line in said.splitlines() if line.strip()]
        why = lines[-1] if lines else "it said nothing"
        how = f"killed after {pipeline.run_timeout:.0f} s" if code is None else f"papermill ended with {code}"
        note("notebook failed", f"{interval}: no run began, {how}: {why}", pipeline.name, error=True)
    elif code is None and run.status == "crashed":
        run = _timed_out(pipeline, run)
    return run


def _execute(command: list[str], environment: dict[str, str], work: Work, run_id: str) -> tuple[int | None, str]:
    """Return code and stderr; the code is None when it had to be killed because its time was up."""
    group = {"start_new_session": True} if os.name == "posix" else {"creationflags": 0x200}  # NEW_PROCESS_GROUP
    with tempfile.TemporaryFile() as said:  # not a pipe: a kernel that outlives papermill would hold it open
        child = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, **group
        )
        work.kill = lambda: _kill(child, run_id)
        try:
            code = child.wait(work.timeout)
        except subprocess.TimeoutExpired:
            _kill(child, run_id)
            child.wait()
            code = None
        finally:
            work.kill = None
        said.seek(0)
        return code, said.read().decode(errors="replace")


def _kill(child: subprocess.Popen, run_id: str) -> None:
    """Papermill by its process group; the kernel, which has a group of its own, by the pid that the run recorded."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    run = _row(run_id)
    if run and run.status == "running" and run.host == socket.gethostname() and running.is_alive(run_id):
        with contextlib.suppress(OSError):  # it has just ended by itself
            os.kill(run.pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def _ended(run_id: str) -> Run | None:
    """The run as it is in the history once its lock is free: a killed kernel needs a moment."""
    deadline = time.monotonic() + 10
    while True:
        run = _row(run_id)
        if run is None or run.status != "running" or time.monotonic() > deadline:
            return run
        running.resolve_dead()
        time.sleep(0.02)


def _timed_out(pipeline: Pipeline, run: Run) -> Run:
    """Killed here: the run stays `crashed`, and its day is pending, without waiting for a retry."""
    error = f"timed out: killed after {pipeline.run_timeout:.0f} s"
    change = {"status": "failed", "error": error, **consequences(pipeline, run, permanent=False)}
    with history.open_history().begin() as conn:
        conn.execute(sa.update(runs).where(runs.c.run_id == run.run_id).values(**change))
    note("timed out", f"{run.interval}: killed after {pipeline.run_timeout:.0f} s", run.pipeline, run.run_id)
    run = replace(run, **change)
    if run.blocked:
        tell(pipeline, run)
    return run


def _row(run_id: str) -> Run | None:
    return next(iter(history.read(sa.select(runs).where(runs.c.run_id == run_id))), None)

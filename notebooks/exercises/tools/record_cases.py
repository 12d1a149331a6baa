"""Make the cases of exercise 9.1 anew, by real runs in state folders of their own: about a quarter of a minute.

    python -m exercises.tools.record_cases        (in notebooks/) writes cases.json

Where a case is looked at later than it was made, nothing was alive meanwhile that could have changed it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from etl_core import Interval, Pipeline, RetryPolicy, faults, flights, history
from exercises.tools.cases import RECORDED, case_of
from exercises.tools.landing import copy_days, flights_file

ONCE = RetryPolicy(attempts=1, base=0, cap=0)


class Desk:
    """One day, in a landing zone and a state folder of its own."""

    def __init__(self, day: date, folder: Path) -> None:
        self.day, self.folder, self.later = day, folder, timedelta(0)
        self.pipeline: Pipeline = replace(flights, stage_retry=ONCE)
        os.environ["ETL_HOME"], os.environ["ETL_LANDING"] = str(folder / "home"), str(folder / "landing")
        copy_days(folder / "landing", day - timedelta(days=1), day)

    @property
    def file(self) -> Path:
        return self.folder / "landing" / "flights" / f"{self.day}.csv"

    def run(self, **given: Any) -> history.Run:
        return self.pipeline.attempt(Interval.of(self.day), **{"trigger": "scheduled", **given})

    def command(self, fault: str) -> list[str]:
        return [sys.executable, "-m", "etl_core", "run", str(self.day), "--fault", fault]

    def killed(self, point: str) -> None:
        subprocess.run(self.command(f"{point}=kill"), capture_output=True, check=False)

    def renamed(self, old: str, new: str) -> None:
        self.file.write_text(self.file.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8", newline="\n")


def loaded(desk: Desk) -> None:
    desk.run()


def healed(desk: Desk) -> None:
    failed = offline(desk)
    desk.run(trigger="retry", attempt=2, retry_of=failed.run_id)


def died_after_commit(desk: Desk) -> None:
    desk.killed("load.after-commit")
    desk.later = timedelta(minutes=4)


def retry_waits(desk: Desk) -> None:
    faults.inject("load=locked")
    desk.run()


def at_work(desk: Desk) -> None:
    """Looked at while it is: the process that works is ended afterwards."""


def died_before_commit(desk: Desk) -> None:
    desk.killed("load.before-commit")
    desk.later = timedelta(minutes=25)


def never_run(desk: Desk) -> None:
    desk.later = timedelta(days=6)


def corrected_since(desk: Desk) -> None:
    desk.run()
    lines = desk.file.read_text(encoding="utf-8").splitlines(keepends=True)
    desk.file.write_text("".join(lines[:-1]), encoding="utf-8", newline="\n")


def retry_is_overdue(desk: Desk) -> None:
    faults.inject("extract=offline")
    desk.run()
    desk.later = timedelta(minutes=50)


def bad_schema(desk: Desk) -> None:
    desk.renamed("dep_time", "departure")
    desk.run()


def bad_then_good(desk: Desk) -> None:
    bad_schema(desk)
    shutil.copyfile(flights_file(desk.day), desk.file)


def nothing_landed(desk: Desk) -> None:
    desk.file.unlink()
    desk.later = timedelta(hours=9)


def died_then_waits(desk: Desk) -> None:
    desk.killed("load.before-commit")
    faults.inject("load=locked")
    desk.run()


def offline_then_bad(desk: Desk) -> None:
    failed = offline(desk)
    desk.renamed("dep_time", "departure")
    desk.run(trigger="retry", attempt=2, retry_of=failed.run_id)


def at_work_again(desk: Desk) -> None:
    """The same after a run that failed, by hand."""
    offline(desk)


def bad_then_died(desk: Desk) -> None:
    bad_then_good(desk)
    died_before_commit(desk)


def offline(desk: Desk) -> history.Run:
    """A run that fails in passing, and the time until its retry."""
    desk.pipeline = replace(desk.pipeline, run_retry=RetryPolicy(attempts=4, base=0.4, cap=1))
    faults.inject("extract=offline")
    failed = desk.run()
    time.sleep(max(0.0, (failed.retry_at - datetime.now(UTC)).total_seconds()))
    return failed


CASES: dict[str, Callable[[Desk], None]] = {
    "loaded": loaded,
    "failed, then healed by its retry": healed,
    "died after its commit": died_after_commit,
    "a retry waits": retry_waits,
    "at work": at_work,
    "died before its commit": died_before_commit,
    "landed, never run": never_run,
    "corrected since it was loaded": corrected_since,
    "a retry is overdue": retry_is_overdue,
    "the header is wrong": bad_schema,
    "the header was wrong, a new file has landed": bad_then_good,
    "nothing has landed": nothing_landed,
    "died, then failed, and a retry waits": died_then_waits,
    "offline at first, then the header is wrong": offline_then_bad,
    "failed before, and at work now": at_work_again,
    "the header was wrong, the load of a new file died": bad_then_died,
}
AT_WORK = ("at work", "failed before, and at work now")


def made(name: str, day: date, folder: Path) -> dict[str, Any]:
    """One case, made now. The process's environment is changed."""
    desk = Desk(day, folder)
    CASES[name](desk)
    if name not in AT_WORK:
        return case_of(desk.pipeline, day, datetime.now(UTC) + desk.later)
    child = subprocess.Popen(desk.command("load=slow"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while child.poll() is None and not history.newest_runs(status="running"):
            time.sleep(0.02)
        return case_of(desk.pipeline, day)
    finally:
        child.kill()
        child.wait()


def main() -> None:
    found = {}
    for number, name in enumerate(CASES):
        with tempfile.TemporaryDirectory(prefix="etl-case-", ignore_cleanup_errors=True) as folder:
            case = made(name, date(2013, 1, 7) + timedelta(days=number), Path(folder))
            text = json.dumps(case, default=_text).replace(folder, "…").replace(f" on {socket.gethostname()}", "")
            found[name] = json.loads(text)
    RECORDED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _text(value: date | datetime) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value.isoformat()


if __name__ == "__main__":
    main()

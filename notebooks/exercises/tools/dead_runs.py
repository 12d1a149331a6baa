"""Runs that were really killed, for graders: the state that their processes left, with one run still alive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from etl_core import history, running, settings, warehouse
from exercises.tools.child import MARK, Talk, talking

COMMITTED, RELOADED, NEVER, FAILED, ALIVE, ENDING = (date(2013, 4, day) for day in range(1, 7))


@dataclass(frozen=True)
class Scene:
    """What is on record: runs oldest first, each with run_id, day and status; day -> run_id of its receipt."""

    runs: list[dict[str, object]]
    receipts: dict[date, str]
    is_alive: Callable[[str], bool]

    def of(self, day: date) -> str:
        """The newest run of a day."""
        return [str(run["run_id"]) for run in self.runs if run["day"] == day][-1]


@contextmanager
def dead_runs() -> Iterator[Scene]:
    """Make the scene in ETL_HOME, which is empty, by killing two processes; a third is at work until the block ends.

    COMMITTED: loaded, run again, killed after the commit. RELOADED: loaded, run again, killed before the commit.
    NEVER: killed before its only load. FAILED: its run failed by itself. ALIVE: under way, with nothing loaded yet.
    ENDING: under way between its commit and its end.
    """
    with talking(_after_commit) as one, talking(_before_commit) as other, talking(_at_work) as third:
        _heard(one, other, third)  # each has done its earlier runs; from here on they are at work together
        for number, talk in enumerate((one, third), start=1):
            talk.say("go")
            _until_slow("load.after-commit", number)
        other.say("go")  # one at a time: it holds the warehouse until it is killed
        _until_slow("load.before-commit")
        one.kill()
        other.kill()
        yield _scene()


def _scene() -> Scene:
    found = reversed(history.newest_runs())
    runs = [{"run_id": run.run_id, "day": run.interval_start, "status": run.status} for run in found]
    receipts = {day: receipt.run_id for day, receipt in warehouse.receipts_of("flights").items()}
    return Scene(runs, receipts, running.is_alive)


def _after_commit() -> None:
    from etl_core import faults, flights

    flights.run(COMMITTED)
    _ready()
    _pause_at(faults, "load.after-commit")
    flights.run(COMMITTED)


def _before_commit() -> None:
    from etl_core import Interval, faults, flights

    flights.run(RELOADED)
    faults.inject("transform=bad-schema", everywhere=False)
    flights.attempt(Interval.of(FAILED))
    _ready()
    open_run = flights.start(NEVER)
    open_run.extract()
    open_run.transform()
    _pause_at(faults, "load.before-commit")
    flights.run(RELOADED)


def _at_work() -> None:
    from etl_core import faults, flights

    _ready()
    flights.start(ALIVE)
    _pause_at(faults, "load.after-commit")
    flights.run(ENDING)


def _pause_at(faults, point: str) -> None:
    faults.SLOW = 120  # seconds: until it is killed
    faults.inject(f"{point}=slow", everywhere=False)


def _ready() -> None:
    print(MARK + "ready", flush=True)
    input()


def _heard(*talks: Talk) -> None:
    for talk in talks:
        if talk.hear(60) is None:
            raise RuntimeError("a process of the grader ended, or took over 60 s to get ready; try again")


def _until_slow(point: str, count: int = 1) -> None:
    """Wait for the marks that so many faults leave when they begin."""
    folder = Path(settings.current().home, "faults")
    deadline = time.monotonic() + 60
    while len(list(folder.glob(f"*.{point}-slow.*"))) < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"a process of the grader did not reach {point} in 60 s; try again")
        time.sleep(0.01)

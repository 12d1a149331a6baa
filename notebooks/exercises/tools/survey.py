"""What there is of a scheduler at this moment, place by place: to be compared before and after a kill."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from etl_core import history, settings
from exercises.told import Told
from exercises.tools import nightly


def survey(process: subprocess.Popen[bytes]) -> pd.Series:
    """Place -> what is there, of the process and of ETL_HOME; read from outside, as a stranger would.

    Locks are tried, for a moment: not to be called while a scheduler starts.
    """
    home = settings.current().home
    runs = [_hold(path) for path in home.glob("locks/run-*.lock")]
    jobs = [name for (name,) in rows(home / "jobs.db", "SELECT id FROM apscheduler_jobs")]
    retries = sum(name.startswith("retry|") for name in jobs)
    found = {
        "memory: the process": "alive" if process.poll() is None else "gone",
        "locks: the scheduler's": _hold(home / "locks" / "scheduler.lock"),
        "locks: of runs": _counted(runs),
        "jobs.db: schedules": len(jobs) - retries,
        "jobs.db: retries": retries,
        "history.db: runs": _counted(one for (one,) in rows(home / "history.db", "SELECT status FROM runs")),
        "warehouse.db: flights": rows(home / "warehouse.db", "SELECT COUNT(*) FROM flights")[0][0],
        "warehouse.db: receipts": rows(home / "warehouse.db", "SELECT COUNT(*) FROM receipts")[0][0],
    }
    return pd.Series(found, dtype=object)


def rows(database: Path, sql: str) -> list[tuple]:
    """What a SELECT finds; nothing where the file or the table is not there yet."""
    if not database.exists():
        return []
    with closing(sqlite3.connect(database, timeout=15)) as conn:
        try:
            return conn.execute(sql).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise


def newest(*columns: str) -> tuple[object, ...]:
    """These columns of the newest run in the history."""
    run = history.newest_runs(limit=1)[0]
    return tuple(getattr(run, column) for column in columns)


def alarms() -> list[str]:
    """The ids of the retries that wait in the job store."""
    ids = rows(settings.current().home / "jobs.db", "SELECT id FROM apscheduler_jobs ORDER BY id")
    return [name for (name,) in ids if name.startswith("retry|")]


_shown: set[tuple[Path, str]] = set()  # of each state folder, what cannot be shown again in it


def once(what: str) -> str:
    """`what`, when first called with it in a state folder. Told after that: nothing of the cell is done again."""
    this = settings.current().home, what
    if this in _shown:
        raise Told(
            f"You have seen {what}; its state has moved on, and is left as it is: go on below. "
            "To see it again: Run, Restart Kernel and Run up to Selected Cell."
        )
    _shown.add(this)
    return what


def until(condition: Callable[[], object], seconds: float = 75) -> None:
    """Wait until `condition()` holds. TimeoutError if it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for it in vain; run the cells above again, from begin on")
        time.sleep(0.02)


def calls_by_slot(first: datetime, slots: int) -> pd.DataFrame:
    """Calls of the jobs in `nightly` in slots of a second from `first` on: columns slot and process, from 0 and 1.

    Waits for a call after the last slot, however slow the machine is. TimeoutError as in `until`.
    """

    def last() -> bool:
        return any(call.at >= first.timestamp() + slots for call in nightly.calls())

    until(last)
    found = pd.DataFrame(nightly.calls())
    slot = ((found["at"] - first.timestamp()) // 1).astype(int)
    found = found.assign(slot=slot)[slot.between(0, slots - 1)]
    return found.assign(process=found["pid"].rank(method="dense").astype(int))


def _hold(path: Path) -> str:
    lock = FileLock(path, is_singleton=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return "held"
    lock.release()
    return "free"


def _counted(words: object) -> str:
    return ", ".join(f"{count} {word}" for word, count in sorted(Counter(words).items())) or "none"

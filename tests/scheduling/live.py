"""A real `etl schedule` in a process of its own, and what tests ask about it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.core.toy import REPOSITORY, until

QUICK = "tests.scheduling.quick:quick"
COMMAND = [sys.executable, "-m", "etl_core"]


class Live:
    """`etl --pipeline … schedule …`, its lines in a file."""

    def __init__(self, *options: str, pipeline: str = QUICK, **environment: str) -> None:
        home = Path(os.environ["ETL_HOME"])
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log = home / f"said-{len(list(home.glob('said-*')))}.txt"
        with self.log.open("w") as said:
            self.process = subprocess.Popen(
                [*COMMAND, "--pipeline", pipeline, "schedule", *options],
                cwd=REPOSITORY,
                env={**os.environ, **environment},
                stdout=subprocess.DEVNULL,
                stderr=said,
            )

    def said(self) -> str:
        return self.log.read_text()

    def until_said(self, text: str, seconds: float = 60) -> None:
        def there() -> bool:
            if text in self.said():
                return True
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.said()}"
            return False

        until(there, seconds)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, how: int = signal.SIGINT, seconds: float = 30) -> int:
        self.process.send_signal(how)
        return self.process.wait(seconds)


@contextmanager
def live(*options: str, pipeline: str = QUICK, **environment: str) -> Iterator[Live]:
    """Killed at the end if it is still there."""
    one = Live(*options, pipeline=pipeline, **environment)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.kill()


def etl(*arguments: str, pipeline: str = QUICK, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "--pipeline", pipeline, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def etl_json(*arguments: str, pipeline: str = QUICK) -> list[dict]:
    done = etl(*arguments, "--json", pipeline=pipeline)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rows(database: str, sql: str) -> list[tuple]:
    """What a SELECT finds in a database of the state folder; nothing where it is not there yet."""
    path = Path(os.environ["ETL_HOME"]) / database
    if not path.exists():
        return []
    conn = sqlite3.connect(path, timeout=15)
    try:
        return conn.execute(sql).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise
    finally:
        conn.close()


def loaded() -> set[str]:
    return {day for (day,) in rows("warehouse.db", "SELECT flight_date FROM receipts")}


def events(kind: str) -> list[str]:
    return [text for (text,) in rows("history.db", f"SELECT message FROM events WHERE kind = '{kind}' ORDER BY id")]

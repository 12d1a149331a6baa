"""A pipeline for tests: lines `name,count` of one text file a day into the table `letters`. No pandas.

What is wrong with a day is written in its file: `offline` raises a transient error, `broken` a permanent one, and
`wait` holds `extract` until the file `go` is there (then `waiting` says that it has come so far).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Column, Integer, MetaData, Table, Text

from etl_core import Interval, Pipeline, RetryPolicy, write_receipts
from etl_core.errors import BadSchema

REPOSITORY = Path(__file__).resolve().parents[2]
metadata = MetaData()
letters = Table(
    "letters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("day", sa.Date, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("run_id", Text, nullable=False),
)


@dataclass
class Read:
    rows: list[tuple[date, str]]
    hashes: dict[date, str]


@dataclass
class Counted:
    rows: list[tuple[str, date, int]]
    rejected: list[str]
    hashes: dict[date, str]
    per_day: dict[date, tuple[str, int, int]]


def folder() -> Path:
    return Path(os.environ["TOY_LANDING"])


def landed(days: object = None) -> dict[date, str]:
    files = sorted(folder().glob("*.txt"))
    return {date.fromisoformat(path.stem): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def extract(interval: Interval) -> Read:
    rows, hashes = [], {}
    for day in interval.days:
        text = (folder() / f"{day}.txt").read_bytes()
        hashes[day] = hashlib.sha256(text).hexdigest()
        for line in text.decode().splitlines():
            if line == "offline":
                raise ConnectionError("the letters are offline")
            if line == "broken":
                raise BadSchema(f"{day}.txt: broken")
            if line == "wait":
                (folder() / "waiting").touch()
                until(lambda: (folder() / "go").exists())
            else:
                rows.append((day, line))
    return Read(rows, hashes)


def transform(read: Read) -> Counted:
    good, bad = [], []
    counts = {day: [0, 0] for day in read.hashes}
    for day, line in read.rows:
        name, _, count = line.partition(",")
        if count.isdigit():
            good.append((name, day, int(count)))
        else:
            bad.append(line)
        counts[day][0 if count.isdigit() else 1] += 1
    return Counted(good, bad, read.hashes, {day: (read.hashes[day], *counts[day]) for day in counts})


def load(counted: Counted, warehouse: sa.Engine, run_id: str) -> object:
    with warehouse.begin() as conn:
        metadata.create_all(conn)
        conn.execute(sa.delete(letters).where(letters.c.day.in_(list(counted.per_day))))
        rows = [{"name": name, "day": day, "count": n, "run_id": run_id} for name, day, n in counted.rows]
        if rows:
            conn.execute(sa.insert(letters), rows)
        return write_receipts(conn, "toy", run_id, counted.per_day)


toy = Pipeline(
    "toy",
    landed=landed,
    extract=extract,
    transform=transform,
    load=load,
    stage_retry=RetryPolicy(attempts=3, base=0, cap=0),
    run_retry=RetryPolicy(attempts=2, base=60, cap=60),
    target="tests.core.toy:toy",
)


def land(day: str, text: str = "a,1\nb,2\n") -> Path:
    path = folder() / f"{day}.txt"
    path.write_text(text)
    return path


def until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something that will happen; an error if it does not."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError("waited in vain")
        time.sleep(0.005)


def no_tick_at_work() -> bool:
    """One that was not waited for would go on in the state folder of the next test."""
    from etl_core.scheduling import work

    with work.turn(toy.name) as mine:
        return mine


def child(code: str, **environment: str) -> subprocess.Popen[str]:
    """A new process (never a fork) that runs `code` with the toy's names imported."""
    lines = ["from tests.core.toy import *", "from etl_core import faults, history, running", code]
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def out(process: subprocess.Popen[str], seconds: float = 60) -> str:
    """What a child printed; an error with what it said if it failed."""
    printed, said = process.communicate(timeout=seconds)
    assert process.returncode == 0, said
    return printed

"""Helpers for the crash tests: jobs to be killed, the state they begin with, and what must be true afterwards.

A job begins in a copy of a state folder in which some of its days were loaded from an earlier content of the landing
zone, so that a half-done delete would show as well as a half-done insert. What is checked is read with the sqlite3
module alone, without the package under test.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parents[2]
RUN_OF_ITS_OWN = {"run_id", "loaded_at"}  # what may differ from an uninterrupted run


@dataclass(frozen=True)
class Job:
    """A command, the days it loads, and those of them that were loaded before from earlier content."""

    name: str
    days: tuple[str, ...]
    loaded_before: tuple[str, ...]
    arguments: tuple[str, ...]

    def command(self, home: Path) -> list[str]:
        if self.arguments[0] == "papermill":
            notebook = str(REPOSITORY / "notebooks" / "run_pipeline.ipynb")
            return [sys.executable, "-m", "papermill", notebook, str(home / "executed.ipynb"), *self.arguments[1:]]
        return [sys.executable, "-m", "etl_core", *self.arguments]


def days(*numbers: int, month: int = 1) -> tuple[str, ...]:
    return tuple(f"2013-{month:02}-{number:02}" for number in numbers)


ACROSS = (*days(29, 30, 31), *days(1, 2, 3, month=2))
JOBS = {
    job.name: job
    for job in (
        Job("run", days(15), days(15), ("run", "2013-01-15")),
        Job("by-days", days(14, 15, 16, 17), days(15), ("backfill", "2013-01-14", "2013-01-17")),
        Job("by-months", ACROSS, days(30), ("backfill", "2013-01-29", "2013-02-03", "--batch", "month")),
        Job("papermill", days(15), days(15), ("papermill", "-p", "day", "2013-01-15", "--no-progress-bar")),
    )
}


# ---- the landing zone and the state before -------------------------------------------------------


def land(folder: Path, earlier: bool) -> Path:
    """The days of all jobs, a bad line in each; `earlier`: as they were before some lines were added."""
    for day in sorted({day for job in JOBS.values() for day in job.days}):
        for kind in ("flights", "weather"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            header, *lines = (REPOSITORY / "data" / "landing" / kind / f"{day}.csv").read_text().splitlines()
            if kind == "flights":
                lines[10] = lines[10].replace(lines[10].split(",")[0], "soon", 1)
                lines = [line for n, line in enumerate(lines) if n % 7] if earlier else lines
            (folder / kind / f"{day}.csv").write_text("\n".join([header, *lines, ""]))
    return folder


def lines(landing: Path, day: str) -> int:
    return len((landing / "flights" / f"{day}.csv").read_text().splitlines()) - 1


@dataclass
class Ground:
    """What the kills of one test session share."""

    folder: Path
    states: dict[str, Path] = field(default_factory=dict)
    uninterrupted: dict[str, Uninterrupted] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.earlier = land(self.folder / "earlier", earlier=True)
        self.landing = land(self.folder / "landing", earlier=False)

    def environment(self, home: Path, landing: Path | None = None, faults: str = "") -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ETL_")}
        return {**kept, "ETL_HOME": str(home), "ETL_LANDING": str(landing or self.landing), "ETL_FAULTS": faults}

    def state(self, job: Job, home: Path) -> Path:
        """Copy the state `job` begins with to `home`."""
        key = " ".join(job.loaded_before)
        if key not in self.states:
            made = self.folder / f"state-{len(self.states)}"
            for day in job.loaded_before:
                call([sys.executable, "-m", "etl_core", "run", day], self.environment(made, self.earlier))
            for name in ("warehouse", "history"):  # a database is more than its file while there is a WAL: put it back
                conn = sqlite3.connect(made / f"{name}.db")
                conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                conn.close()
            self.states[key] = made
        shutil.copytree(self.states[key], home)
        return home

    def measured(self, job: Job) -> Uninterrupted:
        """Run `job` once without a kill: how long it takes, and what the warehouse holds then."""
        if job.name not in self.uninterrupted:
            home = self.state(job, self.folder / f"uninterrupted-{job.name}")
            began = time.monotonic()
            process = start(job.command(home), self.environment(home))
            at_work = until_stage(process, home) or time.monotonic()
            _, said = process.communicate(timeout=120)
            assert process.returncode == 0, said
            self.uninterrupted[job.name] = Uninterrupted(
                at_work - began,
                time.monotonic() - at_work,
                durations(home)[len(job.loaded_before) * 3 :],
                contents(home / "warehouse.db"),
            )
        return self.uninterrupted[job.name]


@dataclass(frozen=True)
class Uninterrupted:
    before_work: float  # seconds until its first stage begins
    work: float  # seconds from there to its end
    stages: list[float]  # the seconds of each stage of each run, in order
    contents: dict[str, Counter]


# ---- processes -----------------------------------------------------------------------------------


def start(command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, env=environment, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def call(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"


def kill_all(process: subprocess.Popen[str]) -> bool:
    """kill -9 for a process and all its descendants (a kernel has a session of its own). False: it had ended."""
    try:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    alive = process.poll() is None
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            pass
    psutil.wait_procs([member for member in family if member.pid != process.pid], timeout=10)
    process.communicate(timeout=30)
    return alive and process.returncode != 0


def until_stage(process: subprocess.Popen[str], home: Path, number: int = 0) -> float | None:
    """Wait until the history says that the stage of this number has begun; the moment, None if the process ended."""
    conn = sqlite3.connect(home / "history.db", timeout=5)
    [before] = conn.execute("SELECT COUNT(*) FROM stage_runs").fetchone()
    try:
        while process.poll() is None:
            if conn.execute("SELECT COUNT(*) FROM stage_runs").fetchone()[0] > before + number:
                return time.monotonic()
            time.sleep(0.002)
    finally:
        conn.close()
    return None


def durations(home: Path) -> list[float]:
    conn = sqlite3.connect(home / "history.db")
    found = [row[0] for row in conn.execute("SELECT duration_s FROM stage_runs ORDER BY started_at")]
    conn.close()
    return found


def kill_at_random(job: Job, ground: Ground, home: Path, rng: random.Random) -> str:
    """Start `job` in `home`, kill it at a random moment, and say what it was at.

    One in eight dies before its work begins, one in eight uniformly over all its work. The others die in a stage: one
    of all its stages is drawn, and a moment between its beginning (the history tells it) and a little after its end.
    Uniformly over all the time nearly every kill would meet an import.
    """
    usual = ground.measured(job)
    kind, stage = rng.randrange(8), rng.randrange(len(usual.stages))
    process = start(job.command(home), ground.environment(home))
    if kind == 0:
        delay = rng.uniform(0, usual.before_work)
    elif kind == 1:
        delay = rng.uniform(0, usual.work)
        until_stage(process, home)
    else:
        delay = rng.uniform(0, 1.1 * usual.stages[stage] + 0.01)
        until_stage(process, home, stage)
    try:
        process.wait(timeout=delay)
    except subprocess.TimeoutExpired:
        pass
    return at_work_on(home) if kill_all(process) else "ended before"


def at_work_on(home: Path) -> str:
    """The stage that was under way when it died."""
    conn = sqlite3.connect(home / "history.db")
    stages = conn.execute("SELECT stage FROM stage_runs WHERE status = 'running'").fetchall()
    runs = conn.execute("SELECT COUNT(*) FROM runs WHERE status = 'running'").fetchone()[0]
    conn.close()
    return stages[0][0] if stages else "between stages" if runs else "no run"


# ---- what must be true ---------------------------------------------------------------------------


def contents(warehouse: Path, without: Iterable[str] = RUN_OF_ITS_OWN) -> dict[str, Counter]:
    """Every row of every table (and view) but for what belongs to the run."""
    conn = sqlite3.connect(warehouse)
    found = {}
    for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall():
        columns = [row[1] for row in conn.execute(f"PRAGMA table_info({name})") if row[1] not in set(without)]
        found[name] = Counter(conn.execute(f"SELECT {', '.join(columns)} FROM {name}"))
    conn.close()
    return found


def check_whole_days(home: Path, ground: Ground) -> None:
    """Each day is there as a receipt says, in the earlier or the present content, or not at all."""
    conn = sqlite3.connect(home / "warehouse.db")
    assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    found: dict[str, dict[str, tuple[int, str]]] = {}
    for table in ("flights", "rejected_flights"):
        rows = conn.execute(
            f"SELECT flight_date, COUNT(*), MIN(run_id), MAX(run_id) FROM {table} GROUP BY 1"
        ).fetchall()
        assert all(first == last for _, _, first, last in rows), rows
        found[table] = {day: (count, run_id) for day, count, run_id, _ in rows}
    receipts = conn.execute("SELECT flight_date, rows_loaded, rows_rejected, run_id FROM receipts").fetchall()
    conn.close()
    for day, loaded, rejected, run_id in receipts:
        assert found["flights"].pop(day) == (loaded, run_id)
        assert found["rejected_flights"].pop(day) == (rejected, run_id)
        assert loaded + rejected in {lines(ground.earlier, day), lines(ground.landing, day)}
    assert found == {"flights": {}, "rejected_flights": {}}  # no row without a receipt


def check_whole_again(job: Job, ground: Ground, home: Path, verify_by_command: bool = True) -> None:
    """The same command again completes, and then all is as if nothing had happened."""
    call(job.command(home), ground.environment(home))
    check_whole_days(home, ground)
    assert contents(home / "warehouse.db") == ground.measured(job).contents
    conn = sqlite3.connect(home / "history.db")
    assert conn.execute("SELECT COUNT(*) FROM runs WHERE status = 'running'").fetchone() == (0,)
    assert conn.execute("SELECT COUNT(*) FROM stage_runs WHERE status = 'running'").fetchone() == (0,)
    conn.close()
    # An empty lock file may be left by a kill between the lock and its row: nobody holds it, nobody asks for it.
    if verify_by_command:
        call([sys.executable, "-m", "etl_core", "verify"], ground.environment(home))

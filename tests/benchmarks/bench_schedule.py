"""The scheduler against plain APScheduler on the same kind of store: latency, overhead, memory, start."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.common import REPOSITORY, Row, alternated, python, row, state

# One pipeline with stages that do next to nothing; its one day changes before every tick, so every tick has one run.
PIPELINE = """
import itertools, json, os, statistics, sys, threading, time
from datetime import date, datetime, timezone
from etl_core import Interval, Pipeline, write_receipts
DAY = Interval.of("2024-01-01")
version = itertools.count()
now = [""]
def landed(days=None): return {date(2024, 1, 1): now[0]}
def extract(interval): return [1, 2, 3]
def transform(rows): return rows
def load(rows, warehouse, run_id):
    with warehouse.begin() as conn:
        return write_receipts(conn, "small", run_id, {date(2024, 1, 1): (now[0], 3, 0)})
small = Pipeline("small", landed, extract, transform, load, target="bench_small:small")
sys.modules["bench_small"] = sys.modules["__main__"]
EVERY, TICKS = 0.2, 40
began, ended, base = [], [], []
done = threading.Event()

def timed(work):
    "Calls `work`, and keeps how long after its scheduled time it began and ended."
    now[0] = str(next(version))
    a = time.time()
    work()
    b = time.time()
    due = base[0] + round((a - base[0] - EVERY / 3) / EVERY) * EVERY
    began.append(a - due); ended.append(b - due)
    if len(began) == TICKS: done.set()

def by_hand():
    found = []
    for _ in range(TICKS):
        now[0] = str(next(version))
        a = time.perf_counter(); small.run(DAY); found.append(time.perf_counter() - a)
        time.sleep(0.02)
    return statistics.median(found)

def report(hand):
    done.wait(60)
    print(json.dumps([statistics.median(began[3:]), statistics.median(ended[3:]) - hand]), flush=True)
    os._exit(0)
"""

OURS = (
    PIPELINE
    + """
from etl_core.scheduling import get_scheduler, jobs
tick = jobs.tick
jobs.tick = lambda *values, **named: timed(lambda: tick(*values, **named))
jobs.tick.__signature__ = __import__("inspect").signature(tick)
hand = by_hand()
scheduler = get_scheduler().start()
scheduler.add_schedule(small, every=EVERY)
base.append(scheduler._background.get_job("small").trigger.start_date.timestamp())
report(hand)
"""
)

PLAIN = (
    PIPELINE
    + """
from apscheduler.schedulers.background import BackgroundScheduler
def job(): timed(lambda: small.run(DAY))
hand = by_hand()
folder = os.environ["ETL_HOME"]
scheduler = BackgroundScheduler(jobstores={"default": {"type": "sqlalchemy", "url": f"sqlite:///{folder}/plain.db"}})
scheduler.start()
stored = scheduler.add_job("bench_small:job", "interval", seconds=EVERY, id="small", coalesce=True)
base.append(stored.trigger.start_date.timestamp())
report(hand)
"""
)

START = """
import time
from etl_core.scheduling import get_scheduler
scheduler = get_scheduler().start()
scheduler.add_schedule("etl_core:flights", cron="0 0 1 jan *")
job = scheduler._background.get_job("flights")
for n in range(999):
    given = {"id": f"pipeline {n}", "name": job.name, "kwargs": job.kwargs}
    scheduler._background.add_job("etl_core.scheduling.jobs:tick", job.trigger, **given)
scheduler.stop()
a = time.perf_counter(); scheduler.start(); print(time.perf_counter() - a)
assert len(scheduler.schedules()) == 1000
scheduler.stop()
"""


def pair(code: str) -> tuple[float, float]:
    with state() as environment:
        return tuple(json.loads(python(code, environment)))


def idle(command: list[str]) -> float:
    """Memory in MB (proportional share; resident where the system does not tell) after some seconds of nothing."""
    with state() as environment:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        child = subprocess.Popen([sys.executable, *command], env=environment, cwd=REPOSITORY, **quiet)
        try:
            time.sleep(4)
            found = Path(f"/proc/{child.pid}/smaps_rollup").read_text()
            return int(found.split("\nPss:")[1].split()[0]) / 1024
        finally:
            child.kill()
            child.wait()


def run() -> list[Row]:
    kept: dict[str, list[float]] = {"ours": [], "plain": []}

    def latency(name: str, code: str) -> float:
        begin, adds = pair(code)
        kept[name].append(adds)
        return begin

    found = alternated(3, ours=lambda: latency("ours", OURS), plain=lambda: latency("plain", PLAIN))
    ours, plain = (sorted(kept[name])[1] for name in ("ours", "plain"))
    with state() as environment:
        start = float(python(START, environment))
    rows = [
        row("tick to job start : plain APScheduler", found["ours"], found["plain"], 3, "median of 3 x 37 ticks"),
        row("what a schedule adds to a run by hand : plain APScheduler", ours, plain, 2, "ours finds what is pending"),
        row("start with 1,000 stored schedules : 2 s", start, 2, 1, "imports not counted"),
    ]
    if sys.platform == "linux":
        keep = ["-c", "import apscheduler, sqlalchemy, time; time.sleep(60)"]
        mine = idle(["-m", "etl_core", "schedule", "--cron", "0 0 1 jan *"])
        note = "proportional set size, one schedule stored"
        rows.append(row("idle scheduler : import apscheduler, sqlalchemy", mine, idle(keep), 1.5, note, "MB"))
    return rows

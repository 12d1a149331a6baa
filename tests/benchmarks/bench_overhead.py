"""What a run adds to its three bare stages, against what plain APScheduler adds to a function call."""

from __future__ import annotations

import json

from tests.benchmarks.common import Row, python, row, state

# Stages that do next to nothing: what is left is history, locks, retry and timing. Figures are medians of pairs.
RUN = """
import hashlib, json, statistics, time
from datetime import date
from etl_core import Interval, Pipeline, flights, open_warehouse, write_receipts
DAY = Interval.of("2024-01-01")
HASH = hashlib.sha256(b"x").hexdigest()
def landed(days=None): return {date(2024, 1, 1): HASH}
def extract(interval): return [1, 2, 3]
def transform(rows): return rows
def load(rows, warehouse, run_id):
    with warehouse.begin() as conn:
        return write_receipts(conn, "small", run_id, {date(2024, 1, 1): (HASH, 3, 0)})
small = Pipeline("small", landed, extract, transform, load)

def bare(pipeline, interval):
    return pipeline.load(pipeline.transform(pipeline.extract(interval)), open_warehouse(), "bare")

def added(pipeline, interval, times):
    differences, stages = [], []
    for _ in range(times):
        a = time.perf_counter(); bare(pipeline, interval)
        b = time.perf_counter(); pipeline.run(interval)
        c = time.perf_counter()
        differences.append((c - b) - (b - a)); stages.append(b - a)
    return statistics.median(differences[2:]), statistics.median(stages[2:])

print(json.dumps([*added(small, DAY, 60), *added(flights, Interval.of("2013-01-15"), 25)]))
"""

APSCHEDULER = """
import json, os, statistics, threading, time
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.events import EVENT_JOB_EXECUTED
os.makedirs(os.environ["ETL_HOME"])
scheduler = BackgroundScheduler(jobstores={"default": SQLAlchemyJobStore(url=f"sqlite:///{os.environ['ETL_HOME']}/x.db")})
scheduler.start()
executed = threading.Event()
scheduler.add_listener(lambda event: executed.set(), EVENT_JOB_EXECUTED)
found = []
for _ in range(60):
    executed.clear()
    began = time.perf_counter()
    scheduler.add_job(time.time)
    executed.wait(10)
    found.append(time.perf_counter() - began)
print(json.dumps(statistics.median(found[2:])))
scheduler.shutdown()
"""


def run() -> list[Row]:
    ours, theirs = [], []
    for _ in range(3):
        with state() as environment:
            ours.append(json.loads(python(RUN, environment)))
        with state() as environment:
            theirs.append(json.loads(python(APSCHEDULER, environment)))
    added, _, added_flights, bare_flights = sorted(ours)[1]
    return [
        row(
            "what a run adds : what APScheduler adds to a call",
            added,
            sorted(theirs)[1],
            2.0,
            f"a warm day of flights: + {added_flights * 1000:.0f} ms, its bare stages {bare_flights * 1000:.0f}",
        )
    ]

"""The year's 336,776 flights: by months and by days, against SQLite's own import and the usual way in pandas."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.benchmarks.common import LANDING, REPEAT, Row, alternated, call, python, row, seconds, state

# Time is taken inside the child, when the libraries are imported: they cost the same whatever is measured. Beside the
# wall clock's, processor time is kept: on a busy machine the ratio of that is the one to look at.
BACKFILL = """
import json, time
import pandas, pyarrow.csv, sqlalchemy
from etl_core import backfill, flights, history
import etl_core.stages.extract, etl_core.stages.transform, etl_core.stages.load
began, work = time.perf_counter(), time.process_time()
done = backfill(flights, "2013-01-01", "2013-12-31", batch={batch!r})
took, work = time.perf_counter() - began, time.process_time() - work
assert sum(run.rows_loaded + run.rows_rejected for run in done.succeeded) == 336_776 and not done.failed
stages = dict.fromkeys(("extract", "transform", "load"), 0.0)
for run in done.succeeded:
    for stage in history.stages_of(run.run_id):
        stages[stage.stage] += stage.duration_s
print(json.dumps([took, work, stages]))
"""

TO_SQL = """
import time
from pathlib import Path
import pandas, sqlalchemy
began, work = time.perf_counter(), time.process_time()
engine = sqlalchemy.create_engine("sqlite:///{database}")
for path in sorted(Path({folder!r}).glob("*.csv")):
    pandas.read_csv(path).to_sql("flights", engine, if_exists="append", index=False)
print(time.perf_counter() - began, time.process_time() - work)
"""

TABLE = """
CREATE TABLE flights (year INTEGER, month INTEGER, day INTEGER, dep_time INTEGER, sched_dep_time INTEGER,
  dep_delay INTEGER, arr_time INTEGER, sched_arr_time INTEGER, arr_delay INTEGER, carrier TEXT, flight INTEGER,
  tailnum TEXT, origin TEXT, dest TEXT, air_time INTEGER, distance INTEGER, hour INTEGER, minute INTEGER,
  time_hour TEXT, PRIMARY KEY (year, month, day, carrier, flight, origin, sched_dep_time)) {kind};
"""


processor: dict[str, list[float]] = defaultdict(list)  # seconds of processor time of each repetition


def backfilled(batch: str, stages: dict[str, dict[str, float]]) -> float:
    with state() as environment:
        took, work, stages[batch] = json.loads(python(BACKFILL.format(batch=batch), environment))
    processor[batch].append(work)
    stages[batch]["the rest"] = took - sum(stages[batch].values())
    return took


def imported(tuned: bool = False) -> float:
    """Seconds that the sqlite3 shell needs for the same files; NaN where there is none.

    As it comes: its default settings, a transaction a file. `tuned`: with the journal, the kind of table and the
    transactions of the pipeline.
    """
    shell = shutil.which("sqlite3")
    if not shell:
        return float("nan")
    with tempfile.TemporaryDirectory(prefix="etl-bench-") as folder:
        pragmas = ["PRAGMA journal_mode=WAL;", "PRAGMA synchronous=NORMAL;"] if tuned else []
        script = [*pragmas, TABLE.format(kind="WITHOUT ROWID" if tuned else ""), ".mode csv"]
        for month in range(1, 13):
            files = sorted((LANDING / "flights").glob(f"2013-{month:02}-*.csv"))
            imports = [f'.import --skip 1 "{path.as_posix()}" flights' for path in files]
            script += ["BEGIN;", *imports, "COMMIT;"] if tuned else imports
        database = str(Path(folder, "import.db"))
        before = os.times()
        took = seconds(lambda: call([shell, "-bail", database], {}, "\n".join(script)))
        after = os.times()
        work = after.children_user + after.children_system - before.children_user - before.children_system
        processor["tuned" if tuned else "shell"].append(work)
        lines = int(call([shell, database, "SELECT COUNT(*) FROM flights"], {}))
        assert lines == 336_776, lines
    return took


def to_sql() -> float:
    with state() as environment, tempfile.TemporaryDirectory(prefix="etl-bench-") as folder:
        printed = python(TO_SQL.format(database=f"{folder}/x.db", folder=str(LANDING / "flights")), environment)
    took, work = map(float, printed.split())
    processor["to_sql"].append(work)
    return took


def fsync() -> float:
    """Milliseconds until 4 KB are safe on this disk, the median of 50.

    `to_sql` by days waits for four a day (strace -f -c -e fsync,fdatasync counts them), the year by months for some two
    dozen in all: on a disk that answers at once, as a virtual one may, the first has little to lose by that.
    """
    with tempfile.TemporaryFile(prefix="etl-bench-", buffering=0) as file:
        return 1000 * statistics.median(seconds(lambda: (file.write(bytes(4096)), os.fsync(file))) for _ in range(50))


def run() -> list[Row]:
    stages: dict[str, dict[str, float]] = {}
    found = alternated(
        REPEAT,
        months=lambda: backfilled("month", stages),
        shell=imported,
        tuned=lambda: imported(tuned=True),
        days=lambda: backfilled("day", stages),
        to_sql=to_sql,
    )
    missing = "the sqlite3 shell is not installed: not measured. " if not shutil.which("sqlite3") else ""
    return [
        row(
            "year by months : sqlite3 .import",
            found["months"],
            found["shell"],
            None if missing else 2.0,
            f"{missing}{ratio('month', 'shell')}, {spent(stages['month'])}; the aim is 1.60",
        ),
        row(
            "year by months : sqlite3 .import, tuned",
            found["months"],
            found["tuned"],
            None,
            f"{ratio('month', 'tuned')}; no limit: the import with the pipeline's own journal, table and transactions",
        ),
        row(
            "year by months : read_csv + to_sql by days",
            found["months"],
            found["to_sql"],
            1 / 2.7,
            f"{ratio('month', 'to_sql')}; {found['to_sql'] / found['months']:.1f} times as fast, doing more. It waits "
            f"four times a day for this disk, {fsync():.2f} ms each",
        ),
        row(
            "year by days : by months",
            found["days"],
            found["months"],
            4.0,
            f"{ratio('day', 'month')}, {spent(stages['day'])}",
        ),
    ]


def ratio(measured: str, baseline: str) -> str:
    if not processor[baseline]:
        return "processor time not measured"
    one, other = statistics.median(processor[measured]), statistics.median(processor[baseline])
    return f"processor time {one:.2f} : {other:.2f} = {one / other:.2f}"


def spent(stages: dict[str, float]) -> str:
    return "the last one " + ", ".join(f"{name} {took:.2f}" for name, took in stages.items()) + " s"


PROFILE = """
import cProfile, io, pstats
import pandas, pyarrow.csv, sqlalchemy
from etl_core import backfill, flights
import etl_core.stages.extract, etl_core.stages.transform, etl_core.stages.load
profile = cProfile.Profile()
profile.runcall(backfill, flights, "2013-01-01", "2013-12-31", batch={batch!r})
out = io.StringIO()
pstats.Stats(profile, stream=out).strip_dirs().sort_stats("tottime").print_stats(30)
pstats.Stats(profile, stream=out).sort_stats("cumulative").print_stats("etl_core", 45)
print(out.getvalue())
"""


def profile(batch: str = "month") -> str:
    with state() as environment:
        return python(PROFILE.format(batch=batch), environment)


if __name__ == "__main__":
    print(profile(*sys.argv[1:]))

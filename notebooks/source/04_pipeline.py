# %% [markdown]
# # 04 Pipeline: who runs the stages?
#
# Three functions that work are not a pipeline yet. Somebody has to call them in order, stop when one fails, and know
# afterwards what happened. So far that was you.
#
# **You will do**: load the wrong day by hand without noticing; write a runner; make the record of a failed run vanish,
# and bring it back; ask a history where the time went and how well things go.
#
# **You will learn**: what a runner does, and how little it is; why the record of a run has a life of its own; what a
# success rate has to say to be worth something.
#
# **You need**: transactions, as in lesson [03](03_load.ipynb).
#
# **Minutes**: 30 for reading, 30 for the exercises.

# %%
import sqlite3
from contextlib import suppress

import pandas as pd

import etl_core
from etl_core import settings
from exercises import begin, check, hint, mine, progress, reveal, solution
from exercises.tools import pictures_04 as pictures
from exercises.tools.toy import RUNS, TABLES

home = begin("04")

# %% [markdown]
# ## Run three stages by hand
#
# Here are three small stages, each of which takes what the one before returns. `load` is the `load_day` of lesson 03:
# yours, if it has passed, else the workbook's. (The receipt's hash is left out here.)

# %%
LANDING = settings.REPOSITORY / "data" / "landing" / "flights"
COLUMNS = ["day", "carrier", "flight", "origin", "delay"]
sqlite3.connect(home / "toy.db").executescript(TABLES)


def extract(day):
    return pd.read_csv(LANDING / f"{day}.csv").assign(day=day)


def transform(frame):
    delay = frame.dep_delay.astype(int)  # whole minutes
    return list(frame.assign(delay=delay)[COLUMNS].itertuples(index=False, name=None))


def load(rows):
    day = rows[0][0]
    mine("3.2")(sqlite3.connect(home / "toy.db"), day, rows, "")
    return len(rows)


# %% [markdown]
# This is how one works in a notebook: a cell, a look, the next cell. First 29 November 2013.

# %%
frame = extract("2013-11-29")
rows = transform(frame)
print(load(rows), "rows loaded")

# %% [markdown]
# Fine. Now 30 November, with the same three lines. The second one fails; we print its error and go on, as one does who
# runs cells one by one and has other things in mind. (Or whose scheduler runs three commands in a row, without looking
# at how each of them ended.)
#
# **Predict**: the third line will be the same as before. How many rows will it say it has loaded? (The file of
# 30 November has 857 flights.)

# %%
guess = None
try:
    frame = extract("2013-11-30")
    rows = transform(frame)
except ValueError as error:
    print(error)

# %%
loaded = load(rows)
print(loaded, "rows loaded")
reveal(guess, loaded, "`rows` still holds 29 November. It was loaded a second time.")
by_day = "SELECT day, COUNT(*) AS n FROM flights GROUP BY day"
pd.read_sql(by_day, sqlite3.connect(home / "toy.db"))

# %% [markdown]
# It reads like success, and there is no row of 30 November. Two things made that possible: after a failed stage its
# variable holds what it held before, and nobody stopped.
#
# What a runner must do first, then, is to hand on results itself and to stop. Python's exceptions do nearly all of it:

# %%
stages = [("extract", extract), ("transform", transform), ("load", load)]


def run_plainly(day):
    value = day
    for _, function in stages:
        value = function(value)
    return value


print(run_plainly("2013-11-29"))

# %% [markdown]
# An exception in a stage leaves the loop, so no later stage is called, and the caller gets the error. Nothing can be
# left over from yesterday, since `value` begins anew with each call.
#
# What is missing is memory. When the caller is a schedule at three in the morning, somebody will ask at nine: which
# stage was it, after how long, with what error?
#
# **Exercise 4.1 ★** Write the runner that records. After each stage that was started, it calls `record` with the name,
# the status, the seconds and the error; a stage that fails is recorded too, and its exception goes on to the caller.

# %% exercise="4.1"
from exercises.lesson_04 import run_stages

check("4.1", run_stages)

# %% [markdown]
# With it, two days look like this. `record` prints its arguments, and `suppress` lets the loop go on after the failure.

# %%
line = "  {:10} {:10} {:.3f} s  {}".format
for day in ("2013-11-29", "2013-11-30"):
    print(day)
    with suppress(ValueError):
        mine("4.1")(stages, day, lambda *entry: print(line(*entry)))

# %% [markdown]
# The load of 30 November is not recorded, because it was not started. That is how the record of a failed run reads: it
# ends with the failure.
#
# ## Lose the evidence
#
# What is printed is gone with the screen, so the record goes into a table, `runs`. Where? Lesson 03 has taught us to put together
# what belongs together, in one transaction. Let us do so: the run is noted as `running`, the day is loaded, the run is
# noted as `succeeded` or `failed`, all of it inside one `with conn:`.
#
# **Predict**: 28 and 29 November succeed, 30 November fails. What will the table say about 30 November: `"running"`,
# `"failed"` or `"nothing"`?

# %%
conn = sqlite3.connect(home / "together.db")
conn.executescript("DROP TABLE IF EXISTS runs;" + TABLES + RUNS)


def run_together(day):
    with conn:
        conn.execute("INSERT INTO runs (day, status) VALUES (?, 'running')", [day])
        try:
            rows = transform(extract(day))
            conn.execute("DELETE FROM flights WHERE day = ?", [day])
            conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
            conn.execute("UPDATE runs SET status = 'succeeded' WHERE day = ?", [day])
        except Exception as error:
            failed = "UPDATE runs SET status = 'failed', error = ? WHERE day = ?"
            conn.execute(failed, [str(error), day])
            raise


guess = None

# %%
for day in ("2013-11-28", "2013-11-29", "2013-11-30"):
    with suppress(ValueError):
        run_together(day)
runs = pd.read_sql("SELECT DISTINCT day, status, error FROM runs", conn, index_col="day")
reveal(guess, runs.status.get("2013-11-30", "nothing"), "The rollback took it back, with the rows.")
runs

# %% [markdown]
# The code does write `failed`. Then the exception leaves the `with` block, everything in it is rolled back, and the note
# about the failure is part of everything. Such a history is a list of successes: whoever computes a success rate from
# it gets 100 %, always.
#
# The receipt of lesson 03 *should* vanish together with the data: it says "these rows are here". The history says
# "somebody tried", and that stays true. So it needs commits of its own: one before the work begins, one after it ended.
#
# Could it be a second connection to the same file, at least?

# %%
clerk = sqlite3.connect(home / "together.db", timeout=0.5)
conn.execute("DELETE FROM flights")  # a load has begun, and is not committed yet
try:
    clerk.execute("INSERT INTO runs (day, status) VALUES ('2013-12-01', 'running')")
except sqlite3.OperationalError as error:
    print("the clerk:", error)
conn.rollback()

# %% [markdown]
# SQLite lets one connection write at a time. The clerk has to wait until the load is over, however long that takes, or
# give up, here after half a second. So the package keeps its history in a file of its own, `history.db`. (On PostgreSQL
# the two could share a database; the two transactions would remain.)
#
# **Exercise 4.2** Write `tracked`: it calls `work` and leaves a row in the history, visible to others as `running` while
# the work goes on, `succeeded` or `failed` after it. Think of Ctrl-C, too.

# %% exercise="4.2"
from exercises.lesson_04 import tracked

check("4.2", tracked)

# %% [markdown]
# Now the parts come together: the history around the runner, the runner around the stages.

# %%
history = sqlite3.connect(home / "runs.db")
history.executescript("DROP TABLE IF EXISTS runs;" + RUNS)


def run_small(day):
    track, runner = mine("4.2"), mine("4.1")
    try:
        track(home / "runs.db", day, lambda: runner(stages, day, lambda *entry: None))
    except ValueError:
        print(day, "failed")


for day in ("2013-11-28", "2013-11-29", "2013-11-30"):
    run_small(day)
pd.read_sql("SELECT day, status, error FROM runs", history)

# %% [markdown]
# There it is, with its error, which says where to look: something that is no number cannot be made an integer. On 28 and
# 29 November nobody cancelled, so the delays were integers, and the same code worked; lesson [01](01_extract.ipynb)
# tells why. A missing delay is a fact and not an error, so `transform` has to let it through. Then the day runs again.

# %%
frame = extract("2013-11-30")
print(frame.dep_delay.isna().sum(), "of", len(frame), "flights have no delay: they never left")


def transform(frame):
    delay = frame.dep_delay  # minutes; missing where it never left
    return list(frame.assign(delay=delay)[COLUMNS].itertuples(index=False, name=None))


stages[1] = ("transform", transform)
run_small("2013-11-30")
pd.read_sql("SELECT day, status FROM runs", history)

# %% [markdown]
# The failed run is still there, beside the one that succeeded. A history is only added to.
#
# ## Meet the package's twin
#
# [`etl_core.flights`](../etl_core/nycflights.py) is a [`Pipeline`](../etl_core/pipeline.py): a name and four functions.
# Its `run` does what `run_small` does, adds retries, and returns the run's row of the history. It should have loaded the
# same flights, by the same stages.

# %%
run = etl_core.flights.run("2013-11-30")
chosen = "SELECT carrier, flight, origin, {} AS delay FROM flights WHERE {} = '2013-11-30' ORDER BY 1, 2, 3"
package = etl_core.query(chosen.format("departure_delay", "flight_date"))
small = pd.read_sql(chosen.format("delay", "day"), sqlite3.connect(home / "toy.db"))
print("the same flights:", package.equals(small))
print(*[(one.stage, one.status, one.rows_out) for one in etl_core.history.stages_of(run.run_id)])

# %% [markdown]
# Now let it fail. The package can break on purpose: here the network is away at the first attempt to extract, and the
# second attempt succeeds; then the load takes three seconds longer than usual. The picture is drawn from the history
# alone.

# %% tags=["nbval-ignore-output"]
from etl_core.views import plots

etl_core.faults.inject("extract=offline, load=slow")
run = etl_core.flights.run("2013-12-01")
plots.stage_times(run.run_id)

# %% [markdown]
# Each attempt of a stage is a row of the history, so nobody has to have watched. The gap after the failed attempt is a
# wait, which lesson [06](06_retries.ipynb) is about.
#
# And a failure that no second attempt can help? In a copy of 2 December, somebody at the source has renamed a column.
# `attempt` is `run` for callers who go on after a failure: it returns the row instead of raising. `explain` puts together
# what the history knows about one run.

# %% tags=["nbval-ignore-output"]
import os

from etl_core.views.report import explain
from exercises.tools.landing import copy_days

zone = copy_days(home / "landing", "2013-12-02")
file = zone / "flights" / "2013-12-02.csv"
file.write_bytes(file.read_bytes().replace(b"dep_delay", b"delay", 1))
os.environ["ETL_LANDING"] = str(zone)
run = etl_core.flights.attempt(etl_core.Interval.of("2013-12-02"))
del os.environ["ETL_LANDING"]
explain(run)

# %% [markdown]
# This is what 09:00 needs from 03:00: which day, which stage, what error, from which line, and what to do next. In a
# shell it is `etl show last`.
#
# ## Measure how well it goes
#
# Ten days of December, one run a day, and two runs are made to fail. Then the same again: a backfill loads what is
# pending, which is now only the two.

# %%
etl_core.faults.inject("transform=bad-schema*2")
for _ in range(2):
    done = etl_core.backfill(etl_core.flights, "2013-12-11", "2013-12-20")
    print(len(done.succeeded), "succeeded,", len(done.failed), "failed")
etl_core.faults.clear()  # what did not happen, because nothing ran, shall not happen later

# %%
december = [run for run in etl_core.history.newest_runs() if run.trigger == "backfill"]
pictures.attempts(december, "Two of ten days failed at first; all ten are in order now")

# %% [markdown]
# What is the success rate of these days? Ten of twelve runs succeeded. Or: ten of ten days are in order. Both are true,
# and only the second one answers what somebody wants to know who uses the data. A failure that was made good is what
# reruns are for.
#
# **Exercise 4.3** Write `success_rate`: of the days whose newest run has ended, the share for which it succeeded. What
# is the rate of a history without runs?

# %% exercise="4.3"
from exercises.lesson_04 import success_rate

check("4.3", success_rate)

# %%
rows = [{"day": run.interval_start, **vars(run)} for run in december]
good = sum(run.status == "succeeded" for run in december)
print(f"by days: {mine('4.3')(rows):.0%}, by runs: {good / len(december):.0%}")

# %% [markdown]
# ## What others call it
#
# | here | APScheduler | Celery | Airflow | Prefect | Dagster |
# |---|---|---|---|---|---|
# | pipeline | none: a job is one function | chain | DAG | flow | job, asset graph |
# | stage | none | task | task | task | op, asset |
# | run | none | none | DAG run | flow run | run |
# | attempt of a stage | none | retry of a task | try of a task instance | task run, with a run count | step, with retries |
# | history | none: events to listeners | result backend | metadata database | its server's database | run and event log storage |
#
# Those that keep a history keep it apart from your data, as you do now. What they show in a browser, grids, timelines
# and logs, is drawn from such tables. The other side of it is the gap of lesson [03](03_load.ipynb#What-others-call-it):
# the history may be a commit behind the data, so it never decides what is loaded. The receipt does.

# %% [markdown]
# ## Recap
#
# A runner hands on each result, stops at the first failure, and lets the exception through; it is a loop and a `try`.
# What it adds to three cells is that nothing old is taken for new. The record of a run is committed before the work and
# after it, apart from the load's transaction, since a rollback must not take the evidence along. From it one can tell
# which stage failed, where the time went, and, counted by days and not by runs, how well things go.

# %%
progress()

# %% [markdown]
# ## Bonus: stage by stage, and still recorded
#
# You need not choose between cells with a look in between and a run that is recorded. `start` begins a run, and its
# stages are taken in cells of their own, as here on the 24th. The job notebook, [run_pipeline](run_pipeline.ipynb), is made
# of these calls. And the accident of the beginning? On the 25th we forget two stages. A stage that was not reached has no
# result to hand on, so it cannot be yesterday's.

# %%
run = etl_core.flights.start("2013-12-24")
run.extract()
print(run.transform().flights.status.value_counts().to_dict(), "-", run.record().status)
run.load()
print(run.record().rows_loaded, "rows -", run.record().status)

run = etl_core.flights.start("2013-12-25")
try:
    run.load()
except etl_core.errors.EtlError as error:
    print(error)
run.abandon("only a try")

# %% [markdown]
# **Next**: [05 Run by hand](05_run_by_hand.ipynb): can I run it, and see what it did?

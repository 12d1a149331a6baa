# %% [markdown]
# # 00 Start here: what are we building?
#
# A pipeline that loads a year of real flights, and that can be killed at any moment without losing anything. You build
# its parts in small, break them, and then meet the same parts in a package good enough to copy. At the end you can say
# what Airflow, Dagster, Prefect or Celery do under the hood.
#
# **You will do**: kill a pipeline at work, look at one real day, and solve a first exercise.
#
# **You will learn**: what this workbook is about, how it is laid out, and why it schedules the way it does.
#
# **You need**: some Python and pandas. Click into a cell and press Shift+Enter: it runs. Should the first cell fail
# with `ModuleNotFoundError`, the package is not installed: see [Start](../README.md#Start).
#
# **Minutes**: 15 for reading, 3 for the first of the exercises.

# %%
import subprocess
import sys
import time

import pandas as pd

from etl_core import flights, history, query, receipts_of
from etl_core.views import plots
from exercises import begin, check, hint, progress, reveal, solution
from exercises.tools import installation
from exercises.tools.landing import flights_file

home = begin("00")

# %% [markdown]
# ## Kill it
#
# Here is a program that loads the five days from 6 to 10 February 2013, each in a *run* of its own: extract, transform,
# load. So that we can aim, the load of the third day shall pause just before its commit, when all rows are written:
# `backfill` calls `after` when a day is done, which injects a *fault* after the second. A child process runs the
# program. This notebook waits for the mark that a fault leaves when it fires, and kills the child: no warning, no time
# to tidy up.

# %%
program = """
from etl_core import backfill, faults, flights

def after(run):
    if str(run.interval) == "2013-02-07":  # the next load of this process will pause
        faults.inject("load.before-commit=slow", everywhere=False)

backfill(flights, "2013-02-06", "2013-02-10", on_run=after)
"""


# %%
home = begin("00")  # nothing is loaded yet, also when this cell is run again
child = subprocess.Popen([sys.executable, "-c", program])
while child.poll() is None and not list(home.glob("faults/*before-commit*")):
    time.sleep(0.02)
child.kill()
print("killed" if child.wait() != 0 else "ended by itself")
first = {run.run_id for run in history.newest_runs()}

# %% [markdown]
# **Predict**: all 930 flights of 8 February had been written when the child died. How many of them are in the warehouse
# now? Put a number in place of `None`.

# %%
guess = None

# %%
counted = "SELECT flight_date, COUNT(*) AS flights FROM flights GROUP BY flight_date"
there = query(counted).set_index("flight_date").flights
reveal(guess, int(there.get("2013-02-08", 0)), "What was not committed was never there.")
there.to_frame()

# %% [markdown]
# And what does the history say of the three runs that had begun?


# %%
def story():
    runs = pd.DataFrame([run.as_json() for run in reversed(history.newest_runs())])
    return runs.reindex(columns=["interval_start", "status", "rows_loaded"]).convert_dtypes()


story()

# %% [markdown]
# The row that looks wrong is the last one: *running*, and its process is dead. Whoever is killed cannot write that down.
# Somebody has to find out later, and many tools never do.
#
# Now start again: a new process, the same five days. Nobody tells it what happened.

# %%
again = [sys.executable, "-m", "etl_core", "backfill", "2013-02-06", "2013-02-10"]
print(subprocess.run(again, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
story()

# %% [markdown]
# It loaded three days, not five. The dead run is *crashed* now: a run holds a lock while it lives, and the lock of this
# one was free. Is anything lost, or there twice? Compare three witnesses: the lines of the files, the rows of the
# warehouse, and the *receipts*, each committed together with its rows.

# %%
there = query(counted).set_index("flight_date").flights
witnesses = {}
for day, receipt in receipts_of("flights").items():
    lines = len(flights_file(day).read_text().splitlines()) - 1
    by = "the killed process" if receipt.run_id in first else "the second process"
    witnesses[str(day)] = lines, there[str(day)], receipt.rows_loaded, by
columns = ["lines in the file", "rows", "rows on the receipt", "loaded by"]
pd.DataFrame.from_dict(witnesses, orient="index", columns=columns)

# %% [markdown]
# The kill cost nothing. What was left to do was found from what is there: days that have landed and have no receipt.
# `verify` goes further and makes every row again from its file:

# %%
print("differences:", flights.verify())

# %% [markdown]
# ## Check the installation
#
# This looks at the rest; a line with ✗ says what to do.

# %%
installation.look()

# %% [markdown]
# ## Look at one real day
#
# The data is every flight that was to leave New York's three airports in 2013, with hourly weather
# ([where it comes from](../data/README.md)). Here is the day whose load was killed. Every dot is a flight: across, when
# it was to leave; up, how late it did.

# %%
one_day = query("SELECT * FROM flights WHERE flight_date = :day", day="2013-02-08")
plots.delays(one_day)

# %% [markdown]
# A blizzard came up the coast, and in the afternoon more and more flights are cancelled. What looks wrong is the
# highest dot: hours late, on a morning that was still quiet.


# %%
def clock(instants):
    local = pd.to_datetime(instants, utc=True).dt.tz_convert("America/New_York")
    return local.dt.strftime("%H:%M")


one_day["planned"] = clock(one_day.scheduled_departure)
one_day["left"] = clock(one_day.actual_departure)
departed = one_day[one_day.status != "cancelled"].sort_values("departure_delay")
print("the last one to leave was planned for", departed.planned.max())
departed.tail(1)[["carrier", "flight", "origin", "dest", "planned", "left", "departure_delay"]]

# %% [markdown]
# DL 2285 to Orlando was to leave at 7:00 and left at 12:08. That is no error, and a rule that throws such rows out is
# wrong; this is why the data is real. (The warehouse keeps all instants in UTC.)
#
# ## See where you are going
#
#     landing zone  ──►  extract  ──►  transform  ──►  load  ──►  warehouse
#     a file a day         01            02            03        rows and receipts
#                           ▲             ▲             ▲
#     by hand 05     ──►    └───── pipeline 04 ─────────┘   ──►  history
#     schedule 07, 08       runs them, retries them 06           runs, attempts, errors
#                                                                   ▼
#                                                           control room 09
#
# | notebook | question | reading, minutes | exercises, minutes |
# |---|---|---:|---:|
# | 00 Start here | What are we building? | 15 | 3 |
# | [01 Extract](01_extract.ipynb) | What exactly arrived? | 20 | 30 |
# | [02 Transform](02_transform.ipynb) | When did this flight leave? | 25 | 30 |
# | [03 Load](03_load.ipynb) | What if it dies half-way? | 30 | 30 |
# | [04 Pipeline](04_pipeline.ipynb) | Who runs the stages? | 30 | 30 |
# | [05 Run by hand](05_run_by_hand.ipynb) | Can I run it, and see what it did? | 20 | 25 |
# | [06 Retries](06_retries.ipynb) | Try again, but how? | 25 | 35 |
# | [07 Scheduling](07_scheduling.ipynb) | When does it run? | 25 | 35 |
# | [08 Persistence](08_persistence.ipynb) | What survives? | 30 | 40 |
# | [09 Control room](09_control_room.ipynb) | Can I operate it? | 25 | 50 |
# | beyond | What changes on Celery, Prefect, Dagster, Airflow? | to come | |
#
# 00 to 05 make a pipeline that you can run and explain, 06 to 09 put it on a schedule, and beyond compares. Each lesson
# has a state folder of its own, deleted at the end (that of 09 stays), so they run in any order.
#
# ## Know why it is built this way
#
# What should run such a pipeline? There were four options.
#
# | option | must be running | gives | costs |
# |---|---|---|---|
# | 1. a command, run by a person: papermill, `etl` | nothing | a record of every run, errors where you stand | somebody has to be there |
# | 2. a scheduler in a process: APScheduler | one Python process | triggers, stored jobs | retries, history and locks are yours to build |
# | 3. a task queue: Celery + Redis | broker, workers, a clock process | many machines, retries | services to operate; a history is yours to build |
# | 4. a platform: Prefect, Dagster or Airflow | server, database, scheduler, workers | all of that, and a web page to see it | the most to install and to understand |
#
# The decision was **2 on top of 1**: by hand first, since that is where errors are understood, then a scheduler in the
# process. It needs no infrastructure, and what APScheduler lacks is what you learn most from building. At the end the
# same pipeline runs on options 3 and 4, and you measure whether that was right. There are four promises, and a lesson
# tests each:
#
# 1. the pipeline runs on a schedule (07),
# 2. failed jobs are retried automatically (06),
# 3. job state persists across restarts (08, and the kill above),
# 4. the manual path works with no scheduler running (05).
#
# ## Do an exercise
#
# An exercise is a function with a gap. `check` tries it out; it looks at what your function does, not at how it is
# written. The first one is about the *data interval* of a run: a start, and an end that is not part of it. A wrong
# answer first:


# %%
def interval(day):
    return day, day


check("0.1", interval, keep=False)  # only shown, not counted as your try

# %% [markdown]
# **Exercise 0.1** Now you. Write over `...`, run the cell, and read what it says. In a cell of your own, `hint("0.1")`
# helps, a little more each of three times, and `solution("0.1")` shows one way. A ★ means: pass it before moving on.
# Lessons go on without your answers too: where one is used, it is the workbook's until yours passes.

# %% exercise="0.1"
from exercises.lesson_00 import interval

check("0.1", interval)

# %% [markdown]
# ## Recap
#
# A pipeline was killed in the middle of a load, and starting it again was all it took. The next lessons build what is
# behind that: knowing exactly what arrived, committing data and receipt together, and a history that outlives a
# process. `progress()` shows what you have done; it is kept when you close JupyterLab.

# %%
progress()

# %% [markdown]
# **Next**: [01 Extract](01_extract.ipynb): what exactly arrived?

# %% [markdown]
# # 08 Persistence: what survives?
#
# A schedule makes a promise: at six, every day. At two, an update of the machine kills the process that made it. Who
# still knows about six o'clock? Who knows that a run was under way, and that another was to be retried?
#
# **You will do**: read a stored job; lose a job without an error; kill a real scheduler in a run, after a commit, and
# while a retry waits, and see what is left each time; let two schedulers loose on one store.
#
# **You will learn**: what a job store keeps, and what it cannot; how a dead run is told from a living one, and a lost one
# from a finished one; how to be the only one.
#
# **You need**: the receipt of [03](03_load.ipynb), the history of [04](04_pipeline.ipynb), and an idea of what APScheduler
# does ([07](07_scheduling.ipynb)).
#
# **Minutes**: 30 for reading, 40 for the exercises.

# %%
import atexit
import os
import pickle
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

import etl_core
from etl_core import faults, history, running
from exercises import begin, check, hint, mine, progress, reveal, solution
from exercises.tools import nightly
from exercises.tools import pictures_08 as pictures
from exercises.tools.landing import copy_days
from exercises.tools.survey import alarms, calls_by_slot, newest, once, rows, survey, until

home = begin("08")

# %% [markdown]
# ## Open a job store
#
# APScheduler keeps its jobs in memory, unless it is given a **job store**, here in a SQLite file. The scheduler is
# started paused: we only want to see what it writes down. The job is a function from this notebook.

# %%
toy = home / "toy.db"


def opened(path):
    """A scheduler on the job store in this file, started and paused."""
    store = SQLAlchemyJobStore(url=f"sqlite:///{path}")
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.start(paused=True)
    return scheduler


def load_pending():
    print("loading what is pending")


scheduler = opened(toy)
scheduler.add_job(load_pending, "cron", hour=6, id="from a cell", replace_existing=True)
scheduler.shutdown()
jobs = "SELECT id, next_run_time due, job_state FROM apscheduler_jobs"
found = pd.read_sql(jobs, sqlite3.connect(toy), parse_dates={"due": "s"})
found.assign(job_state=found.job_state.str[:2])

# %% [markdown]
# One table, one row a job. The id and the next run can be read; the rest is a pickle, of which you see the first two
# bytes. A pickle can run code when it is opened, so open only your own. (The package keeps its state folder private, and
# refuses a job store that others can write.)

# %%
[(state,)] = rows(toy, "SELECT job_state FROM apscheduler_jobs")
job = pickle.loads(state)
for name in ("func", "args", "trigger", "misfire_grace_time", "coalesce", "max_instances"):
    print(f"{name:20}", job[name])

# %% [markdown]
# `func` is the row that matters. The function is not stored; its *name* is: `__main__:load_pending`, to be imported by
# whoever opens the store. Nor is there whether the job ever ran, or how it ended. A job store knows the future, and
# nothing of the past.
#
# Now a restart: another process opens the store and lists its jobs, as every scheduler does when it starts.
# **Predict**: how many rows will `apscheduler_jobs` have afterwards?

# %%
guess = None

# %%
RESTART = """
import logging, sys
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

logging.basicConfig(format="%(message)s")
store = SQLAlchemyJobStore(url=f"sqlite:///{sys.argv[1]}")
scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
scheduler.start()
print([job.id for job in scheduler.get_jobs()])
"""


def restart():
    """Open the toy store in a process of its own."""
    return subprocess.run([sys.executable, "-c", RESTART, toy], capture_output=True, text=True)


once("the restart")  # what it shows is there to be seen the first time
before = len(rows(toy, "SELECT id FROM apscheduler_jobs"))
done = restart()
after = len(rows(toy, "SELECT id FROM apscheduler_jobs"))
reveal(guess, after, f"There was {before} before the restart. It was deleted.")
log = done.stderr.splitlines()
print(f"exit code {done.returncode}, jobs {done.stdout}{log[0]}\n{log[-1]}")

# %% [markdown]
# In the new process `__main__` is another program, without a `load_pending`. APScheduler could not restore the job, so it
# removed it, wrote that to a log, and went on. Nothing runs at six, and whoever looks into the store to find out why
# finds it empty.
#
# The remedy is a module. The functions in [`nightly.py`](exercises/tools/nightly.py) do nothing but note that they were
# called.

# %%
scheduler = opened(toy)
scheduler.add_job(nightly.load_pending, "cron", hour=6, id="from a module", replace_existing=True)
scheduler.shutdown()
[(state,)] = rows(toy, "SELECT job_state FROM apscheduler_jobs")
print(pickle.loads(state)["func"])
print("after the restart:", restart().stdout)

# %% [markdown]
# This one stays. (The package's own [store](../etl_core/scheduling/job_store.py) keeps even a row that it cannot restore, and
# tells: the code may be back tomorrow.)
#
# A program adds its job when it starts, so it adds it again at every start. That is harder than it looks: the job may
# have been paused by somebody, be due since last night, or be there with another hour.
#
# **Exercise 8.1** Write `ensure_schedule`, to be called at every start. A second interpreter will try it on the same
# store.

# %% exercise="8.1"
from exercises.lesson_08 import ensure_schedule

check("8.1", ensure_schedule)

# %% [markdown]
# ## Kill a scheduler at work
#
# Now the real one: `etl schedule`, in a process that we can kill. Its pipeline is the flights, with seconds instead of
# minutes before a retry; it stands in a module, for the reason you have just seen. Each tick loads what is pending.
#
# From here to the picture, each cell goes on from the state that the one above it left, so run them in order. Those that
# cannot be shown twice say so (`once`).

# %%
MODULE = """
from dataclasses import replace
from etl_core import RetryPolicy, faults, flights
faults.SLOW = 600  # seconds: look at what is slow for as long as you like
once, soon = RetryPolicy(attempts=1), RetryPolicy(attempts=4, base=5, cap=5)
hasty = replace(flights, stage_retry=once, run_retry=soon)
"""
(home / "hasty.py").write_text(MODULE)
os.environ["ETL_LANDING"] = str(home / "landing")
COMMAND = [sys.executable, "-m", "etl_core", "--pipeline", "hasty:hasty", "schedule"]
lives = []  # of each process that we kill: from when to when


def start(*options):
    """A scheduler at work in a process of its own."""
    lives.append([datetime.now(UTC)])
    child = subprocess.Popen([*COMMAND, *options], cwd=home, stderr=subprocess.DEVNULL)
    atexit.register(child.kill)  # if you leave before we come to it
    return child


def kill(child):
    child.kill()  # no warning, no time to tidy up
    child.wait()
    lives[-1].append(datetime.now(UTC))


# %% [markdown]
# 1 May lands. A fault makes its load pause just before the commit, when all rows are written, so that we can aim.
# `survey` looks from outside at every place where something of a scheduler may be.

# %%
copy_days(home / "landing", once("2013-05-01"))
faults.inject("load.before-commit=slow")
child = start("--every", "1")
until(lambda: list(home.glob("faults/*before-commit-slow*")))
places = pd.DataFrame({"at work": survey(child)})
places

# %% [markdown]
# **Predict**: we kill it now. In how many of these eight rows will there be something else afterwards?

# %%
guess = None

# %%
kill(child)
places["killed"] = survey(child)
changed = int((places["at work"] != places["killed"]).sum())
why = "The process, and the two things that only a living process can have."
reveal(guess, changed, why)
places

# %% [markdown]
# What was committed stayed: the schedule and the history's row. What was not never was: 0 flights. The operating system
# took back memory and locks; the *files* of the locks are still there, and nobody holds them.
#
# The row that looks wrong is `1 running`, the only trace of the accident. The job store has none: for it, the tick was
# done when it was handed to a thread. Now start again, without options: the schedule is stored.

# %%
once("the second start")
child = start()
until(lambda: newest("status") == ("succeeded",) and not list(home.glob("locks/run-*")))
places["started again"] = survey(child)
kill(child)
places

# %% [markdown]
# Before it ran anything, the new process tried to take the lock of each run that says `running`. It got one, so that run
# is dead: it became `crashed`, its day was pending again, and a tick has loaded it.
#
# ## Ask the receipt
#
# Crashed is not the only end of a dead run. 2 May lands, and this time we kill between the commit and the moment at which
# the run would have written down its success.

# %%
copy_days(home / "landing", once("2013-05-02"))
faults.inject("load.after-commit=slow")
child = start()
until(lambda: list(home.glob("faults/*after-commit-slow*")))
kill(child)
runs = [{**vars(run), "day": run.interval_start} for run in history.newest_runs()]
receipts = {day: receipt.run_id for day, receipt in etl_core.receipts_of("flights").items()}
alive = [running.is_alive(run["run_id"]) for run in runs]
own = [receipts.get(run["day"]) == run["run_id"] for run in runs]
pd.DataFrame(runs)[["run_id", "day", "status"]].assign(alive=alive, receipt_is_its_own=own)

# %% [markdown]
# The first row is the run that we have just killed. It says `running` and is not alive, as the other one was. The
# difference is in the last column: the receipt of its day carries its run_id. What should its end be?
#
# **Exercise 8.2 ★** Write `recover`: from runs, receipts and the question who is alive, the changes that the history
# needs. It is graded on processes that are really killed.

# %% exercise="8.2"
from exercises.lesson_08 import recover

check("8.2", recover)

# %% [markdown]
# Here it is at work on the state above, and beside it the package's twin, `etl_core.running.resolve_dead`, which writes
# its answer down.

# %%
small = mine("8.2")(runs, receipts, running.is_alive)
running.resolve_dead()
package = {run.run_id: run.status for run in history.newest_runs()}
print("the same:", {run["run_id"]: run["status"] for run in runs} | small == package)
for run in history.newest_runs():
    print(run.interval, run.status, run.rows_loaded or "")

# %% [markdown]
# It is `succeeded`, and its rows are not loaded again. Whoever calls every dead run a failure wakes people for nothing;
# whoever believes any receipt of the day takes yesterday's success for today's.
#
# And why a lock, and not the process id? Ids are given out again. After a restart of the machine, the number of a dead
# scheduler may belong to a clock applet, and a look at the number would find it alive.

# %% [markdown]
# ## Kill a retry
#
# 3 May lands. The network is away at its first attempt, so the run fails and is to be tried again in a few seconds. We
# kill the scheduler in between. What remembers the retry?


# %%
copy_days(home / "landing", once("2013-05-03"))
faults.inject("extract=offline, load=slow")
lives.clear()
child = start()
until(alarms)
kill(child)
print("history:  ", *newest("interval", "status", "error"))
print("job store:", alarms())

# %% [markdown]
# It is written down twice. The history says `failed` and, in the same transaction, when to try again. The job store has
# an **alarm** for that moment: a job that runs once, with an id of its own.
#
# **Exercise 8.3** Write `store_retry`, the alarm. The process that sets it will be killed, and the next one starts when
# one alarm is overdue by a second, and another by a weekend.

# %% exercise="8.3"
from exercises.lesson_08 import store_retry

check("8.3", store_retry)

# %% [markdown]
# Start again. The retry begins when its time has come, or at once if it has passed. Its load is slow, so that we can look.
# **Predict**: how many alarms are in the job store while the retry runs?

# %%
guess = None

# %%
once("the retry")
child = start()
until(lambda: list(home.glob("faults/*load-slow*")) and not alarms())
reveal(guess, len(alarms()), "It was deleted when it was handed to a thread.")
print("at work:", newest("trigger", "attempt", "status"))
kill(child)

# %% [markdown]
# APScheduler deletes a job that runs once when it hands it over, not when it has ended. So we have just killed the retry
# when no alarm was left. With the job store alone the day would never be tried again. With the history, the next start
# finds a dead run without a receipt, calls it crashed, and its day is pending.

# %% tags=["nbval-ignore-output"]
once("the end of 3 May")
child = start()
until(lambda: newest("status") == ("succeeded",))
kill(child)
runs = reversed(history.newest_runs())
of_day = [run for run in runs if str(run.interval) == "2013-05-03"]
print(*[(run.trigger, run.attempt, run.status) for run in of_day], sep="\n")
assert [run.status for run in of_day] == ["failed", "crashed", "succeeded"]
pictures.lives(lives, of_day, "Killed in the wait, killed in the retry, and loaded anyway")

# %% [markdown]
# The third run is not a retry any more but a scheduled one, as for any pending day. The alarm may be lost, since the
# history can restore it; the history is never ahead of the data, since the receipt decides. Each record is checked
# against the one that is closer to the data.
#
# ## Be the only one
#
# A second notebook, a deployment that overlaps, a service and a person: then there are two schedulers. Has APScheduler an
# objection? Here are two processes with one store. When both are ready, this kernel stores a job that is due every
# second, and lets them go on.

# %% tags=["nbval-ignore-output"]
SHARING = """
import sys
from exercises.tools.stores import opened  # as above
scheduler = opened(sys.argv[1])
input("ready\\n")
scheduler.resume()
input()  # work until you are killed
"""
command = [sys.executable, "-c", SHARING, home / "shared.db"]
pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
scheduler = opened(home / "shared.db")  # makes the table: the two would both try to
both = [subprocess.Popen(command, **pipes) for _ in range(2)]
print(*[child.stdout.readline().strip() for child in both])
first = datetime.now(UTC) + timedelta(seconds=2)
given = {"seconds": 1, "start_date": first, "id": "shared", "replace_existing": True}
scheduler.add_job(nightly.load_pending, "interval", **given)
scheduler.shutdown()
for child in both:
    print(file=child.stdin, flush=True)
calls = calls_by_slot(first, 5)
for child in both:
    child.kill()
print(calls["slot"].nunique(), "slots,", len(calls), "calls")
pd.crosstab(calls["process"], calls["slot"])

# %% [markdown]
# Most slots, or all, ran twice. Both processes read the same next run, waited for it and ran the job; a slot ran once
# where one had written the next run before the other looked. With the load of lesson 03 that costs time; with an append,
# a mail or a payment, it costs more.
#
# The package allows one scheduler for a state folder. We start one, then a second. Then the first is killed, and a third
# comes.


# %%
def started():
    """A scheduler in a process of its own, when it is at work."""
    before, child = history.newest_events(kind="started"), start()
    until(lambda: child.poll() or history.newest_events(kind="started") != before)
    return child


child = started()
second = subprocess.run(COMMAND, cwd=home, capture_output=True, text=True, timeout=75)
print(f"the second: exit code {second.returncode}\n{second.stderr.splitlines()[-1]}")
kill(child)
child = started()
print("the third:", "at work" if child.poll() is None else "refused")
kill(child)

# %% [markdown]
# The second is refused at once, and told who has it, where and since when: enough to find the forgotten notebook. The
# third had nothing to wait for and nothing to clean up, although the holder had no time to give anything back.
#
# **Exercise 8.4** Write `only_one`, a context manager. Two children will knock at the same moment; the one inside will be
# killed; an old file will name the id of a living stranger. What goes back to the system at a kill stood in the survey;
# the library `filelock` is installed.

# %% exercise="8.4"
from exercises.lesson_08 import only_one

check("8.4", only_one)

# %% [markdown]
# ## What others call it
#
# | here | APScheduler | Celery | Airflow | Prefect | Dagster |
# |---|---|---|---|---|---|
# | stored schedule | job in a job store | beat's schedule file | DAG file and metadata database | deployment, in the server's database | code, and its instance's storage |
# | a function must be importable | `module:name` | registered task name | DAG file on every worker | entrypoint | code location |
# | a waiting retry | none: yours to store | message with a countdown, at the broker | task instance *up for retry* | state *AwaitingRetry* | in the memory of the run's process |
# | a dead run is found by | nothing | an unacknowledged message, after a timeout | missed heartbeats | nothing, unless you automate it | run monitoring, where it is switched on |
# | its end is decided by | nothing | running it again | running it again | a person | a person, or a retry of the run |
# | one scheduler only | nothing | one beat, by its pid file | several, with row locks | several, each run is taken once | one daemon |
#
# Few of these ask the data: they repeat what they are not sure of, or leave it to you.
#
# ## Recap
#
# A job store keeps the name of a function and its next run, so what is scheduled has to be importable, and ensured rather
# than added at each start. A kill takes what only a process can hold, memory and locks, and leaves what was committed.
# That makes a lock the one honest sign of life, and a receipt with a run_id the one honest sign of success. A retry is a
# promise in the history, and its alarm can be set again. Two schedulers on one store are twice the work, unless the
# second is refused.

# %%
progress()

# %% [markdown]
# **Next**: [09 Control room](09_control_room.ipynb): can I operate it?

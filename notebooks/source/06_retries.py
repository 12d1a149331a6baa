# %% [markdown]
# # 06 Retries: try again, but how?
#
# Most failures of a pipeline are not its own: a server is restarted, a network hiccups, another program holds the
# database. A minute later the same call would succeed. So one tries again. That is one line of code, and most of the ways
# to write it make things worse.
#
# **You will do**: ask a real server that is slow, busy and cuts you off; send 300 clients into an outage and watch them
# come back; lose a reply and get your rows twice; see a day tried twelve times.
#
# **You will learn**: what to wait between two attempts, and why chance belongs into it; which errors are worth another
# try; when to stop; why only idempotent work may be repeated; why a pipeline retries on two levels.
#
# **You need**: exceptions in Python. For the last two sections [03 Load](03_load.ipynb) and
# [04 Pipeline](04_pipeline.ipynb) help.
#
# **Minutes**: 25 for reading, 35 for the exercises.

# %%
import heapq
import json
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from random import Random
from threading import Timer
from urllib.request import urlopen

import pandas as pd

import etl_core
from etl_core import faults, history, retry
from etl_core.scheduling import jobs
from etl_core.settings import REPOSITORY
from etl_core.views import plots
from exercises import begin, check, mine, progress, reveal
from exercises.lesson_06 import TABLES
from exercises.tools import pictures_06 as pictures
from exercises.tools.server import Page, start

home = begin("06")

# %% [markdown]
# ## Ask a server that has trouble
#
# Here is a real web server, on this machine, with the flights of 15 January. It answers the first question with "503",
# the second three seconds late, the third not at all; the fourth answer breaks off in the middle, and the fifth is right.
# Our client gives each question one second.

# %%
FILE = "/flights/2013-01-15.csv"
body = (REPOSITORY / "data" / "landing" / FILE[1:]).read_bytes()
troubles = [Page(status=503), Page(body, delay=3), Page(drop=True), Page(body, cut=40_000)]
pages = {FILE: [*troubles, Page(body)]}
site = start(pages)


def fetch(path, data=None):
    with urlopen(site.url + path, data, timeout=1) as reply:
        return reply.read()


for _ in range(5):
    try:
        print(f"{len(fetch(FILE)):,} bytes")
    except Exception as error:
        print(f"{type(error).__name__}: {error}")

# %% [markdown]
# Four errors of four types, and nothing was wrong with the question: asked a fifth time, it was answered. Such errors
# are called **transient**.
#
# Look at the second one. It is an error only because we set a `timeout`. Without one, `urlopen` waits as long as the
# other side likes, and nothing can be tried again that has not failed yet. So a retry begins with a timeout.
#
# Now an outage: for half a second the server says 503 to everything. A client asks again at once, until it is
# answered. How many requests will that be?


# %% tags=["nbval-ignore-output"]
def down_for(seconds):
    pages[FILE] = Page(status=503)
    Timer(seconds, pages.update, [{FILE: Page(body)}]).start()


site.asked.clear()
down_for(0.5)
got = None
while got is None:
    try:
        got = fetch(FILE)
    except OSError:
        pass
print(f"one client, half a second, {len(site.asked)} requests")

# %% [markdown]
# All but one were for nothing, and the server had to refuse each of them while it had other worries. Also the count
# says little about time: "try five times" would have been over within a fraction of that half second.
#
# What is needed is a pause, and it should grow. If the first try after a short pause helps, little time was lost. If
# not, the trouble is of the longer kind, and asking often is of no use. Doubling is the custom: 1, 2, 4, 8 seconds, up to
# a **cap**, so that nobody sleeps for hours. This is called **exponential backoff**.
#
# ## Send three hundred clients
#
# You are not alone. At 03:00:00 three hundred jobs ask the same server, as jobs do that have been told "daily at three".
# It is down for 20 seconds, and after that it can serve 30 requests a second and refuses the rest. Every client doubles
# its pauses, up to 10 seconds, and tries 13 times in all.
#
# We do not sit through that. `storm` plays it in *virtual time*: the clock jumps from one request to the next. `wait` says
# how long a client pauses after an attempt.


# %%
def storm(wait, attempts=13, clients=300, outage=20, rate=30, seed=6):
    """The requests that the server sees: (second, served), in order."""
    rng, requests, busy = Random(seed), [], Counter()
    queue = [(0.0, client, 1) for client in range(clients)]
    while queue:
        now, client, attempt = heapq.heappop(queue)
        served = now >= outage and busy[int(now)] < rate
        busy[int(now)] += served
        requests.append((now, served))
        if not served and attempt < attempts:
            heapq.heappush(queue, (now + wait(attempt, rng), client, attempt + 1))
    return requests


def doubling(attempt, rng):
    return min(10, 2 ** (attempt - 1))


# %% [markdown]
# **Predict**: after the outage the server could serve all 300 within ten seconds, and each client has eight attempts
# left. How many of the 300 never succeed?

# %%
guess = None

# %%
alike = storm(doubling)
never = 300 - sum(served for _, served in alike)
reveal(guess, never, "They give up, at a server that is up, and idle nine seconds out of ten.")
title = f"All come back in the same second, and {never} never succeed"
pictures.storm({"doubled pauses, all alike": alike}, title, 20, 30)

# %% [markdown]
# Each bar is a second. All clients failed at the same moment, so they pause alike and return in the same second: 300 of
# them, at a server that can do 30. It serves 30 and refuses 270, who pause alike again. Between two bars it has nothing
# to do. Eight rounds of 30 make 240.
#
# Backoff does not pull a crowd apart. It makes the crowd come less often. What pulls it apart is chance, called
# **jitter**: each client draws its own pause.
#
# **Exercise 6.1** Write `wait`: doubled pauses with a cap and with jitter. How large the random part is, is for you to
# choose.

# %% exercise="6.1"
from exercises.lesson_06 import wait

check("6.1", wait)

# %% [markdown]
# The same storm with it; nothing else has changed. (`mine("6.1")` is your answer, as it was when it passed; until then
# it is the workbook's.)

# %%
drawn = storm(lambda attempt, rng: mine("6.1")(attempt, 1, 10, rng))
served = sum(ok for _, ok in drawn)
title = f"With jitter {served} of 300 succeed, in a fraction of the time"
both = {"doubled pauses, all alike": alike, "doubled pauses with jitter": drawn}
pictures.storm(both, title, 20, 30)

# %% [markdown]
# The same clients, the same number of attempts, the same server. In the lower picture they have lost each other during
# the outage, and when it ends they arrive much as the server can take them. One bar looks wrong, the 600 requests of the
# first second: with jitter the first pause is less than a second, so each client has its second attempt in it. Chance
# needs a few pauses to do its work.
#
# How much chance is right? Two ways are common: *full jitter*, anything between nothing and the whole pause, and *equal
# jitter*, half of the pause fixed and half random. Here are both, with only ten attempts a client, as means of twenty
# storms. The third row is the package's twin of your function,
# [`etl_core.RetryPolicy`](../etl_core/retry.py).

# %%
ways = {
    "no jitter": doubling,
    "full jitter": lambda attempt, rng: rng.uniform(0, doubling(attempt, rng)),
    "etl_core.RetryPolicy(10, base=1, cap=10).wait": etl_core.RetryPolicy(10, base=1, cap=10).wait,
    'mine("6.1")': lambda attempt, rng: mine("6.1")(attempt, 1, 10, rng),
}
rows = {}
for name, way in ways.items():
    storms = [storm(way, attempts=10, seed=seed) for seed in range(20)]
    never = sum(300 - sum(ok for _, ok in one) for one in storms) / 20
    rows[name] = {"never succeed, of 300": never, "requests": round(sum(map(len, storms)) / 20)}
pd.DataFrame(rows).T.astype({"requests": int})

# %% [markdown]
# The row that surprises is full jitter, the most random of all. A pause drawn near zero is hardly a pause, so some
# clients spend their attempts while the outage still lasts, and the server sees more requests. Equal jitter never pauses
# less than half, and half a pause of chance is enough to pull a crowd apart. That is why the package draws like this.
# Where attempts are not counted, it matters less.
#
# ## Tell errors apart
#
# So far every error was worth another try. Here are more, all of them raised for real: by the server, by a database
# that somebody else is writing to, by Python. Decide for each: can the same call succeed in a minute, if nobody changes
# anything?

# %%
pages |= {"/busy": Page(status=503), "/many": Page(status=429)}
pages |= {"/slow": Page(delay=3), "/cut": Page(body, cut=9)}
writer, reader = (sqlite3.connect(home / "toy.db", timeout=0) for _ in range(2))
writer.execute("BEGIN IMMEDIATE")
questions = {
    "server is busy": lambda: fetch("/busy"),
    "too many requests": lambda: fetch("/many"),
    "no such page": lambda: fetch("/flights/2013-02-30.csv"),
    "slow": lambda: fetch("/slow"),
    "breaks off": lambda: fetch("/cut"),
    "database is in use": lambda: reader.execute("BEGIN IMMEDIATE"),
    "misspelt table": lambda: sqlite3.connect(":memory:").execute("SELECT * FROM flihgts"),
    "no such file": lambda: pd.read_csv("2013-02-30.csv"),
    "no number": lambda: int("NA"),
}
errors = {}
for name, question in questions.items():
    try:
        question()
    except Exception as error:
        errors[name] = error
kinds = {name: [type(e).__name__, str(e), isinstance(e, OSError)] for name, e in errors.items()}
table = pd.DataFrame.from_dict(kinds, orient="index", columns=["type", "text", "is an OSError"])
table

# %% [markdown]
# The type alone does not tell. `HTTPError` is there for "come back later" and for "there is no such thing";
# `OperationalError` for a database that is in use and for a typing mistake; and `OSError`, which many a program catches
# for "network trouble", takes in the missing file and leaves out the answer that breaks off.
#
# Errors that only a person can cure are called **permanent**. Trying them again does harm: somebody hears of them later,
# and the server is asked for nothing.
#
# Libraries often wrap errors: `raise LoadFailed(…) from error`. What was the matter is then in `__cause__`.
#
# **Exercise 6.2** Write `worth_retrying`. Take from the table what you can use, and look through `raise … from`.

# %% exercise="6.2"
from exercises.lesson_06 import worth_retrying

check("6.2", worth_retrying)

# %%
writer.rollback()
yours = [bool(mine("6.2")(error)) for error in errors.values()]
twin = [etl_core.is_transient(error) for error in errors.values()]
table[["type"]].assign(yours=yours, package=twin)

# %% [markdown]
# The package's twin, [`etl_core.is_transient`](../etl_core/retry.py), gives the same answers and knows a few more libraries.
# Both follow one rule for what they do not know: **not** worth it. A permanent error that is tried again costs time
# every night, and nobody notices. A transient one that is not is seen in the morning, and the rule gets one line more.
#
# ## Put it together
#
# Now the loop: call, catch, decide, pause, call again, and at some point stop. It looks too small to be wrong.
#
# **Exercise 6.3 ★** Repair `with_retry`. What does the version in the cell do with work that succeeds and returns
# nothing? What does the caller get when all attempts have failed? It gets the pauses and the decision from outside, so
# that a test can run it without waiting.

# %% exercise="6.3"
from exercises.lesson_06 import with_retry

check("6.3", with_retry)

# %% [markdown]
# With your three functions the half second of outage looks different. Beside them is the package's twin,
# [`etl_core.retry.call`](../etl_core/retry.py), with a generator begun from the same seed.

# %% tags=["nbval-ignore-output"]
policy = etl_core.RetryPolicy(attempts=8, base=0.05, cap=1)
small, worth_it, lots = mine("6.3"), mine("6.2"), Random(6)


def pauses(attempt):
    return mine("6.1")(attempt, 0.05, 1, lots)


ways = {
    "yours": lambda: small(lambda: fetch(FILE), 8, pauses, time.sleep, worth_it),
    "the package's": lambda: retry.call(lambda attempt: fetch(FILE), policy, rng=Random(6)),
}
for name, try_again in ways.items():
    site.asked.clear()
    down_for(0.5)
    print(f"{name}: {len(try_again()):,} bytes after {len(site.asked)} requests")

# %% [markdown]
# A handful in place of hundreds, and the answer came all the same.
#
# ## Lose a reply
#
# Reading may be repeated as often as one likes. Writing? Let the server keep the weather, too: whoever sends it rows
# gets them added, and a reply. We send it the readings of 15 January, with `with_retry`. The server adds them and
# commits; then the network breaks, and its reply is lost. (In `fetch`, `data` makes it a POST.)

# %%
store = sqlite3.connect(home / "weather.db")
store.executescript(TABLES)
day = pd.read_csv(REPOSITORY / "data" / "landing" / "weather" / "2013-01-15.csv")
readings = json.loads(day[["origin", "time_hour", "temp"]].to_json(orient="values"))
print(len(readings), "readings, the first:", readings[0])


def add(conn, request_id, rows):
    with conn:
        conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)


def receive(sent):  # what the server does with a request
    with closing(sqlite3.connect(home / "weather.db")) as conn:
        add(conn, *json.loads(sent))
    return Page(b"added", drop=len(site.asked) == 1)  # the first reply is lost


def send(request_id):
    pages["/weather"] = receive
    site.asked.clear()
    message = json.dumps([request_id, readings]).encode()
    return small(lambda: fetch("/weather", message).decode(), 3, lambda n: 0.01, time.sleep, worth_it)


# %% [markdown]
# **Predict**: the second attempt gets its reply, "added". How many rows are in the table?

# %%
guess = None

# %%
count = "SELECT COUNT(*) FROM weather"
print(send("weather of 15 January"))
there = store.execute(count).fetchone()[0]
reveal(guess, there, "The client cannot see on which side of the commit the connection broke.")

# %% [markdown]
# The retry was right, the classification was right, and the data are wrong. A lost question and a lost reply look the
# same from here, so whoever repeats cannot know whether it is the first time. The *receiver* has to make repetition
# harmless: retries need **idempotence**.
#
# Lesson [03](03_load.ipynb) had one way: replace the day, and it does not matter how often. Where there is no day to
# replace, events for instance that only ever are added, the sender gives each request an id, and keeps it when it
# repeats.
#
# **Exercise 6.4** Write `append_once`: add the rows, unless this request was carried out before.

# %% exercise="6.4"
from exercises.lesson_06 import append_once

check("6.4", append_once)

# %%
store.execute("DELETE FROM weather")
store.commit()
add = mine("6.4")
for _ in range(2):
    print(send("weather of 15 January"), store.execute(count).fetchone()[0], "rows")

# %% [markdown]
# Two sendings, each with a lost reply, make four requests and 72 rows.
#
# ## Retry in seconds, and in minutes
#
# The package's load replaces days, so it may be repeated. Here is the same accident with real flights: the connection
# to the warehouse breaks *after* the commit of the load, and the stage is tried again.

# %% tags=["nbval-ignore-output"]
faults.inject("load.after-commit=offline")
run = etl_core.flights.run("2013-01-15")
print(etl_core.query("SELECT COUNT(*) FROM flights").iat[0, 0], "rows")
plots.stage_times(run.run_id)

# %% [markdown]
# 894 rows, loaded twice and there once. This is the **first level**: a stage is tried again after half a second or so, in
# the same run, and what the earlier stages have done is kept. It is meant for hiccups.
#
# What if the source is away for minutes? To sleep that long in the process would hold its place, its memory and its
# lock, and if the process dies, nobody knows that something was to be done. So the run fails, and writes into the history
# when it is to be tried again. This is the **second level**. (A run by hand has you as its second level; so we begin one
# as a schedule would.) First the numbers of both levels, then a source that stays away:

# %%
for name in ("stage_retry", "run_retry"):
    policy = getattr(etl_core.flights, name)
    most = [min(policy.cap, policy.base * 2**n) for n in range(policy.attempts - 1)]
    print(f"{name}: pauses of at most {most} s, together {sum(most) / 2:g} to {sum(most):g} s")

faults.inject("extract=offline*99")
run = etl_core.flights.attempt(etl_core.Interval.of("2013-01-16"), trigger="scheduled")
print(run.status, "|", run.error)
print(f"to be tried again {(run.retry_at - run.finished_at).total_seconds():.1f} s later")

command = [sys.executable, "-m", "etl_core", "pending", "--json"]
said = json.loads(subprocess.run(command, cwd=home, capture_output=True, text=True).stdout)
print("another process says:", next(one["reason"] for one in said if one["day"] == "2013-01-16"))

# %% [markdown]
# Another process knows of it, because it is not a thread that sleeps somewhere but a row. This kernel might be killed
# now; lesson [08](08_persistence.ipynb) will do that.
#
# When the time has come, an alarm of the scheduler calls `jobs.retry`. We do not wait for it: we ring it ourselves, as
# long as a retry is waiting.
#
# **Predict**: how many times is the source asked for 16 January until the package gives up? (`flights` tries a stage 3
# times, and a run 4 times.)

# %%
guess = None

# %%
while waiting := jobs.recovery.waiting_runs():
    jobs.retry("etl_core:flights", waiting[0].run_id)
reveal(guess, 99 - faults.armed()[0].times, "Levels multiply.")
tried = pd.DataFrame([vars(run) for run in reversed(history.newest_runs(limit=4))])
tried[["attempt", "trigger", "status", "blocked"]]

# %% [markdown]
# After the fourth run there is no next time: the day is *blocked*. It stops no other day, and it waits for a person or
# for new content.
#
# Twelve is 3 times 4. If the library that fetches the file tried five times on its own account, it would be sixty. Each
# level looks modest; the server gets the product. So have few levels, each for something of its own. And choose the
# numbers by the trouble that should heal by itself: a hiccup is over after a second, a restart after some minutes. What
# lasts longer than the seven minutes of `run_retry` is news, and somebody should hear it.

# %% [markdown]
# ## What others call it
#
# | here | Celery | Airflow | Prefect | Dagster |
# |---|---|---|---|---|
# | `stage_retry` | `autoretry_for`, `max_retries` | `retries` of a task | `retries` of a task | `RetryPolicy` |
# | backoff, cap | `retry_backoff`, `retry_backoff_max` | `retry_exponential_backoff`, `max_retry_delay` | `exponential_backoff` | `EXPONENTIAL` |
# | jitter | `retry_jitter`: full, with every backoff | part of the backoff | `retry_jitter_factor` | `FULL` |
# | permanent | what `autoretry_for` does not name | `AirflowFailException` | `retry_condition_fn` | `allow_retries` |
# | `run_retry` | none: a task is all there is | none: tasks only | `retries` of a flow | run retries |
#
# APScheduler has no retries: a job that raises is logged, and comes again at its next time. The four engines count
# **re**tries, so their 3 are our 4 attempts. Airflow, Prefect and Dagster, told to retry, retry *every* exception unless
# told otherwise, the typing mistake included; and in Prefect and Dagster there is no jitter until you ask for it.
#
# ## Recap
#
# A retry begins with a timeout and ends with a limit. Pauses double up to a cap, and half of each is drawn by lot, since a
# crowd that fails together comes back together. Only what time can heal is tried again; what needs a person is told at
# once, with its own error. Nobody can tell a lost question from a lost reply, so only idempotent work may be repeated. A
# pipeline retries a stage within seconds, in memory, and a run after minutes, from a note that survives the process.

# %%
progress()

# %% [markdown]
# **Next**: [07 Scheduling](07_scheduling.ipynb): when does it run?

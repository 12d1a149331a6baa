# %% [markdown]
# # 06 Retries: try again, but how?
#
# Most failures of a pipeline are not its own: a server is restarted, a network hiccups, another program holds the
# database. A minute later the same call would succeed. So one tries again, which is one line of code, and most ways to
# write it make things worse.
#
# **You will do**: ask a real server that is slow, busy and cuts you off; send 300 clients into an outage and watch them
# come back; lose a reply and get your rows twice; see a day tried twelve times.
#
# **You will learn**: how long to wait between two attempts, and why by lot; which errors are worth another try; when to
# stop; why only idempotent work may be repeated; why a pipeline retries on two levels.
#
# **You need**: exceptions in Python. For the last two sections [03 Load](03_load.ipynb) and
# [04 Pipeline](04_pipeline.ipynb) help.
#
# **Minutes**: 25 for reading, 35 for the exercises.

# %%
import heapq
import json
import sqlite3
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
from exercises import begin, check, hint, mine, progress, reveal, solution
from exercises.tools import pictures_06 as pictures
from exercises.tools.server import Page, start
from exercises.tools.terminal import terminal
from exercises.tools.toy import WEATHER
from exercises.tools.trouble import error_of

home = begin("06")

# %% [markdown]
# ## Ask a server that has trouble
#
# Here is a real web server, on this machine, with the flights of 15 January. It answers "503" first, then three seconds
# late, then not at all, then with half a file; the fifth answer is right. Our client gives each question one second.

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
# The second one is an error only because we set a `timeout`. Without one, `urlopen` waits as long as the other side
# likes, and what has not failed cannot be tried again.
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
# All but one were for nothing, and "try five times" would have been over within a fraction of that half second.
#
# What is needed is a pause that grows. Doubling is the custom: 1, 2, 4, 8 seconds, up to a **cap**. This is called
# **exponential backoff**.
#
# ## Send three hundred clients
#
# At 03:00:00 three hundred jobs ask the same server, having been told "daily at three". It is down for 20 seconds; after
# that it serves 30 requests a second and refuses the rest. `storm` plays this in *virtual time*: the clock jumps from one
# request to the next. `wait` says how long a client pauses after an attempt.


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


# %% [markdown]
# Every client doubles its pauses, up to 10 seconds, and tries 13 times, eight of them after the outage. The server could
# serve all 300 within ten seconds.
#
# **Predict**: how many of the 300 never succeed?

# %%
guess = None


def doubling(attempt, rng):
    return min(10, 2 ** (attempt - 1))


# %%
alike = storm(doubling)
never = 300 - sum(served for _, served in alike)
reveal(guess, never, "They give up at a server that is up, and idle nine seconds of ten.")
title = f"All come back in the same second, and {never} never succeed"
pictures.storm({"doubled pauses, all alike": alike}, title, 20, 30)

# %% [markdown]
# Each bar is a second. All clients failed at the same moment, so they pause alike and return in the same second. The
# server takes 30 of them and refuses 270, who pause alike again. Eight rounds of 30 make 240.
#
# Backoff makes a crowd come less often; it does not pull it apart. What does is chance, called **jitter**: each client
# draws its own pause.
#
# **Exercise 6.1** Write `wait`: doubled pauses with a cap and with jitter. How large the random part is, is for you to
# choose.

# %% exercise="6.1"
from exercises.lesson_06 import wait

check("6.1", wait)

# %% [markdown]
# The same storm with it; nothing else has changed. (`mine("6.1")` is your answer once it has passed, and until then the
# workbook's.)

# %%
yours = mine("6.1")
drawn = storm(lambda attempt, rng: yours(attempt, 1, 10, rng))
title = f"With jitter {sum(served for _, served in drawn)} of 300 succeed"
both = {"doubled pauses, all alike": alike, "doubled pauses with jitter": drawn}
pictures.storm(both, title, 20, 30)

# %% [markdown]
# The clients have lost each other during the outage: the larger the random part of the pauses, the more evenly they
# arrive after it. One bar looks wrong, the tallest, in the very first second: with jitter the first pause is less than
# a second, so that each client has its second attempt in there, too.
#
# How much chance is right? *Full jitter* is anything between nothing and the whole pause; *equal jitter* is half of it,
# and a random part of the other half. The package draws the latter, in [`etl_core.RetryPolicy`](../etl_core/retry.py),
# the twin of your function. Here are the means of twenty storms, with only ten attempts a client. ("yours" is equal
# jitter, too, until 6.1 is passed.)

# %%
policy = etl_core.RetryPolicy(attempts=10, base=1, cap=10)
ways = {
    "no jitter": doubling,
    "full jitter": lambda attempt, rng: rng.uniform(0, doubling(attempt, rng)),
    "equal jitter: the package's": policy.wait,
    "yours": lambda attempt, rng: yours(attempt, 1, 10, rng),
}
rows = {}
for name, way in ways.items():
    storms = [storm(way, attempts=10, seed=seed) for seed in range(20)]
    never = sum(300 - sum(served for _, served in one) for one in storms) / 20
    rows[name] = {"never succeed, of 300": never, "requests": sum(map(len, storms)) // 20}
pd.DataFrame(rows).T.astype({"requests": int})

# %% [markdown]
# The row that surprises is full jitter, the most random of all. A pause drawn near zero is hardly a pause, so some
# clients spend their ten attempts during the outage. Equal jitter never pauses less than half, and that is chance enough
# to pull a crowd apart.
#
# ## Tell errors apart
#
# So far every error was worth another try. Here are more, each of them raised for real. Decide for each: can the same
# call succeed in a minute, if nobody changes anything?

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
    "server is down": lambda: urlopen("http://127.0.0.1:9"),
    "database is in use": lambda: reader.execute("BEGIN IMMEDIATE"),
    "misspelt table": lambda: reader.execute("SELECT * FROM flihgts"),
    "no such file": lambda: pd.read_csv("2013-02-30.csv"),
    "no number": lambda: int("NA"),
}
errors = {name: error_of(question) for name, question in questions.items()}
kinds = [(type(e).__name__, str(e), isinstance(e, OSError)) for e in errors.values()]
table = pd.DataFrame(kinds, errors, ["type", "text", "is an OSError"])
table

# %% [markdown]
# The type alone does not tell. `HTTPError` stands for "come back later" and for "no such thing"; `OperationalError` for a
# database in use and for a typing mistake; `OSError`, which many a program catches for "network trouble", takes in the
# missing file and leaves out the answer that breaks off. The commonest of all, a server that is being restarted, comes as
# a `URLError` from `urlopen`; what was the matter, a ConnectionRefusedError, is its `reason`.
#
# Errors that only a person can cure are called **permanent**. To try them again does harm: somebody hears of them later,
# and the server is asked for nothing.
#
# Most libraries wrap errors by `raise LoadFailed(…) from error`. What was the matter is then in `__cause__`.
#
# **Exercise 6.2** Write `worth_retrying`. Take from the table what you can use, look through `raise … from` and `reason`,
# and say no to what you do not know.

# %% exercise="6.2"
from exercises.lesson_06 import worth_retrying

check("6.2", worth_retrying)

# %%
writer.rollback()
worth_it = mine("6.2")
yes = [bool(worth_it(error)) for error in errors.values()]
twin = [etl_core.is_transient(error) for error in errors.values()]
table[["type"]].assign(yours=yes, package=twin)

# %% [markdown]
# The package's twin, [`etl_core.is_transient`](../etl_core/retry.py), knows a few more libraries. In doubt both say no.
# A wrong no fails a run: somebody sees it in the morning, and adds a line. A wrong yes costs time every night, and
# nobody notices.
#
# ## Put it together
#
# Now the loop: call, catch, decide, pause, call again, and at some point stop. It looks too small to be wrong.
#
# **Exercise 6.3 ★** Repair `with_retry`. What does the version in the cell do with work that succeeds and returns
# nothing? What does the caller get when all attempts have failed? The pauses and the decision come from outside, so that
# a test can run it without waiting.

# %% exercise="6.3"
from exercises.lesson_06 import with_retry

check("6.3", with_retry)

# %% [markdown]
# With your three functions the half second of outage looks different. Beside them is the package's twin,
# [`etl_core.retry.call`](../etl_core/retry.py).

# %% tags=["nbval-ignore-output"]
small, rng = mine("6.3"), Random(6)
policy = etl_core.RetryPolicy(attempts=8, base=0.05, cap=1)


def pause(attempt):
    return yours(attempt, 0.05, 1, rng)


ways = {
    "yours": lambda: small(lambda: fetch(FILE), 8, pause, time.sleep, worth_it),
    "the package's": lambda: retry.call(lambda attempt: fetch(FILE), policy, rng=Random(6)),
}
for name, try_again in ways.items():
    site.asked.clear()
    down_for(0.5)
    print(f"{name}: {len(try_again()):,} bytes after {len(site.asked)} requests")

# %% [markdown]
# A handful of requests in place of hundreds.
#
# ## Lose a reply
#
# Reading may be repeated as often as one likes. Writing? Let the server keep the weather, too: whoever sends it rows
# gets them added, and a reply. These are its tables (`requests` comes into play later), and the rows that we shall send.

# %%
store = sqlite3.connect(home / "weather.db")
store.executescript(WEATHER)
day = pd.read_csv(REPOSITORY / "data" / "landing" / "weather" / "2013-01-15.csv")
readings = json.loads(day[["origin", "time_hour", "temp"]].to_json(orient="values"))
print(WEATHER)
print(len(readings), "readings, the first:", readings[0])

# %% [markdown]
# The server adds the rows and commits; then the network breaks, and its first reply is lost. So `with_retry` sends them
# again. (In `fetch`, `data` makes it a POST.)
#
# **Predict**: the second attempt gets its reply, "added". How many rows are in the table?

# %%
guess = None


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
    sent = json.dumps([request_id, readings]).encode()

    def post():
        return fetch("/weather", sent).decode()

    return small(post, 3, lambda attempt: 0.01, time.sleep, worth_it)


# %%
count = "SELECT COUNT(*) FROM weather"
print(send("weather of 15 January"))
there = store.execute(count).fetchone()[0]
reveal(guess, there, "The client cannot see on which side of the commit it was cut off.")

# %% [markdown]
# The retry was right, the decision was right, and the data are wrong. A lost question and a lost reply look the same from
# here, so the *receiver* has to make repetition harmless: retries need **idempotence**.
#
# Lesson [03](03_load.ipynb) had one way: replace the day. Where there is none to replace, as for events that only ever are
# added, the sender gives each request an id, and keeps it when it repeats.
#
# **Exercise 6.4** Write `append_once`: add the rows, unless this request was carried out before.

# %% exercise="6.4"
from exercises.lesson_06 import append_once

check("6.4", append_once)

# %%
store.executescript("DELETE FROM weather; DELETE FROM requests")
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
there = etl_core.query("SELECT COUNT(*) FROM flights").iat[0, 0]
plots.stage_times(run.run_id, f"Loaded twice and there once: {there} flights")

# %% [markdown]
# This is the **first level**: a stage is tried again after half a second or so, in the same run, and what the earlier
# stages have done is kept.
#
# What if the source is away for minutes? A process that sleeps that long holds its memory and its lock, and if it dies,
# nobody knows what was to be done. So the run fails, and writes into the history when it is to be tried again. This is
# the **second level**. The numbers of both:

# %%
for name in ("stage_retry", "run_retry"):
    level = getattr(etl_core.flights, name)
    most = [min(level.cap, level.base * 2**n) for n in range(level.attempts - 1)]
    print(f"{name}: {level.attempts} attempts, pauses up to {most} s, {sum(most):g} s in all")

# %% [markdown]
# **Predict**: the source of 16 January is away for good. How many times is it asked, until the package gives up?
#
# We begin a run as a schedule would (one by hand has you as its second level), and let another process say what it
# knows of it.

# %% tags=["nbval-ignore-output"]
guess = None
faults.inject("extract=offline*99")
etl_core.flights.attempt(etl_core.Interval.of("2013-01-16"), trigger="scheduled")
terminal("etl show last", columns=90)

# %% [markdown]
# Another process knows what comes next, because the retry is not a thread that sleeps somewhere but a row. This kernel
# might be killed now; lesson [08](08_persistence.ipynb) will do that. The scheduler's alarm would call `jobs.retry` when
# the time has come. We ring it ourselves, as long as a retry is waiting.

# %%
while waiting := jobs.recovery.waiting_runs():
    jobs.retry("etl_core:flights", waiting[0].run_id)
reveal(guess, 99 - faults.armed()[0].times, "Levels multiply.")
faults.clear()
tried = pd.DataFrame([vars(run) for run in reversed(history.newest_runs(limit=4))])
tried[["attempt", "trigger", "status", "blocked"]]

# %% [markdown]
# After the fourth run the day is *blocked*. It stops no other day, and it waits for a person or for new content.
#
# Twelve is 3 times 4. If the library that fetches the file tried five times on its own account, it would be sixty: each
# level looks modest, and the server gets the product. So have few levels, and choose their numbers by what should heal by
# itself, a hiccup within a second, a restart within minutes. What lasts longer is news, and somebody should hear it.
#
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
# APScheduler has no retries: a job that raises is logged, and comes again at its next time. The others count **re**tries,
# so their 3 are our 4 attempts. Airflow, Prefect and Dagster retry *every* exception unless told otherwise, the typing
# mistake included; Prefect and Dagster have no jitter until you ask for it.
#
# ## Recap
#
# A retry begins with a timeout and ends with a limit. Pauses double up to a cap, half of each by lot, since a crowd that
# fails together comes back together. Only what time can heal is tried again; what needs a person is told at once. A lost
# question and a lost reply look alike, so only idempotent work may be repeated. A pipeline retries a stage within seconds,
# in memory, and a run after minutes, from a note that survives the process.

# %%
progress()

# %% [markdown]
# **Next**: [07 Scheduling](07_scheduling.ipynb): when does it run?

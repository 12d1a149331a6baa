# %% [markdown]
# # 03 Load: what if it dies half-way?
#
# Every process dies some day in the middle of its work: a laptop is closed, the memory is full. A load changes what
# others rely on, so the question is what they find afterwards.
#
# **You will do**: load a real day twice and count; watch a transaction through two connections; tear a day by one
# harmless-looking line of pandas; kill a real process before, during and after its load.
#
# **You will learn**: what *idempotent* means in practice; what a transaction promises, and what breaks it; what a
# *receipt* is, and why it belongs in the same commit; what a kill leaves behind.
#
# **You need**: some SQL (`INSERT`, `DELETE`, `COUNT`). Lessons [01](01_extract.ipynb) and [02](02_transform.ipynb) help
# and are not required.
#
# **Minutes**: 30 for reading, 30 for the exercises.

# %%
import sqlite3
from contextlib import suppress

import pandas as pd

import etl_core
from etl_core import settings
from exercises import begin, check, hint, mine, progress, reveal, solution
from exercises.tools import pictures_03 as pictures

home = begin("03")

# %% [markdown]
# ## Load a day, twice
#
# In the small version of our table a row is a flight that was to leave on 15 January 2013; `delay` is in minutes,
# missing where the flight was cancelled.
#
# What everybody writes first is `to_sql(…, if_exists="append")`, and it works. Then a run fails after its load, or
# somebody is not sure whether it ran, and it runs again.
#
# **Predict**: how many rows are in the table after two loads? Put a number in place of `None`, then run both cells.

# %%
guess = None
DAY = "2013-01-15"
file = settings.REPOSITORY / "data" / "landing" / "flights" / f"{DAY}.csv"
flights = pd.read_csv(file).assign(day=DAY).rename(columns={"dep_delay": "delay"})
flights = flights[["day", "carrier", "flight", "origin", "delay"]]
flights

# %%
append = sqlite3.connect(":memory:")
for _ in range(2):
    flights.to_sql("flights", append, if_exists="append", index=False)
    count, mean = append.execute("SELECT COUNT(*), ROUND(AVG(delay), 2) FROM flights").fetchone()
    print(f"{count:,} rows, mean delay {mean}")
reveal(guess, count, "Append does not know that it was here.")

# %% [markdown]
# Look at the other number. The mean delay is what it was: a day that is there twice hides behind its own average.
# Counts and sums are doubled, and nothing complained.
#
# A load that may run any number of times and leaves the same result is called **idempotent**. Orchestrators retry,
# restart and backfill, so what they run has to be that; they cannot add it.
#
# A primary key is the first help. Here are the two tables of this lesson (`receipts` comes into play later), and the two
# loads again.

# %%
TABLES = """
DROP TABLE IF EXISTS flights; DROP TABLE IF EXISTS receipts;
CREATE TABLE flights (day TEXT, carrier TEXT, flight INTEGER, origin TEXT, delay INTEGER,
                      PRIMARY KEY (day, carrier, flight, origin));
CREATE TABLE receipts (day TEXT PRIMARY KEY, rows INTEGER, source_hash TEXT);"""
INSERT = "INSERT INTO flights VALUES (?, ?, ?, ?, ?)"
toy = sqlite3.connect(home / "toy.db")
toy.executescript(TABLES)
rows = list(flights.itertuples(index=False, name=None))
for _ in range(2):
    try:
        print(toy.executemany(INSERT, rows).rowcount, "rows inserted")
    except sqlite3.IntegrityError as error:
        print("refused:", error)
toy.commit()

# %% [markdown]
# To be refused is only half of what we want: a retry should succeed, and a corrected file should replace what was
# there. So a load has to make the day *equal to the file*.
#
# **Exercise 3.1** Write `replace_day`: afterwards the table holds these rows for this day, and no others. It will be
# tried with the same file twice, with a corrected file that lacks a flight, with one from which all were withdrawn, and
# with a neighbour that must stay.

# %% exercise="3.1"
from exercises.lesson_03 import replace_day

check("3.1", replace_day)

# %% [markdown]
# ## Watch a transaction from outside
#
# Replacing means deleting first. What does somebody see who looks just then?
#
# Say that LaGuardia sent its flights late: the early file had only those of the other two airports, and was loaded. Now
# the whole file is here. One connection replaces the day in small steps. After each step it counts, and so does a
# second connection.

# %%
early = [row for row in rows if row[3] != "LGA"]
toy.executescript(TABLES)
toy.executemany(INSERT, early)
toy.commit()
other, seen = sqlite3.connect(home / "toy.db"), []


def look(step):
    count = "SELECT COUNT(*) FROM flights"
    seen.append((step, toy.execute(count).fetchone()[0], other.execute(count).fetchone()[0]))


look("before")
toy.execute("DELETE FROM flights WHERE day = ?", [DAY])
look("DELETE")
for start in range(0, len(rows), 300):
    toy.executemany(INSERT, rows[start : start + 300])
    look(f"INSERT of {len(rows[start : start + 300])}")
toy.commit()
look("COMMIT")
pictures.two_views(seen, "Others see the day change once, at the commit")

# %% [markdown]
# From the first change to the `COMMIT`, everything belongs to one **transaction**. The writer sees its own work as it
# grows. Everybody else sees what was committed last, the 617 early flights, and then, in one moment, the new day: never
# an empty one.
#
# A crash is no different. What is not committed exists for nobody but its writer, and a crash takes the writer away.
#
# In Python, `with conn:` commits at the end of its block, or rolls back if the block raises. It does not begin the
# transaction: the first `INSERT`, `UPDATE` or `DELETE` does.

# %% [markdown]
# ## Write a receipt
#
# How does the next run know that 15 January is loaded? There were rows after the early file, too. So the load writes
# down what it has loaded: the day, how many rows, and the hash of the file they came from. We call this row the
# **receipt**. A day is done if its receipt has the hash of the file that lies there now.
#
# Here is the early day again, with its receipt.

# %%
from hashlib import sha256

lines = file.read_bytes().splitlines(keepends=True)
early_lines = [line for line in lines if b",LGA," not in line]
old_hash, new_hash = (sha256(b"".join(some)).hexdigest()[:8] for some in (early_lines, lines))


def early_day(name):
    """A connection to a new database with the early version of the day and its receipt."""
    conn = sqlite3.connect(home / name)
    conn.executescript(TABLES)
    conn.executemany(INSERT, early)
    conn.execute("INSERT INTO receipts VALUES (?, ?, ?)", (DAY, len(early), old_hash))
    conn.commit()
    return conn


def state(conn):
    """How many rows of the day are there, and how many its receipt speaks of."""
    return conn.execute("SELECT (SELECT COUNT(*) FROM flights), rows FROM receipts").fetchone()


conn = early_day("pandas.db")
print("there and in the receipt:", state(conn))
print("the receipt's file:", old_hash, " the file that lies there now:", new_hash)

# %% [markdown]
# The hashes differ, so the day is to be loaded. This time there is an accident between the rows and the receipt: an
# exception (`suppress` lets the notebook go on). All of it is inside `with … conn:`, so it should be rolled back.
#
# **Predict**: how many rows of the day are there afterwards, 617 or 894?

# %%
guess = None

# %%
with suppress(RuntimeError), conn:
    conn.execute("DELETE FROM flights WHERE day = ?", [DAY])
    flights.to_sql("flights", conn, if_exists="append", index=False)
    raise RuntimeError("the power fails")
print("there and in the receipt:", state(conn))
reveal(guess, state(conn)[0], "The block did roll back. There was nothing left to roll back.")

# %% [markdown]
# The new rows are there, under the old receipt: the day is *torn*. To find out why, ask the database what it was told:
# SQLite reports each statement, and we note its first words.

# %%
from itertools import groupby

conn, told = early_day("pandas.db"), []
conn.set_trace_callback(lambda statement: told.append(" ".join(statement.split()[:3])))
with conn:
    conn.execute("DELETE FROM flights WHERE day = ?", [DAY])
    flights.to_sql("flights", conn, if_exists="append", index=False)
    conn.execute("UPDATE receipts SET rows = ?, source_hash = ?", (len(rows), new_hash))
conn.set_trace_callback(None)
for statement, repeated in groupby(told):
    print(f"{len(list(repeated)):4} x {statement}")

# %% [markdown]
# The last `COMMIT` is that of `with`. The one after the rows is `to_sql`'s own: given a plain `sqlite3` connection it
# commits when it is done, whoever began the transaction, and the delete goes with it. The receipt then gets a
# transaction of its own, and between the two there is room for an accident.
#
# Nothing protects a transaction from a commit inside it. So it is worth knowing who commits: `to_sql` and
# `executescript` do, `execute` and `executemany` do not.
#
# **Exercise 3.2 ★** Repair `load_day`, so that rows and receipt change in one commit. To grade it, the database is
# copied at every statement, as a kill would leave it, and each copy is looked at.

# %% exercise="3.2"
from exercises.lesson_03 import load_day

check("3.2", load_day)

# %% [markdown]
# ## Kill it
#
# An exception is a polite accident: Python still runs, and `with` still rolls back. To see an impolite one we need
# somebody to kill, and that cannot be this notebook.
#
# Behind a notebook is a **process**, its *kernel*: a running Python with memory of its own, known to the operating
# system by a number, the pid. A **thread** is one of several flows of work within a process. Threads share all memory,
# so a thread that hangs cannot be taken out alone; a process can. `kill -9`, the out-of-memory killer and a power cut
# end a process between two instructions: no `except`, no `finally`.
#
# Here is a program for a *child* process. It loads the day, in one commit or in three, as the `load_day` to repair did.
# At four moments it says where it is and waits for a line from us. It has none of this notebook's variables; what it
# needs is handed over.

# %%
CHILD = """
import json, sqlite3, sys

path, rows, day, source_hash, style = sys.argv[1:]
rows = json.load(open(rows))
conn = sqlite3.connect(path)
commit = conn.commit if style == "three commits" else lambda: None

def at(moment):
    print(moment, flush=True)
    sys.stdin.readline()

at("before")
conn.execute("DELETE FROM flights WHERE day = ?", [day])
commit()
at("deleted")
conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
commit()
at("inserted")
conn.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))
conn.commit()
at("after")
"""

# %% [markdown]
# The parent, below, starts the child, lets it go on until the moment has come, and kills it.
#
# **Predict**: the child works in one transaction. It has deleted the old rows and inserted all 894 new ones, and is
# killed before its commit. How many rows does the next one find who looks?

# %%
import subprocess
import sys

handed_over = home / "rows.json"
handed_over.write_text(flights.to_json(orient="values"))


def killed(style, moment):
    """A connection to a database in which the child was killed at this moment."""
    conn = early_day(f"{style}, {moment}.db")
    given = [home / f"{style}, {moment}.db", handed_over, DAY, new_hash, style]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", CHILD, *given], **pipes) as child:
        for line in child.stdout:
            if line.strip() == moment:
                child.kill()
            else:
                print(file=child.stdin, flush=True)
    return conn


guess = None  # rows

# %%
there, _ = state(killed("one commit", "inserted"))
reveal(guess, there, "The early day, whole, as if the child had never been there.")

# %% [markdown]
# Nobody was left to tidy up. A database writes its changes in such a way that whoever opens the file next finds what
# was committed last. Now all eight cases: two styles, four moments.

# %%
moments = ["before", "deleted", "inserted", "after"]
styles = ["three commits", "one commit"]
found = {style: [state(killed(style, moment)) for moment in moments] for style in styles}
places = ["before the delete", "after the delete", "after the rows", "after the receipt"]
pictures.outcomes(found, places, "Three commits can leave a torn day, one commit cannot")

# %% [markdown]
# No error tells of a torn day. With the receipt written first it would be worse: old rows under a receipt that says
# *done*, and nobody would load the day again.
#
# And after a kill? Run it again. A load that is idempotent and all-or-nothing needs no repair program: each of the
# eight databases, torn or not, comes right by the call that is made anyway. (`mine("3.2")` is your `load_day` once it
# has passed, and until then the workbook's.)

# %%
load_again, again = mine("3.2"), []
for path in [home / f"{style}, {moment}.db" for style in styles for moment in moments]:
    load_again(sqlite3.connect(path), DAY, rows, new_hash)
    again.append(state(sqlite3.connect(path)))
print("there and in the receipt, of all eight:", again)

# %% [markdown]
# Days that were torn long ago have to be looked for.
#
# **Exercise 3.3** Write `audit`: the days on which rows and receipts disagree. Think of days that only one of the two
# tables has, and of a day without flights.

# %% exercise="3.3"
from exercises.lesson_03 import audit

check("3.3", audit)

# %% [markdown]
# ## Meet the package's twin
#
# [`etl_core.load`](../etl_core/stages/load.py) does what you have built, for all columns: delete the interval's rows,
# insert, write the rejected lines and the receipts, all in one `with warehouse.begin() as conn:`. Its rows of 15 January
# should be those of our small table.

# %%
transformed = etl_core.transform(etl_core.extract(DAY))
receipts = etl_core.load(transformed, etl_core.open_warehouse(), run_id="by hand")
where = "FROM flights WHERE {} = '2013-01-15' ORDER BY carrier, flight, origin"
package = etl_core.query("SELECT carrier, flight, origin, departure_delay AS delay " + where.format("flight_date"))
small = pd.read_sql("SELECT carrier, flight, origin, delay " + where.format("day"), toy)
print("the same rows:", package.equals(small), "- the receipt:", receipts.rows, receipts.rejected)

# %% [markdown]
# Its receipt has one more number, the rejected lines, here 0: loaded and rejected together are the lines of the file.
#
# It can be killed, too. With `--fault load.before-commit=kill` a run kills itself at the worst moment, when all rows of
# 16 January are written and not committed. (`etl run`, here `python -m etl_core run`, is the package's command; lesson
# [05](05_run_by_hand.ipynb) is about it.) Then the same without the fault.

# %%
command = [sys.executable, "-m", "etl_core", "run", "2013-01-16"]
for fault in (["--fault", "load.before-commit=kill"], []):
    ended = subprocess.run([*command, *fault], cwd=home, capture_output=True)
    there = etl_core.query("SELECT COUNT(*) FROM flights WHERE flight_date = '2013-01-16'").iat[0, 0]
    receipts = [str(day) for day in etl_core.receipts_of("flights")]
    print(f"exit code {ended.returncode}: {there} rows of 16 January, receipts of {receipts}")

# %% [markdown]
# Killed, it leaves no row and no receipt of 16 January. (An exit code of -9 says that signal 9 ended it.) The second
# run finds nothing to repair, and loads. Run the cell once more, and the killed run leaves these rows as they are.

# %% [markdown]
# ## What others call it
#
# | here | elsewhere |
# |---|---|
# | idempotent load | Airflow's best practices ask of every task "the same outcome on every re-run". Celery's manual wants the same where a dead worker's task goes to another one (`acks_late`) |
# | delete and insert a day | overwriting a *partition* in Airflow and Dagster; the incremental strategy `delete+insert` in dbt |
# | receipt | Dagster: the *materialization* of a partition. Prefect: the result record of a *transaction*. Airflow: a task instance in state `success`. Celery: a row in the result backend. APScheduler: nothing |
#
# One difference matters. All of these are kept in the orchestrator's own store, and written after your function has
# returned: two commits, with a gap between them. An orchestrator repeats what it is not sure of, and your load has to
# bear it. A receipt in the transaction of its data cannot be ahead of them, or behind.

# %% [markdown]
# ## Recap
#
# A load runs more often than one thinks, so it replaces a day rather than adding to it. A transaction shows others all
# of a change or nothing, and after a kill everybody is one of the others. `to_sql` on a plain connection commits by
# itself, and a commit in the middle is a torn day after an accident. Receipt and rows are committed together; then
# recovery is no special program, it is the next run.

# %%
progress()

# %% [markdown]
# ## Bonus: what a commit costs
#
# If commits are this good, why not one for each row? Here are five ways to load thirty copies of the day; of the
# slowest, only 100 rows. Guess how far apart they are.

# %% tags=["nbval-ignore-output"]
many = [(f"2013-01-{day:02d}", *row[1:]) for day in range(1, 31) for row in rows]
frame = pd.DataFrame(many, columns=list(flights))


def one_by_one(conn, some, commit):
    for row in some:
        conn.execute(INSERT, row)
        commit()


def by_500(conn):
    for start in range(0, len(many), 500):
        part = many[start : start + 500]
        values = [value for row in part for value in row]
        conn.execute(INSERT + ", (?, ?, ?, ?, ?)" * (len(part) - 1), values)


ways = {
    "a commit for each row": lambda conn: one_by_one(conn, many[:100], conn.commit),
    "one commit, to_sql": lambda conn: frame.to_sql("flights", conn, if_exists="append", index=False),
    "one commit, execute for each row": lambda conn: one_by_one(conn, many, lambda: None),
    "one commit, executemany": lambda conn: conn.executemany(INSERT, many),
    "one commit, 500 rows a statement": by_500,
}
pictures.speeds(ways, TABLES, home / "speed.db", "What is slow is the commit, not the row")

# %% [markdown]
# A commit waits until the disk has the data. That wait is the promise it makes, and the first way pays it for each row.
# Within one transaction the ways differ little; the package's [`insert_rows`](../etl_core/database.py) takes
# `executemany`, one line.
#
# On a connection of SQLAlchemy, inside `engine.begin()`, `to_sql` leaves the commit to you, and the accident of this
# lesson does not happen:

# %%
import sqlalchemy as sa

conn = early_day("sqlalchemy.db")
try:
    with sa.create_engine(f"sqlite:///{home / 'sqlalchemy.db'}").begin() as begun:
        begun.execute(sa.text("DELETE FROM flights"))
        flights.to_sql("flights", begun, if_exists="append", index=False)
        raise RuntimeError("the power fails")
except RuntimeError as error:
    print(f"{error}; there and in the receipt: {state(conn)}")

# %% [markdown]
# **Next**: [04 Pipeline](04_pipeline.ipynb): who runs the stages?

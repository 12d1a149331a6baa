# %% [markdown]
# # 05 Run by hand: can I run it, and see what it did?
#
# The pipeline has stages, a runner and a history. So far you ran it cell by cell and looked at each result. From now on
# somebody else runs it: a colleague, a line in a crontab, you at three in the morning. They type one command, and later
# somebody asks what it did.
#
# **You will do**: run a notebook as a job, mistype its parameter, read a failed run in its own notebook, catch a witness
# who is wrong, and load a week by hand until you want something better.
#
# **You will learn**: what parameters, executed notebooks and exit codes can tell you, and what *pending* means: the
# question that every scheduler asks.
#
# **You need**: [03 Load](03_load.ipynb) and [04 Pipeline](04_pipeline.ipynb), or an idea of what a receipt and a
# history are.
#
# **Minutes**: 20 for reading, 25 for the exercises.

# %%
import os
import shutil
from datetime import date

import nbformat
import pandas as pd
from nbformat import v4

import etl_core
from etl_core import errors, history
from etl_core.settings import REPOSITORY
from exercises import begin, check, hint, mine, progress, reveal, solution
from exercises.tools import pictures_05 as pictures
from exercises.tools.terminal import ended, terminal

home = begin("05")

# %% [markdown]
# ## Make a notebook a job
#
# papermill runs a notebook from top to bottom and lets you set variables from outside. All it needs is a cell with the
# tag `parameters`. Here is the smallest job there is: a day, a run, a number. The day has a default, so that the
# notebook also works when somebody opens it.
#
# `terminal` runs a line as a real terminal would, in the lesson's own folder, and shows what the command printed and its
# **exit code**, the one number that every program leaves behind: 0 for "done", anything else for "not". JupyterLab has
# a terminal too (*File › New › Terminal*), where you can try `papermill` and `etl` yourself.


# %%
def write(name, *cells):
    """Write a notebook of these cells; the first one holds the parameters."""
    book = v4.new_notebook(cells=[v4.new_code_cell(text) for text in cells])
    book.cells[0].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book.metadata["kernelspec"] = kernel
    nbformat.write(book, home / name)


work = ["from etl_core import flights", "run = flights.run(day)", "run.rows_loaded"]
write("job.ipynb", 'day = "2013-01-01"', *work)
terminal("papermill job.ipynb asked.ipynb -p day 2013-01-15")

# %% [markdown]
# It printed nothing. The result is `asked.ipynb`, a copy of the job with everything that happened in it. Read it:


# %%
def cells(name):
    """The code cells of an executed notebook."""
    book = nbformat.read(home / name, as_version=4)
    return [cell for cell in book.cells if cell.cell_type == "code"]


for cell in cells("asked.ipynb"):
    values = [output.data["text/plain"] for output in cell.outputs if "data" in output]
    print(f"{cell.source!r:35}", *cell.metadata.get("tags", []), *values)

# %% [markdown]
# That is a **record**: which day was asked for, which code ran, what came out. Whoever keeps the file can answer
# questions about this run in a year.
#
# Look at how the parameter got in. papermill did not change your cell. It put one of its own below it, tagged
# `injected-parameters`, which sets the variable again.
#
# ## Mistype it
#
# Tomorrow somebody types the same line for 16 January, in a hurry, and writes `dya` for `day`.
#
# **Predict**: what happens? Guess `"error"`, `"nothing"`, or the day that is loaded, such as `"2013-01-16"`.

# %%
guess = None

# %%
terminal("papermill job.ipynb typo.ipynb -p dya 2013-01-16")
newest = history.newest_runs()[0]
why = f"The history says {newest.status}: {newest.rows_loaded} rows."
reveal(guess, str(newest.interval.start), why)
print([cell.source for cell in cells("typo.ipynb")][:2])
print([line for line in ended["typo.ipynb"].stderr.splitlines() if "dya" in line])

# %% [markdown]
# The record explains it: papermill set a variable named `dya`, which nobody reads, and `day` kept its default. Every
# light is green, for a day that nobody asked for, and 16 January is missing. The only trace is a line among papermill's
# messages, which nobody reads where the exit code is 0.
#
# The mistake is not the typing. It is the **default**: a guess, built in, where an error belongs. The workbook's own
# job notebook, [run_pipeline.ipynb](run_pipeline.ipynb), refuses to guess. With `-p dya` it ends here, with exit code 1,
# before anything has been loaded:

# %%
shutil.copy(REPOSITORY / "notebooks" / "run_pipeline.ipynb", home)
parameters, _, asks, *_ = cells("run_pipeline.ipynb")
print(parameters.source.splitlines()[0], *asks.source.splitlines()[1:4], sep="\n")

# %% [markdown]
# Now the right name, and a careless value. papermill makes a number of what looks like one, so `-p day 20130115`
# arrives as an `int`, and pandas is glad to help:

# %%
pd.to_datetime(20130115)

# %% [markdown]
# It took the number for nanoseconds since 1970. Whatever takes a day has to know what a day looks like, and stop at
# everything else.
#
# **Exercise 5.1** Write `parse_day`. Text such as `2013-01-15` and a `date` give that date. Whatever cannot be meant as
# a day raises ValueError or TypeError.

# %% exercise="5.1"
from exercises.lesson_05 import parse_day

check("5.1", parse_day)

# %% [markdown]
# ## Read a failed run
#
# Now a run that fails for an honest reason: on 17 January somebody has the database open in another program, and every
# attempt to load finds it locked. (`faults` is a parameter of the job notebook that breaks things on purpose. A stage is
# tried three times, so three locks are needed.) The place to look is the executed notebook: it stopped where it failed,
# with everything before that still in it, and papermill has written a status at each cell.

# %%
terminal("papermill run_pipeline.ipynb locked.ipynb -p day 2013-01-17 -p faults load=locked*3")
for cell in cells("locked.ipynb"):
    error = [f"<- {output.evalue}" for output in cell.outputs if output.output_type == "error"]
    print(f"{cell.metadata.papermill.status:10}", cell.source.splitlines()[0], *error)

# %% [markdown]
# The exit code is 1: somebody has to look. And now you know which stage it was, what it was given (in JupyterLab, the
# tables of extract and transform stand above the error), and what the database said. The history has the same, and one
# thing more: how to do it again. That is by `etl`, the fast way to the same work: the same pipeline, the same history, no
# notebook. (papermill spends most of its seconds on starting a kernel.) The other program has been closed, so:

# %%
from etl_core.views import report

newest_failed = next(run for run in history.newest_runs() if run.status == "failed")
failed = report.explain(newest_failed.run_id)
print(failed.run.status, "|", failed.run.error)
terminal(failed.commands["etl"])

# %% [markdown]
# `report.explain("last")` at the end of a cell shows the whole report; in a terminal it is `etl show last`.
#
# ## Compare the witnesses
#
# After a run at night there are three witnesses: the exit code, the executed notebook and the history. Whom can you
# believe? For that we need two more endings. In one, a cell decides that the work is done and calls `sys.exit(0)`. In
# the other, the kernel is killed in the middle of the load, as by a machine that has run out of memory; papermill has an
# exit code of its own for that, 138.
#
# **Predict**: what will stand at the **last** cell of the notebook whose kernel was killed before it got there? Guess
# `"completed"`, `"failed"` or `"pending"`.

# %%
guess = None

# %%
begins = "from etl_core import faults, flights; run = flights.start(day); run.extract()"
write("quits.ipynb", "day = None", begins, "import sys; sys.exit(0)", "run.transform()", "run.load()")
kill = 'faults.inject("load.before-commit=kill", everywhere=False)'
write("dies.ipynb", "day = None", begins, kill, "run.transform()", "run.load()", "run.record()")
terminal("papermill quits.ipynb quit.ipynb -p day 2013-01-18")
terminal("papermill dies.ipynb killed.ipynb -p day 2013-01-19")
last = cells("killed.ipynb")[-1]
reveal(guess, last.metadata.papermill.status, f"It shows {len(last.outputs)} outputs: it never ran.")

# %%
# newest_runs() starts with the newest: of a day with two runs the earlier one is what remains
first = {str(run.interval.start): run.status for run in history.newest_runs()}
rows = []
for n, name in enumerate(["asked", "typo", "locked", "quit", "killed"], 15):
    status = cells(f"{name}.ipynb")[-1].metadata.papermill.status
    rows.append((name, f"2013-01-{n}", ended[f"{name}.ipynb"].returncode, status))
table = pd.DataFrame(rows, columns=["run", "asked for", "exit code", "notebook, last cell"])
table.assign(history=[first.get(day, "no run of that day") for day in table["asked for"]])

# %% [markdown]
# Take the rows that look wrong:
#
# - `typo`: exit code and notebook are content. The history has nothing **about that day**.
# - `quit`: the exit code is 0, because a cell asked for it. The notebook ends with a cell that was never reached, and the
#   history knows that the run was left open.
# - `killed`: when papermill ends, it writes "completed" at every cell that it has not seen fail, even at those that never
#   ran. The history still says `running`; the next run of anything will find this one dead and call it `crashed`, as
#   you see when you run these two cells again.
#
# No witness is enough. The exit code together with the history, about the same day, miss none of these.
#
# **Exercise 5.2** Write `needs_attention`: does somebody have to look after this run?

# %% exercise="5.2"
from exercises.lesson_05 import needs_attention

check("5.2", needs_attention)

# %% [markdown]
# ## Load a week by hand
#
# It is Monday evening, 14 January. The files of last week, the 7th to the 13th, are in a landing zone of the lesson's
# own. In Wednesday's, somebody has renamed a column.


# %%
def land(day, change=lambda text: text):
    """Let the file of a day in January arrive in the lesson's landing zone, or a changed one."""
    name = f"landing/flights/2013-01-{day:02}.csv"
    text = (REPOSITORY / "data" / name).read_text(encoding="utf-8")
    (home / name).write_text(change(text), encoding="utf-8", newline="\n")


def renamed(text):
    return text.replace("dep_time", "departure", 1)


(home / "landing" / "flights").mkdir(parents=True, exist_ok=True)
os.environ["ETL_LANDING"] = str(home / "landing")
for day in range(7, 14):
    land(day, renamed if day == 9 else str)

# %%
week = [date(2013, 1, day) for day in range(7, 15)]
moments = {}


def remember(moment):
    """Note how the days stand, for a picture at the end; the first look at a moment counts."""
    todo = {one.day: one.reason for one in etl_core.pending_days(etl_core.flights)}
    loaded = etl_core.receipts_of("flights", week)
    now = [todo.get(day) or ("loaded" if day in loaded else "") for day in week]
    moments.setdefault(moment, now)


try:
    for day in week[:7]:
        etl_core.flights.run(day)
except errors.BadSchema as error:
    print(day, str(error).partition(": ")[2].partition(";")[0])

# %% [markdown]
# The loop stopped on Wednesday. You note that on a slip of paper, and run the other four days by hand.
#
# On Tuesday morning the landing zone has changed. The file of the 14th is there, with the same column renamed.
# Wednesday's has come anew, and is right. The source has **corrected** the 8th: a flight was withdrawn. And somebody
# has moved the 7th to an archive.

# %%
for day in week[3:7]:
    etl_core.flights.run(day)
remember("Monday, by hand")

land(14, renamed)
land(9)
land(8, lambda text: "".join(text.splitlines(keepends=True)[:-1]))
(home / "landing" / "flights" / "2013-01-07.csv").unlink(missing_ok=True)
remember("Tuesday morning")

# %% [markdown]
# Nobody should have to remember such a story. Both sides of the answer are written down: what has landed, with a hash
# of its content, and what was loaded, with the hash in its receipt.
#
# **Predict**: how many days are to be loaded this morning?

# %%
guess = None
landed = etl_core.landed()
receipts = {day: one.source_hash for day, one in etl_core.receipts_of("flights", week).items()}
both = pd.DataFrame({"landed": landed, "receipt": receipts}).sort_index()
both.index = [f"{day.day} January" for day in both.index]
both.map(lambda found: found[:8] if isinstance(found, str) else "none").T

# %% [markdown]
# **Exercise 5.3 ★** Write `pending`: from these two, the days to load, oldest first. It is one or two lines, and the
# heart of all that follows.

# %% exercise="5.3"
from exercises.lesson_05 import pending

check("5.3", pending)

# %%
days = mine("5.3")(landed, receipts)
assert list(days) == etl_core.pending(landed, receipts)
reveal(guess, len(days), f"Those of {', '.join(str(day.day) for day in days)} January.")

# %% [markdown]
# "Load yesterday", which is what most first schedules say, would load the 14th, see it fail, and never come back to the
# 8th and the 9th. `pending` does not ask what day it is. The package's twin, `etl_core.pending`, gave the same answer.
#
# Now a command that does what there is to do: every day, whatever the others do, and at the end one number.
#
# **Exercise 5.4** Write `run_week`: run each day, and return the exit code of it all.

# %% exercise="5.4"
from exercises.lesson_05 import run_week

check("5.4", run_week)

# %%
code = mine("5.4")(days, etl_core.flights.run)
remember("after run_week")
code

# %% [markdown]
# The 8th and the 9th are in. The 14th has failed for a reason that no second try can cure, so it is *blocked*, and the
# answer is 1. Then its right file lands. The `etl` command has both of your functions: `etl pending` tells what there is
# to do and why, `etl backfill` does it for a range of days. The picture below the cell has the whole story.

# %%
land(14)
terminal("etl pending")
terminal("etl backfill 2013-01-08 2013-01-14")
terminal("etl backfill 2013-01-08 2013-01-14")
remember("after etl backfill")
title = "What is pending is found in files and receipts: three days on Tuesday, none in the end"
pictures.days_at_moments(moments, week, title)

# %% [markdown]
# The second time there was nothing to do, and it did nothing. A command that may be run at any time, as often as you
# like, and does what is left: that is all a scheduler needs to be given.
#
# The 7th stays blue although its file is gone: it was loaded, and there is nothing to load. The 14th turns from *new*
# to *blocked*, which means "a person, please", and stops nobody else.
#
# ## What others call it
#
# | here | APScheduler | Celery | Airflow | Prefect | Dagster |
# |---|---|---|---|---|---|
# | `papermill … -p day`, `etl run DAY` | call the function | `celery call TASK --args` | `airflow dags trigger --conf` | `prefect deployment run -p` | launchpad, or a partition |
# | a mistyped parameter | refused: arguments are compared with the function's | a TypeError, in the caller or in the worker | accepted: `conf` may hold anything | refused: compared with the flow's parameters | refused: compared with the config's schema |
# | the executed notebook, the history | none: yours to write | result backend | task instances and their logs | flow runs and their logs | runs and their event log |
# | pending | none: what was missed is forgotten or made up | messages in the queue | intervals without a run: catchup, backfill | late runs | missing partitions; changed ones are *stale* |
#
# ## Recap
#
# A job takes its parameters from outside and has no default where a guess would be wrong. The executed notebook shows
# what a run saw and where it stopped, but its statuses are no proof of success. For that take the exit code and the
# history together, about the day you asked for. What there is to do is found by comparing what has landed with what the
# receipts say, never by asking the clock, so gaps, late files and corrections are all the same. And a command that does
# what is pending can be run at any time.

# %%
progress()

# %% [markdown]
# **Next**: [06 Retries](06_retries.ipynb): try again, but how? The locked database was tried three times, with pauses between. Why three, why
# pauses, and what if three hundred clients do the same?

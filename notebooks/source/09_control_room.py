# %% [markdown]
# # 09 Control room: can I operate it?
#
# ![The control room: six answers for the operator, the last minutes as a timeline, the year as a calendar](images/control_room.png)
#
# So far you have built things and broken them. Now you operate them, from a control room: a scheduler in this
# notebook's kernel, with buttons, and with answers from the history. In it you go through six drills, accidents that
# happen to everybody once.
#
# **You will do**: pause a schedule and find out who notices; kill a run after its commit; let a bad file, a locked
# database and a correction happen, and decide each time who has to act; put a pipeline of your own beside the flights.
#
# **You will learn**: which figures answer an operator, and why the success rate is not one of them; when to wait, when to
# run again, and when to write to somebody.
#
# **You need**: [04 Pipeline](04_pipeline.ipynb) for the history, [05 Run by hand](05_run_by_hand.ipynb) for *pending*, and
# [08 Persistence](08_persistence.ipynb) for what survives.
#
# **Minutes**: 25 for reading and drills, 50 for the exercises, the capstone included.

# %%
import subprocess
import sys

import pandas as pd

import etl_core
from etl_core import history
from exercises import begin, check, hint, mine, progress, reveal, solution
from exercises.tools.cases import case_of, recorded
from exercises.tools.drills import drills, figures, flights, until, wait_for

home = begin("09", keep=True)

# %% [markdown]
# This lesson's folder stays: it is `lesson-09` in your state folder. After a restart of the kernel run the cell above
# and the one below, in this order, and the room is back with all it knew; then the drill that you were at, from its
# `guess` on. (For an empty room, restart the kernel and begin with `begin("09", keep=True, fresh=True)`.)
#
# ## Open the room
#
# A `Delivery` plays the outside world: it puts days into a landing zone of this folder, whether or not the scheduler is
# at work. The flights are the usual pipeline, except that a failed run is tried again after seconds instead of minutes.

# %%
from etl_core.views.control_room import control_room
from etl_core.views.room.choice import Choice
from etl_core.views.room.delivery import Delivery

room = control_room(flights)
room.start(choice=Choice(seconds=2, limit=3))  # a tick every two seconds, at most three days a tick
delivery = Delivery(days=0)
room.use(delivery)
room

# %% [markdown]
# That is the panel. Keep it in sight: right-click on it and choose *Create New View for Cell Output*. If a reload of
# the page leaves only a line of text, run its cell again; the scheduler has not stopped.
#
# Nothing has landed yet, so nothing happens. From now on each drill has a cell that does it, and says what to press to
# do the same. Drive it by hand first, if you like; the cell does it once more and looks at your guess. It waits for the
# schedule, so leave that running. By hand, days land on the card *Landing*: choose a number, and *off* again when
# enough have come. Here three land:

# %%
wait_for(room, delivery.land(3), "loaded")
figures(room, "current", "scheduler", "failed")  # cards of the panel, each by a word of its heading

# %% [markdown]
# The six cards are what an operator asks at six in the morning, in this order. The last of them shows commands, for
# this lesson's folder. In a cell put `!` in front: try `!etl status`. In a terminal type the card's line that begins
# with `export` first, or the same words speak of your own state folder.
#
# ## Read the signs
#
# Before the accidents, their signs. Each row is a day as somebody found it; all were made by real runs. `landed` and
# `receipt` are content hashes; `before it` is what older runs came to.

# %%
rows = []
for name, case in recorded().items():
    newest = case["runs"][0] if case["runs"] else {"status": "", "alive": None}
    alive = {None: "", True: "yes", False: "no"}[newest["alive"]]
    wait = (case["retry_at"] - case["now"]).total_seconds() / 60 if case["retry_at"] else None
    older = ", ".join(run["status"] for run in case["runs"][1:])
    rows.append([case["day"], case["landed"], case["receipt"], newest["status"], alive, wait, older])
columns = ["day", "landed", "receipt", "newest run", "alive", "minutes to retry", "before it"]
table = pd.DataFrame(rows, columns=columns)
table.astype(object).where(table.notna(), "").style.hide().format(precision=0).set_uuid("cases")

# %% [markdown]
# Look at the 9th and the 12th: both say `running`, and nobody is alive. One has its receipt and needs nothing, the
# other has to run again. The 13th has no run at all; only `landed` and `receipt` tell.
#
# **Exercise 9.1 ★** Write `triage`: what does a day need? The answers are `"nothing"`, `"wait"`, `"rerun"`,
# `"fix file"` and `"ask source"`.

# %% exercise="9.1"
from exercises.lesson_09 import triage

check("9.1", triage)

# %% [markdown]
# ## Drill: six days over the holidays
#
# Before the holidays somebody pauses the schedule, and forgets it. Six days land. Back at your desk you look at four
# figures: the success rate of lesson 04, and the cards *scheduler*, *failed* and *current*. (By hand: *Pause*; on
# *Landing*, three days twice, then *off*; look; *Resume*.)
#
# **Predict**: which of the four tells that something is **missing**: `"success rate"`, `"scheduler"`, `"failed"` or
# `"current"`?

# %%
guess = None

# %%
room.pause()
holidays = delivery.land(6)
runs = [{"day": run.interval_start, **vars(run)} for run in history.newest_runs(pipeline="flights")]
print(f"success rate: {mine('4.3')(runs):.0%}")
print(figures(room, "scheduler", "failed", "current"))
reveal(guess, "current", "Of these six days nothing ran, so nothing failed. What has landed and what is loaded differ.")
room.resume()
wait_for(room, holidays, "loaded")

# %% [markdown]
# Green but stale. Rates and error counts are computed from runs, and a run that did not happen is in none of them.
# *Scheduler* tells why, if one thinks of asking. *Current* asks the data.
#
# Resumed, the room loaded all six. Nobody had to say which: pending is found from state.
#
# ## Drill: a process that dies
#
# A process loads a day, and is killed between the commit of its load and the line in the history that would say so. The
# row says `running`. (This has no button: in the panel the same fault would kill this kernel. That comes at the end.)
#
# **Predict**: what will the room call this run, once a tick has looked after it: `"crashed"` or `"succeeded"`?

# %%
guess = None

# %%
day = max(room.view().facts.loaded)
command = [sys.executable, "-m", "etl_core", "run", str(day), "--fault", "load.after-commit=kill"]
subprocess.run(command, capture_output=True)
[killed] = history.newest_runs(limit=1, pipeline="flights")
until(lambda: history.find(killed.run_id).status != "running", room)
reveal(guess, history.find(killed.run_id).status, "The receipt of the day carries its run id: all of it is there.")

# %% [markdown]
# Its lock could be taken, so it was dead; its receipt was there, so its work was done. That is `recover` of lesson 08,
# at each tick. Without a receipt the answer is `crashed`, and the day is pending again.
#
# ## Drill: a bad file
#
# The next day's file arrives with a renamed column, and two good days come after it. The policy of this pipeline allows
# four attempts. (By hand: type `delivery.spoil()`, which has no button; then *Landing*.)
#
# **Predict**: how many attempts does the bad day get?

# %%
guess = None

# %%
bad = delivery.spoil()
wait_for(room, [bad], "blocked")
wait_for(room, delivery.land(2), "loaded")
tried = [run for run in history.newest_runs(pipeline="flights") if run.interval_start == bad]
reveal(guess, len(tried), "A column does not come back by itself, so the error is permanent, and the day is blocked.")
print(mine("9.1")(case_of(flights, bad)))
figures(room, "current", "failed", "type")

# %% [markdown]
# The days after it went on, and *type* has the command that shows why this one failed. Click its row: the autopsy has
# the error, with file, line and column. Try *Run these days again* beside it: the same error, because a retry changes
# nothing about a file.
#
# ## Drill: a locked database
#
# Somebody has the database open in another program, and two loads in a row find it locked. (By hand, on *Break it on
# purpose*: *load*, *locked*, 2 times, *Arm*; then let a day land.) The first attempt fails, and its row turns red.
#
# **Predict**: what does the day need now? One of the answers of 9.1.

# %%
guess = None

# %%
room.arm("load", "locked", 2)
[locked] = delivery.land(1)
wait_for(room, [locked], "waiting")
need = mine("9.1")(case_of(flights, locked))
reveal(guess, need, "The error is a passing one, and the next attempt is stored. Red is not always yours.")
wait_for(room, [locked], "loaded")
attempts = [vars(run) for run in history.newest_runs(pipeline="flights") if run.interval_start == locked]
pd.DataFrame(attempts)[["trigger", "attempt", "status", "error"]].fillna("")

# %% [markdown]
# Newest first, as everywhere. On the timeline the day is a line of its own: two crosses, then a load. How long was it
# late? No run's duration has the answer.
#
# **Exercise 9.2** Say it in three values: the run that brought the data, the number of attempts, and the seconds from
# the first failure to the data. Read them off the panel, or ask the history; it is graded from your own.

# %% exercise="9.2"
from exercises.lesson_09 import recovery

check("9.2", recovery)

# %% [markdown]
# ## Drill: corrections
#
# Two files come again: that of the bad day, put right (`delivery.correct(bad)`), and that of 2 January, loaded long
# ago, with one line less: the source withdraws a flight. (Neither has a button.)
#
# **Predict**: you press nothing. Which of the two gets into the warehouse? `"both"`, `"bad day"`, `"2 January"` or
# `"none"`.

# %%
guess = None

# %%
COUNT = "SELECT COUNT(*) AS n FROM flights WHERE flight_date = '2013-01-02'"
before = etl_core.query(COUNT).n[0]
spoilt = {run.interval_start for run in history.newest_runs(pipeline="flights") if run.blocked and run.permanent}
file = delivery.folder / "flights" / "2013-01-02.csv"
file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
for day in spoilt:  # one, and those that you spoiled by hand
    delivery.correct(day)
until(lambda: etl_core.query(COUNT).n[0] < before, room)
wait_for(room, sorted(spoilt), "loaded")
reveal(guess, "both", f"2 January has {etl_core.query(COUNT).n[0]} flights instead of {before}.")
figures(room, "current", "failed")

# %% [markdown]
# *Blocked* was a verdict on that content, not on the day. And nobody had to remember that the 2nd was loaded once.
#
# ## Drill: a second room
#
# A colleague starts a scheduler on the same state folder. Two would run most ticks twice. (By hand:
# `!etl schedule --every 5` in a cell.)
#
# **Predict**: what does the second one do: `"run"`, `"wait"` or `"refuse"`?

# %%
guess = None

# %%
import os

second = subprocess.run([sys.executable, "-m", "etl_core", "schedule", "--every", "5"], capture_output=True, text=True)
reveal(guess, "refuse" if second.returncode else "run", "And it says who is there, so that somebody can be asked.")
print("it names this kernel:", f"pid {os.getpid()} " in second.stderr)
drills()

# %% [markdown]
# Looking needs no lock. In a second notebook beside this one these lines open the room, whose *scheduler* card says
# *yes, elsewhere*, and whose it is (`room.start` is refused there):
#
#     from etl_core.views.control_room import control_room
#     from exercises import begin
#
#     begin("09", keep=True)
#     control_room()
#
# What is left is **the kill in earnest**. In the panel choose *load.before-commit* and *kill its process*, press *Arm*,
# then let a day land. The kernel dies in the load, and JupyterLab says so. Before you go on: what will *missed or
# recovered* say, and what will the day be? Then run the first two cells of this lesson, in their order. Schedule,
# history and pictures are back, the run is called crashed, and a tick has loaded its day.
#
# ## Capstone: a pipeline of your own
#
# Beside the flights lies the weather, hour by hour. Make it a second pipeline. The job store keeps only its name,
# `weather:weather`, so it has to stand in a file that the next process can import. `%%writefile` makes one of a cell,
# in this lesson's folder.
#
# **Exercise 9.3** Write `landed`, `extract`, `transform` and `load`. It is graded as 3.1 and 3.2 were: run twice, with a
# corrected file, killed at every statement. And two days have something to say: 3 November, whose hour from one to two
# comes twice, and 31 December, whose file has not come.

# %% exercise="9.3"
from exercises.lesson_09 import weather

# %%
check("9.3", "weather.py")

# %% [markdown]
# Now it joins the room, under the same scheduler: daily at six, and once at once. Choose it at the top of the panel.
# (Until yours has passed, `mine` has the workbook's.)

# %%
room.add(mine("9.3"))
room.start("weather", choice=Choice("daily", at="06:00", limit=365))
room.run_now("weather")
wait_for(room, delivery.landed(), "loaded", "weather")
etl_core.query("SELECT pipeline, COUNT(*) AS days, SUM(rows_loaded) AS rows FROM receipts GROUP BY pipeline")

# %% [markdown]
# After you change `weather.py` or restart the kernel, run the cells from `check` on: a process imports a file once.
#
# ## What others call it
#
# | here | elsewhere |
# |---|---|
# | the control room | the web pages of Airflow, Dagster and Prefect; Flower for Celery. APScheduler has none |
# | is the data current? | Dagster: *freshness policies* and *asset checks*. Airflow: *deadline alerts*. Prefect: an *automation* on an event that does not come |
# | pause, resume | Airflow: a paused DAG. Dagster: a stopped schedule. Prefect: a paused deployment |
# | blocked, waiting for a retry | Airflow: `failed`, `up_for_retry`. Prefect: `Failed`, `AwaitingRetry`. Dagster: a failed run; a retry is a run of its own |
# | run again, backfill | Airflow: *clear* a task instance, *backfill*. Dagster: *re-execute*, *backfill* |
# | a second scheduler is refused | Airflow allows several, which share a database and lock rows; two Celery beats send everything twice |
#
# Most dashboards open on runs. Whichever tool you meet, ask it first for the newest whole day of the data, and if it
# cannot say, write that query yourself.

# %% [markdown]
# ## Recap
#
# An operator asks about data, and runs are only the way to it: green can be stale. Every red has an owner: a retry that
# is waiting, a person with an editor, or a source to be written to. What survives a kill is what was committed, and the
# next tick sorts out the rest. Corrections and late days need no button, because work is found from state. And four
# functions make a pipeline; everything around them was the same for the weather as for the flights.

# %%
progress()

# %% [markdown]
# **Next**: `beyond/` runs the same pipeline on Celery, Prefect, Dagster and Airflow, and measures whether deciding
# against them was right. The room stays open until you press *Stop* or shut down the kernel.

# %% [markdown]
# # 07 Scheduling: when does it run?
#
# "Every day at six" sounds like a complete instruction. It does not say what happens if the machine is off at six, or
# the run before is still at work, or which day's flights to load. A scheduler decides that by its defaults, if you do
# not.
#
# **You will do**: let a loop drift away from the hour and repair it; send APScheduler through a month with an outage
# in a second of your time; lose four days of flights with every run green, and then none.
#
# **You will learn**: what misfire, grace, coalesce and max_instances mean; what a data interval is; why a tick should
# ask what there is to do, and not what time it is.
#
# **You need**: *pending*, from lesson [05](05_run_by_hand.ipynb).
#
# **Minutes**: 25 for reading, 35 for the exercises.

# %%
from datetime import UTC, datetime, timedelta

import pandas as pd

import etl_core
from etl_core.scheduling import jobs
from etl_core.scheduling.simulate import simulate
from etl_core.settings import REPOSITORY
from etl_core.views.timeline import timeline
from exercises import begin, check, hint, mine, progress, reveal, solution
from exercises.tools import pictures_07 as pictures
from exercises.tools.clock import Clock
from exercises.tools.landing import copy_days
from exercises.tools.ten_days import LANDED, NEW_YORK, ten_days

home = begin("07")

# %% [markdown]
# ## Run it every hour
#
# Here is the scheduler that everybody writes first. It gets its clock as arguments, `now` and `sleep`, so that we can
# give it one that only jumps: `sleep(3600)` returns at once, and it is an hour later. In this **virtual time** a month
# takes no time at all.

# %%
ZONE, START = "America/New_York", datetime(2013, 1, 1, tzinfo=UTC)


def work_and_sleep(period, work, now, sleep, until):
    while now() < until:
        work()
        sleep(period)


def try_loop(loop, seconds, days=30):
    """When a loop of one hour starts its work, if that takes so many seconds."""
    clock, starts = Clock(START), []

    def work():
        starts.append(clock.time)
        clock.pass_time(seconds)

    loop(3600, work, clock.now, clock.sleep, START + timedelta(days=days))
    return starts


# %% [markdown]
# **Predict**: 30 days have 720 hours. How often does this loop start its work, if the work takes 40 seconds?

# %%
guess = None

# %%
starts = try_loop(work_and_sleep, seconds=40)
reveal(guess, len(starts), "The sleep of an hour begins when the work has ended.")
print("the last ones:", *(f"{start:%d %B %H:%M:%S}" for start in starts[-2:]))

# %% [markdown]
# One round takes an hour *and* 40 seconds. The "hourly" work wanders through the hour, and seven runs are lost.
#
# A schedule is a grid of times, fixed beforehand. A time on it is a **slot**; when a slot comes, the scheduler
# **ticks**.
#
# **Exercise 7.1** Repair the loop: it starts on the grid, leaves out slots that pass while it works, and survives an
# error of its work. It will be tried with 40 seconds of work an hour, and with 90 minutes.

# %% exercise="7.1"
from exercises.lesson_07 import run_every

check("7.1", run_every)

# %%
loops = {"sleep an hour": starts, "wait for the slot": try_loop(mine("7.1"), seconds=40)}
pictures.drift(loops, "A loop that sleeps for the period falls ever further behind")

# %% [markdown]
# ## Wake up late
#
# A scheduler's machine is switched off, updated, put into a bag. What about the slots that have passed meanwhile?
#
# We ask APScheduler. [`simulate`](../etl_core/scheduling/simulate.py) runs its real code under a clock that jumps, and
# tells what became of each slot. The schedule is daily at six, in cron's notation, the outage lasts over five slots,
# and the settings are APScheduler's own. (Its grace of one second is named, because `etl_core` has another default.)
#
# **Predict**: the machine is back on 16 January at nine. How many runs does APScheduler start then?

# %%
guess = None

# %%
OUTAGE = (datetime(2013, 1, 11, 22), datetime(2013, 1, 16, 9))
days = {"start": datetime(2013, 1, 7), "end": datetime(2013, 1, 21), "timezone": ZONE}
frame = simulate({"daily": "0 6 * * *"}, **days, outages=[OUTAGE], misfire_grace=1)
late = int((frame.actual > frame.scheduled).sum())
reveal(guess, late, "Four were coalesced into the fifth, and that was three hours late.")
timeline(frame, ZONE, [OUTAGE], "Nothing was run for the five slots in the outage")

# %% [markdown]
# Nothing failed, so no error is reported; a log has one line. A slot that is not run at its time is a **misfire**. Three
# settings decide about it:
#
# - **grace** (`misfire_grace_time`): how late a slot may be and still run. The default is one second; `None` is no limit.
# - **coalesce**: of several slots that are due, run only the newest. On by default.
# - **max_instances**: how many runs of one job may be at work at once. By default one.
#
# **Exercise 7.2** Write `slots`: which slots run when a scheduler wakes up at `now`? Your answer is compared with
# APScheduler's for 36 combinations.

# %% exercise="7.2"
from exercises.lesson_07 import slots

check("7.2", slots)

# %% [markdown]
# ## Build the small version
#
# With `slots` a scheduler for any number of schedules is short: a table of next times, and a loop that sleeps until
# the earliest of them. Its sleep is virtual, and the machine may be `off` when it should end.


# %%
def run_schedules(schedules, start, end, off, grace, coalesce):
    """What runs, as rows (schedule, scheduled, actual). `schedules`: name -> how often."""
    slots = mine("7.2")
    next_run = {name: start + every for name, every in schedules.items()}
    now, rows = start, []
    while True:
        name = min(next_run, key=next_run.get)  # whose turn is it?
        now = max(now, next_run[name])  # sleep until then
        if off[0] <= now < off[1]:
            now = off[1]  # it was a long sleep
        if now >= end:
            return rows
        for slot in slots(next_run[name], schedules[name], now, grace, coalesce):
            rows.append((name, slot, now))  # here the work would be done
        while next_run[name] <= now:
            next_run[name] += schedules[name]


# %% [markdown]
# APScheduler adds threads, so that a slow job does not hold up others, and a job store, so that `next_run` outlives the
# process. Does the small one run the same slots? Two weeks, three schedules, six settings:

# %%
hour = timedelta(hours=1)
every = {"hourly": hour, "daily": 24 * hour, "now and then": 7.7 * hour}
span = [START, START + timedelta(days=14)]
off = (START + 101 * hour, START + 219.2 * hour)
for grace in (hour / 3600, 2 * hour, None):
    for coalesce in (True, False):
        small = run_schedules(every, *span, off, grace, coalesce)
        limit = grace and int(grace.total_seconds())
        seconds = {name: each.total_seconds() for name, each in every.items()}
        frame = simulate(seconds, *span, [off], misfire_grace=limit, coalesce=coalesce)
        ran = frame[frame.outcome == "ran"][["schedule", "scheduled", "actual"]]
        same = sorted(small) == sorted(ran.itertuples(index=False, name=None))
        print(f"grace {grace}, coalesce {coalesce}: {len(small)} runs, the same: {same}")

# %% [markdown]
# ## Watch a month
#
# Now a whole January, with the same outage. On 22 January the work is slow: the daily run takes 60 hours instead of
# half an hour, and the hourly run of noon seven hours instead of five minutes. The settings are `etl_core`'s: no limit
# to grace, coalesce, one at a time. (The hourly line is too crowded for marks and has strokes: upwards what ran,
# downwards what did not.)

# %%
JANUARY = {"start": datetime(2013, 1, 1), "end": datetime(2013, 2, 1), "timezone": ZONE}


def work(name, scheduled):
    """How many seconds a run takes."""
    local = scheduled.astimezone(NEW_YORK)
    if name == "hourly":
        return 7 * 3600 if (local.day, local.hour) == (22, 12) else 300
    return 60 * 3600 if local.day == 22 else 1800


crons = {"hourly": "0 * * * *", "daily": "0 6 * * *"}
both = simulate(crons, job=work, **JANUARY, outages=[OUTAGE])
title = "After an outage slots are coalesced; during a slow run they are refused"
timeline(both, ZONE, [OUTAGE], title)

# %% [markdown]
# The light bar under 22 January is the slow daily run. Two slots came while it was at work, and were *refused*: one at
# a time is what `max_instances` says. A mark stands at its slot, even if it ran later: so the run of 16 January, at
# nine, stands in the outage. Here is the daily schedule under each setting. Which of them run all five slots?

# %%
settings = {
    "grace 1 s, coalesce (APScheduler's own)": {"misfire_grace": 1},
    "grace 1 s, each": {"misfire_grace": 1, "coalesce": False},
    "grace 30 h, coalesce": {"misfire_grace": 30 * 3600},
    "grace 30 h, each": {"misfire_grace": 30 * 3600, "coalesce": False},
    "no limit, coalesce (etl_core's)": {},
    "no limit, each": {"coalesce": False},
    "no limit, coalesce, two at once": {"max_instances": 2},
}


def under_each(cron, kind):
    """The month under each setting, one below the other."""
    given = {**JANUARY, "outages": [OUTAGE], "job": lambda _, slot: work(kind, slot)}
    each = [simulate({name: cron}, **given, **its) for name, its in settings.items()]
    return pd.concat(each)


title = "Grace and coalesce decide about 12 to 16 January, max_instances about 23 and 24"
timeline(under_each("0 6 * * *", "daily"), ZONE, [OUTAGE], title)

# %% [markdown]
# One does: "no limit, each", and it runs all five on the 16th at nine (arrows lead there). With a grace of 30 hours
# the newest two slots are in time; coalescing runs one of them. In the last line two may be at work, so nothing is
# refused. Two runs that load the same day must not meet, so the package keeps to one.
#
# The hourly schedule in numbers. For it, 107 slots fell into the outage.

# %%
hourly = under_each("0 * * * *", "hourly")
counts = hourly.groupby(["schedule", "outcome"], sort=False).size()
counts.unstack(fill_value=0).rename(columns={"overlapped": "refused"})

# %% [markdown]
# "No limit, each" makes up for all of them, one after the other, and its 14 refusals look odd: no other line has more
# than 8. With the slot of nine o'clock it has 108 runs of five minutes before it, which is nine hours at work, and the
# slots of those hours are refused: a backlog makes the next one.
#
# For a job that looks whether there is something to do, one run would have been enough. For one that does an hour's
# share, coalescing drops 107 shares. The right setting depends on what a run does.
#
# ## Say which day is meant
#
# A tick is an instant. What a run loads is a span of data, its **data interval**: half-open, from midnight up to and
# not including the next midnight. At six in the morning the newest complete day is yesterday. But whose yesterday?
#
# The files of this workbook are days of New York. How many flights of the year would be in another file, if days were
# cut at midnight in Greenwich?

# %%
files = sorted((REPOSITORY / "data" / "landing" / "flights").glob("*.csv"))
hours = {file.stem: pd.read_csv(file, usecols=["time_hour"]).time_hour for file in files}
moved = {day: (hour.str[:10] != day).sum() for day, hour in hours.items()}
print(f"{sum(moved.values()):,} of {sum(map(len, hours.values())):,} flights")

# %% [markdown]
# More than one flight in nine: all that leave in the evening.
#
# **Exercise 7.3** Write `interval_of`: from a tick and a time zone to the last complete day of that zone. Mind the
# nights on which clocks change, whose days have 23 and 25 hours.

# %% exercise="7.3"
from exercises.lesson_07 import interval_of

check("7.3", interval_of)

# %% [markdown]
# ## Load yesterday
#
# Now with real files. `ten_days` calls a job at six from 9 to 18 January, with the outage; each day's file lands in the
# night after it, whether or not somebody is there to load it. The job is the one that most people would write: find
# yesterday, load it. The settings are friendly: nothing is too late, missed ticks are coalesced.


# %%
def yesterday(instant):
    start, _ = mine("7.3")(instant, NEW_YORK)
    return start.astimezone(NEW_YORK).date()


def load_yesterday(scheduled):
    etl_core.flights.run(yesterday(scheduled))


frame, by_clock = ten_days(home / "load yesterday", load_yesterday, [OUTAGE])
runs = etl_core.history.newest_runs()
print(f"{len(runs)} runs, succeeded: {sum(run.status == 'succeeded' for run in runs)}")
title = "After the outage one run stands for five, and all runs succeed"
timeline(frame, ZONE, [OUTAGE], title)

# %% [markdown]
# The five ticks of 12 to 16 January became one run, and it was green like the others.
#
# **Predict**: how many of the ten days, 8 to 17 January, are missing in the warehouse?

# %%
guess = None

# %%
missing = [one.day for one in etl_core.pending_days(etl_core.flights)]
reveal(guess, len(missing), "The one run loaded one day: the 15th.")
print("landed and not loaded:", *missing)
each = simulate({"daily": "0 6 * * *"}, **days, outages=[OUTAGE], coalesce=False)
late = each[each.actual > each.scheduled].actual
print("five runs, not coalesced, would load:", *late.map(yesterday).map("{:%d %b}".format))

# %% [markdown]
# Four days are missing, and nothing says so. No run failed, so nothing is retried, and tomorrow's tick loads tomorrow's
# yesterday. Somebody will find the hole in a report, weeks later.
#
# Would it have helped not to coalesce? The last line says no. Five runs start on the 16th at nine, APScheduler does not
# tell a job for which slot it runs, and the clock gives all of them the same yesterday. The mistake is to ask the clock.
# What has landed, and what is loaded, is written elsewhere.
#
# ## Load what is pending
#
# The package's [`tick`](../etl_core/scheduling/jobs.py) does not look at the time at all. It loads what has landed and
# has no receipt, oldest first. The same ten days, the same outage:


# %%
by_tick = home / "load what is pending"
_, by_state = ten_days(by_tick, lambda scheduled: jobs.tick("etl_core:flights"), [OUTAGE])
title = "On 16 January yesterday is one day, and five are pending"
pictures.days({"load yesterday": by_clock, "load what is pending": by_state}, LANDED, title)

# %% [markdown]
# The tick of the 16th loaded five days, and did not have to know of the outage. With work found from state, a missed
# tick is made good by the next, a tick too many finds nothing to do, and coalescing is right, because one look is
# enough.
#
# **Exercise 7.4 ★** Write such a tick. It will live through a month with an outage, a late file, a corrected one, a bad
# one, and a limit to how many days it may try at once.

# %% exercise="7.4"
from exercises.lesson_07 import tick

check("7.4", tick)

# %% [markdown]
# Two more things happen there: 12 January gets a corrected file, one line shorter, and the file of the 18th lands. Your
# tick (the workbook's until yours has passed) takes the package's state, and loads with the package.

# %%
zone = copy_days(by_tick / "landing", "2013-01-18")
file = zone / "flights" / "2013-01-12.csv"
file.write_bytes(file.read_bytes().rpartition(b"2013,1,12,")[0])
flights = etl_core.flights
print(*(f"{one.day}: {one.reason}" for one in etl_core.pending_days(flights)), sep=", ")
loaded = etl_core.receipts_of("flights").items()
receipts = {day: receipt.source_hash for day, receipt in loaded}
mine("7.4")(etl_core.landed(), receipts, set(), flights.run, limit=31)
print("pending now:", etl_core.pending_days(flights))

# %% [markdown]
# ## What others call it
#
# | here | APScheduler | Celery | Airflow | Prefect | Dagster |
# |---|---|---|---|---|---|
# | schedule, slot | trigger, run time | entry of `beat_schedule` | timetable, logical date | schedule of a deployment, scheduled start time | schedule, tick |
# | three ticks missed | none made up; with grace None one, or each | while workers are down, all queue up | `catchup` decides | all, as late runs | the latest only |
# | max_instances | `max_instances` | none: a lock of your own | `max_active_runs` | concurrency limit | concurrency limits and pools |
# | data interval | none | none | data interval, if its timetable has one | a parameter of yours | partition |
# | found from state | none: yours | none | backfill of missing runs | none | missing partitions |
#
# Where a run is told its data interval or its partition, a late run still loads its own day. (With Airflow's
# `CronDataIntervalTimetable` the run that starts on 16 January at midnight has the *logical date* of the 15th, when its
# interval begins. Since Airflow 3 you have to ask for that: a plain cron text gives the 16th, and no interval.) That helps
# if all late runs are made; with `catchup` off, four days are missing there, too. A late or corrected file is yours to
# notice.

# %% [markdown]
# ## Recap
#
# A schedule is a fixed grid; a loop that sleeps for the period drifts off it. After an outage, grace says which slots
# are too old, coalesce whether one run stands for several, and max_instances whether a slow run may be overtaken; by
# default APScheduler drops what is over a second late. A run has a data interval, between midnights of the zone that
# the data live in. And a tick that finds its work in state loses nothing under any of these settings.

# %%
progress()

# %% [markdown]
# ## Bonus: the nights on which clocks change
#
# On 10 March 2013 New York went from 01:59 to 03:00; on 3 November 01:00 to 01:59 came twice. What do cron schedules
# do on these nights, from noon to noon?

# %%
schedules = {"half past one": "30 1 * * *", "half past two": "30 2 * * *"}
schedules["hourly"] = "0 * * * *"
nights = {"10 March": datetime(2013, 3, 9, 12), "3 November": datetime(2013, 11, 2, 12)}
found = {}
for night, noon in nights.items():
    frame = simulate(schedules, noon, noon + timedelta(days=1), timezone=ZONE)
    times = frame.scheduled.dt.tz_convert(ZONE).dt.strftime("%H:%M %Z")
    by_name = times.groupby(frame.schedule)
    found[night] = by_name.agg(lambda t: f"{len(t)} ticks" if len(t) > 2 else ", ".join(t))
pd.DataFrame(found)

# %% [markdown]
# In autumn the half past one that comes twice is run twice, and a report would be sent twice. In spring half past two
# does not exist, and APScheduler runs it at half past three; do not count on that elsewhere. Put schedules where clocks
# do not change, at six or in UTC, or have ticks of which one too many does no harm.

# %% [markdown]
# **Next**: [08 Persistence](08_persistence.ipynb): what survives? The scheduler of this lesson kept its next times in a
# variable.

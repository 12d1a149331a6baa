# %% [markdown]
# # 02 Transform: when did this flight leave?
#
# A file says that flight MQ 4650 left at `549`: without a colon, a day or a time zone, and a warehouse needs an instant.
# On the way from one to the other a wrong answer often looks right.
#
# **You will do**: turn clock times into minutes, minutes into instants, join the weather, and sort out the lines that
# cannot be loaded.
#
# **You will learn**: why a clock time does not tell its day, what adding time means when clocks change, how a join is
# kept one to one, and why a bad line is neither fatal nor to be dropped.
#
# **You need**: some pandas, and [lesson 01](01_extract.ipynb), where lines were read as text with their numbers.
#
# **Minutes**: 25 for reading, 30 for the exercises; the bonus at the end takes 10 more.

# %%
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

import etl_core
from etl_core import settings
from etl_core.views import plots
from exercises import begin, check, hint, mine, progress, reveal, solution
from exercises.tools import pictures_02 as pictures

home = begin("02")

# %% [markdown]
# ## Read a clock as a clock
#
# Here are lines of 9 January as they stand in the file, read with your `read_raw` of lesson 01 (or the workbook's,
# until yours has passed). `dep_time` is when the flight left, `sched_dep_time` when it should have, `dep_delay` the
# difference in minutes; `NA` means that it was cancelled. It is tempting to subtract the first two.
#
# **Predict**: over the whole year, of 100 flights that left, for how many does `dep_time - sched_dep_time` differ from
# `dep_delay`? Put a number in place of `None`.

# %%
guess = None  # a number from 0 to 100
FLIGHTS = Path(settings.current().landing) / "flights"
raw = mine("1.1")(FLIGHTS / "2013-01-09.csv")
columns = ["source_line", "carrier", "flight", "sched_dep_time", "dep_time", "dep_delay"]
raw[columns].iloc[[2, 7, 896, -1]].set_index("source_line")

# %% [markdown]
# Now the year.

# %%
everything = etl_core.extract(etl_core.Interval.of("2013-01-01", "2013-12-31"))
year = everything.flights
gone = year[year.dep_time.notna()]
wrong = gone[gone.dep_time - gone.sched_dep_time != gone.dep_delay]
reveal(guess, round(100 * len(wrong) / len(gone)), f"{len(wrong):,} of {len(gone):,} flights.")
wrong[["flight_date", *columns]].head(3).set_index("source_line")

# %% [markdown]
# MQ 4650, planned for 6:00, left at 5:49, eleven minutes early; 600 - 549 is 51. The last two digits stop at 59, so
# each turn of the hour between two times adds 40 that are not there. Within one hour the subtraction is right, and a
# look at a few lines may not show the mistake.
#
# **Exercise 2.1** Write `minutes(hhmm)`, the minutes since midnight. Three things need a decision: `NA` is no time at
# all, `2400` is the end of the day, and `2460` is nobody's time.

# %% exercise="2.1"
from exercises.lesson_02 import minutes

check("2.1", minutes)

# %% [markdown]
# ## Find the flight that left earliest
#
# With minutes since midnight, subtract again: the column `clock` below. Flights often leave a few minutes early.
#
# **Predict**: on 9 January, how many minutes before its timetable did the earliest flight leave?

# %%
guess = None  # minutes


# %%
def since_midnight(hhmm: pd.Series) -> pd.Series:
    return hhmm // 100 * 60 + hhmm % 100


gone = gone.assign(clock=since_midnight(gone.dep_time) - since_midnight(gone.sched_dep_time))
day = gone[gone.flight_date == "2013-01-09"].set_index("source_line")
shown = ["carrier", "flight", "dest", "sched_dep_time", "dep_time", "clock"]
day.nsmallest(4, "clock")[shown]

# %% [markdown]
# No flight leaves 23 hours early. B6 739 was planned for 23:59 and left at 0:02 on the next day: the file's day is that
# of the timetable, and the departure's own day is written nowhere. So nearly everybody writes a rule: more than twelve
# hours early means tomorrow.

# %%
tomorrow = day.clock < -12 * 60
day = day.assign(clock=day.clock.mask(tomorrow, day.clock + 24 * 60))
day.nsmallest(4, "clock")[shown]

# %% [markdown]
# That looks like an answer: HA 51 to Honolulu left 139 minutes early. Would you have looked further? There is a column
# that we did not use.

# %%
longest = f"{gone.dep_delay.max():,} minutes"
reveal(guess, int(-day.dep_delay.min()), f"That is B6 1174. The longest delay of the year: {longest}.")
day.nsmallest(4, "clock")[[*shown, "dep_delay"]]

# %% [markdown]
# HA 51 left 1,301 minutes late, at 6:41 of the next morning. The rule made the longest delay of the year into the earliest
# start of the day.
#
# Now the whole year in one picture: across, what the clocks say; up, what happened.

# %%
off = gone.clock - gone.dep_delay
missed = gone[(off != 0) & (gone.clock >= -720)]
for apart, count in off.value_counts().items():
    print(f"clock and delay {apart:,} minutes apart: {count:,} flights")
late = missed.dep_delay
print(f"missed by the rule: {len(late)} flights, {late.min():,} to {late.max():,} minutes late")
print("on the clock, the earliest of the blue ones:", gone.clock[off == 0].min())
print("on the clock, the latest of the others:", gone.clock[off != 0].max())
pictures.clock_and_delay(gone, "On the clock, the longest delay of the year looks like an early start")

# %% [markdown]
# On 1,207 flights clock and delay are a whole day apart. The rule misses 24 of these, the orange points right of the
# dashed line. A rule of one hour would have been right all year, since nothing lies between -139 and -43; a flight 100
# minutes later than HA 51 breaks it. The delay needs no such bet: **departure = timetable + delay**, and the clock is
# left for checking.
#
# ## Make an instant, and add to it
#
# A timetable's day and clock time become an instant once we say where the clock hangs: in New York. Then the delay is
# added. Suppose a flight that waited at the gate while clocks changed: planned for 23:30 on 9 March 2013, it left 300
# minutes later, and in between clocks in New York went forward from 2:00 to 3:00.
#
# **Predict**: what does the clock at the gate show when the flight leaves?

# %%
guess = None  # such as "01:30"

# %%
planned = datetime(2013, 3, 9, 23, 30, tzinfo=ZoneInfo("America/New_York"))
moved_hands = planned + timedelta(minutes=300)
elapsed = (planned.astimezone(UTC) + timedelta(minutes=300)).astimezone(planned.tzinfo)
for name, left in (("planned + 300 minutes", moved_hands), ("the same by way of UTC", elapsed)):
    waited = left.astimezone(UTC) - planned.astimezone(UTC)
    print(f"{name}: {left:%H:%M}, {waited} hours after the timetable")
reveal(guess, f"{elapsed:%H:%M}", "300 minutes passed, and the clock jumped over one more hour.")
pictures.clock_nights("New York's clock skips an hour in March and shows one twice in November")

# %% [markdown]
# In Python, adding to a datetime of New York moves the hands of its clock, and hands do not know of that night. In UTC,
# which runs along the bottom of the picture, an hour is always an hour. On the two days shown, six such hours after
# midnight it is not six o'clock.
#
# Another mistake shows on every day of the year: `replace(tzinfo=UTC)` puts a label on the clock and leaves its hands
# where they are. `astimezone(UTC)` converts. So: first the zone of the place, then UTC, then add.
#
# **Exercise 2.2 ★** Write `left_at(day, scheduled, departed, delay)`, the instant of departure. It is tried with HA 51
# as it left, and as if it had waited longer; with all flights of three days and one that left at 24:00; and around the
# two nights.

# %% exercise="2.2"
from exercises.lesson_02 import left_at

check("2.2", left_at)

# %% [markdown]
# The package does the same with whole columns: `etl_core.transform` takes what `etl_core.extract` gives. Here its
# departures of 9 January beside those of the small version (yours, once it has passed). The source brings a check of
# its own: `time_hour` is the timetable's hour in UTC.

# %%
extracted = etl_core.extract("2013-01-09")
flights = etl_core.transform(extracted).flights
lines = zip(raw.sched_dep_time, raw.dep_time, raw.dep_delay, strict=True)
small = pd.Series([mine("2.2")(date(2013, 1, 9), *line) for line in lines])
small = pd.to_datetime(small, utc=True).dt.as_unit("s")
print("the same departures:", small.equals(flights.actual_departure))
hour = flights.scheduled_departure.dt.floor("h")
print("the hours of time_hour:", hour.equals(extracted.flights.time_hour))
flights.loc[flights.carrier == "HA", ["carrier", "flight", "scheduled_departure", "actual_departure"]]

# %% [markdown]
# ## Keep one row a flight
#
# Each flight shall get the temperature of its hour. The weather has a row for each hour and airport; both tables have
# `time_hour`, in UTC.
#
# **Predict**: 15 January has 894 flights. How many rows come out of
# `flights.merge(weather, on="time_hour", how="left")`?

# %%
guess = None  # rows

# %%
days = {day: etl_core.extract(day) for day in ("2013-01-15", "2013-11-03", "2013-12-31")}
rows = pd.DataFrame({"flights": {day: len(of.flights) for day, of in days.items()}})
joins = ("left", ["time_hour"]), ("inner", ["origin", "time_hour"]), ("left", ["origin", "hour"])
for how, on in joins:
    joined = [of.flights.merge(of.weather[[*on, "temp"]], how=how, on=on) for of in days.values()]
    rows[f"{how}, on {' and '.join(on)}"] = [len(table) for table in joined]
reveal(guess, int(rows.iloc[0, 1]), "Each flight got the sky of all three airports.")
rows

# %% [markdown]
# No error anywhere. The first join makes three flights of each, but for 31 December, when no weather landed; the second
# loses that day. The third joins on New York's hour and looks right even on 3 November, when the hour from 1 to 2 came
# twice: no flight was planned for that hour. Here that join is again, and says what must hold: *many* flights to *one*
# row of weather.

# %%
november = days["2013-11-03"]
by_clock = november.weather[["origin", "hour", "temp"]]
try:
    november.flights.merge(by_clock, how="left", on=["origin", "hour"], validate="many_to_one")
except pd.errors.MergeError as error:
    print(error)

# %% [markdown]
# `validate` looks at the keys and not at this year's luck. Such a join keeps two promises: no flight twice
# (`validate`), no flight lost (`how="left"`).
#
# **Exercise 2.3** Write `add_weather(flights, weather)`. It is tried on an ordinary day, also with an hour of weather
# missing, on 31 December, and on 3 November with two flights at half past one put in: one before the clocks were put
# back, and one after.

# %% exercise="2.3"
from exercises.lesson_02 import add_weather

check("2.3", add_weather)

# %% [markdown]
# ## Sort out a bad line
#
# A cancelled flight has no departure, a diverted one no arrival delay. Many notebooks call `dropna()` here, to have
# clean data. 8 February was the day of a blizzard, with 930 flights planned.
#
# **Predict**: how many lines of that day does `dropna()` keep?

# %%
guess = None  # lines

# %%
blizzard = etl_core.extract("2013-02-08")
reveal(guess, len(blizzard.flights.dropna()), "The others were cancelled or diverted.")
plots.delays(etl_core.transform(blizzard).flights)

# %% [markdown]
# `dropna()` takes the orange bars away, and the evening of the blizzard is an evening on which nothing was planned.
# Missing is not invalid. What is invalid is rare: a time of `2460`, a line that came twice. Raise an error, and one
# mistyped line costs the day. Take its time for missing, and its flight is cancelled from then on.
#
# So a bad line goes into **quarantine**: not loaded, but kept, with its number, its text and one reason. Then a sum
# must come out for each file, and a lost line shows: **lines in = rows loaded + rows rejected**.
#
# **Exercise 2.4** Write `sort_out(raw)`, which returns the good lines and the rejected ones.

# %% exercise="2.4"
from exercises.lesson_02 import sort_out

check("2.4", sort_out)

# %% [markdown]
# Now a file that is bad in three places, for the small version and for the package: two times that no clock shows, and
# at the end line 2 once more.

# %%
bent = mine("1.1")(FLIGHTS / "2013-01-15.csv").drop(columns="source_line")
bent = bent.reset_index(drop=True)
bent.loc[3, "dep_time"], bent.loc[7, "sched_dep_time"] = "2460", "-5"
file = home / "landing" / "flights" / "2013-01-15.csv"
file.parent.mkdir(parents=True, exist_ok=True)
pd.concat([bent, bent.head(1)]).to_csv(file, index=False)

good, rejected = mine("2.4")(mine("1.1")(file))
extracted = etl_core.extract("2013-01-15", landing=str(home / "landing"))
package = etl_core.transform(extracted)
print(f"{len(bent) + 1} lines = {len(good)} good + {len(rejected)} rejected by the small version")
print(f"{extracted.rows} lines = {package.rows} good + {len(package.rejected)} rejected by the package")
print("the same lines:", sorted(rejected.source_line) == sorted(package.rejected.source_line))
for line in package.rejected.itertuples():
    print(f"line {line.source_line}: {line.reason}")

# %% [markdown]
# Of two good lines with one key the first counts: any rule will do that gives the same answer tomorrow. And if more
# than half of a file is bad, the package loads nothing of it: what was loaded before is better than a remnant.
#
# ## What others call it
#
# | here | APScheduler | Celery | Airflow | Prefect | Dagster |
# |---|---|---|---|---|---|
# | transform, a plain function | in your job's function | a task | a task (`@task`) | a task (`@task`) | an asset (`@asset`) |
# | the day it is about | your argument | your argument | data interval | a parameter | partition |
# | what it hands on | a variable | in the result backend | XCom | the task's result | by an IO manager |
# | rules for the data | yours | yours | yours, or SQL check operators | yours | asset checks |
# | bad lines, the quarantine | yours | yours | yours | yours | yours |
# | the zone of a schedule | `timezone` | `timezone`, `enable_utc` | `timezone`, kept in UTC | `timezone` | `execution_timezone` |
#
# An engine does not look inside: a plain function can move from one to the other, and its mistakes move with it.
#
# ## Recap
#
# A clock time is neither a number nor an instant: it lacks its day and its zone. Take the timetable's day and zone,
# convert to UTC once, and add the delay there. A left join on a key that is unique on the right keeps one row a flight,
# and `validate` holds it. Missing is not invalid, and what is invalid goes into quarantine with a reason.

# %%
progress()

# %% [markdown]
# Next comes [03 Load](03_load.ipynb). What follows here is a bonus, and may wait.
#
# ## Bonus: arrivals
#
# An arrival's clock hangs at the destination. Here are two flights of 9 March, in the night when clocks went forward;
# `landed` is what the package makes of timetable and delay, shown on New York's clock, which is also Florida's.

# %%
night = year[year.flight_date == "2013-03-09"].reset_index()
landed = etl_core.transform(etl_core.extract("2013-03-09")).flights.actual_arrival
night["landed"] = landed.dt.tz_convert("America/New_York").dt.strftime("%H:%M")
both = night[(night.carrier == "B6") & night.flight.isin([35, 701])].set_index("flight")
both[["dest", "dep_time", "sched_arr_time", "arr_delay", "air_time", "arr_time", "landed"]]

# %% [markdown]
# B6 35 to Palm Beach landed at `203`, says the source. In Florida there was no 2:03 that night: after 1:59 came 3:00.
# From 23:06 to 2:03 are 177 minutes, 141 of them in the air, which leaves 36 for taxiing. So time passed as the source
# says, and its clock was not put forward. Timetable plus delay gives 3:03, the time on the wall.
#
# B6 701 landed at `229`, and that time exists: it went to San Juan, and Puerto Rico does not change its clocks. `landed`
# is missing there, because airports.csv lacks that airport. Without a zone there is no instant; better none than a
# guess.
#
# Now the whole year: the difference of a flight's two clocks by timetable, the time that passes between them, and the
# time in the air (medians, in minutes).

# %%
flights = etl_core.transform(everything).flights
zone = flights.dest.map(everything.airports.set_index("faa").tzone).fillna("not known")
clocks = since_midnight(year.sched_arr_time) - since_midnight(year.sched_dep_time)
passes = (flights.scheduled_arrival - flights.scheduled_departure).dt.total_seconds() / 60
times = {"by the clocks": clocks % 1440, "that passes": passes, "in the air": year.air_time}
medians = pd.DataFrame(times).groupby(zone.rename("zone")).median()
medians.assign(flights=zone.value_counts()).round().astype("Int64")

# %% [markdown]
# Between the first two columns lie whole hours, but for two rows that look wrong: 177 minutes for Phoenix, 354 for
# Honolulu. Neither place changes its clocks. Phoenix is two hours behind New York in winter and three in summer,
# Honolulu five or six, and the medians mix both. Between the second and third lie 35 to 45 minutes everywhere, for
# taxiing: a wrong zone would show there.
#
# Last, where the package's rules live: in [columns.py](../etl_core/stages/columns.py), as data, a line a column.
# Reading, checking and the reasons in the quarantine are all made from it, so a new rule is a changed line.

# %% [markdown]
# **Next**: [03 Load](03_load.ipynb), where these rows go into a database, and the process dies half-way.

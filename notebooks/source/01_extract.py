# %% [markdown]
# # 01 Extract: what exactly arrived?
#
# Every night a file lands: the day's flights out of New York. Before anything is done with it, one question has to be
# answered, and the answer kept: what exactly arrived?
#
# **You will do**: read a day as the text it is, give it a fingerprint, judge broken files, and download one safely.
#
# **You will learn**: why types that are guessed from a file change overnight, how a corrected or late file is noticed,
# and which damage no look at a file can find.
#
# **You need**: some Python and pandas, and [00 Start here](00_start_here.ipynb) for how exercises work.
#
# **Minutes**: 20 for reading, 30 for the exercises.

# %%
import os
from hashlib import sha256

import pandas as pd

import etl_core
from exercises import begin, check, hint, mine, progress, reveal, solution
from exercises.tools import pictures_01 as pictures
from exercises.tools.landing import copy_days, flights_file, weather_file

home = begin("01")

# %% [markdown]
# ## Let pandas guess the types
#
# The landing zone holds a file a day, `data/landing/flights/2013-01-15.csv` and so on, all from one source, all with
# the same columns. `dep_time` is when a flight left, as a clock shows it: `517` is 5:17. For 28 November pandas reads
# that column as `int64`.
#
# **Predict**: as what will it read the column for 15 January? Put your guess in place of `None`, as text.

# %%
guess = None

# %%
november, january = (pd.read_csv(flights_file(day)) for day in ("2013-11-28", "2013-01-15"))
why = f"And 28 November: {november.dep_time.dtype}. One source, one column."
reveal(guess, str(january.dep_time.dtype), why)

# %% [markdown]
# Somebody wrote code in November: the hour is what is left of a time without its last two digits. It was tested, and it
# was right. Here it is on both days, on the first flight of each. And what is different about 15 January? Look for what
# is no number.

# %%
for day, flights in {"28 November": november, "15 January": january}.items():
    first = flights.dep_time[0]
    print(f"{day}: dep_time {first}, so it left in hour {str(first)[:-2]}")
lines = flights_file("2013-01-15").read_text().splitlines()
odd = next(n for n, line in enumerate(lines) if line.startswith("2013,1,15,NA"))
print(f"line {odd + 1} of 15 January:", lines[odd])

# %% [markdown]
# Hour 453, and no error. `NA` in `dep_time` means that the flight was cancelled. pandas takes `NA` for a missing number.
# Its usual whole numbers have no way to say "missing", so the whole column becomes decimals. Does that hold for all of
# the year?

# %%
found = {}
for file in sorted(flights_file("2013-01-15").parent.glob("*.csv")):
    column = pd.read_csv(file, usecols=["dep_time"]).dep_time
    found[pd.Timestamp(file.stem)] = (str(column.dtype), column.isna().sum())
year = pd.DataFrame.from_dict(found, orient="index", columns=["read as", "cancelled"])
few = (year["read as"] == "int64").sum()
title = f"On the {few} days without a cancellation dep_time is whole numbers, else decimals"
pictures.types_of_the_year(year, title)

# %% [markdown]
# So the type depends on whether anyone cancelled. A guessed type is a fact about one day's file, not about the source,
# and code that relies on it breaks on another day. The way out has two steps: first take the text as it is, then give
# it the types that were agreed on.
#
# ## Take the text as it is
#
# `dtype=str` asks pandas for text. Here is a small file to try it on: two real lines of 15 January, one of them
# changed. Its flight is number `007` of a carrier called `NA`, which was the code of North American Airlines, at home
# at JFK. Between the two is a blank line.
#
# **Predict**: what will the carrier be in the DataFrame?

# %%
odd = [lines[0], lines[1].replace("US,1117", "NA,007"), "", lines[2], ""]
(home / "odd.csv").write_text("\n".join(odd))
guess = None

# %%
text = pd.read_csv(home / "odd.csv", dtype=str)
why = "Even where all is read as text, the text NA counts as missing. The carrier is gone."
reveal(guess, str(text.carrier[0]), why)
text[["carrier", "flight", "dep_time", "dest"]]

# %% [markdown]
# The `007` was kept, the carrier was not. There is a second loss: UA 1018 is row 1 here, but which line of the file is
# that? Counting from the header it should be line 3. It is line 4, since pandas skipped the blank one. Whoever is told
# "line 3 is wrong" opens the file and looks at nothing.
#
# **Exercise 1.1 ★** Read a file so that nothing is lost: every cell as the exact text, and in `source_line` the line
# where it stands. Do not repair anything yet, not even spaces. Repairs belong where they can be seen, in transform.

# %% exercise="1.1"
from exercises.lesson_01 import read_raw

check("1.1", read_raw)

# %% [markdown]
# Now the second step: types on purpose. `Int32` is pandas' whole number that may be missing. `etl_core.extract` does
# both steps for a day, with a table of what every column is to be ([columns.py](../etl_core/stages/columns.py)). Below,
# both on 15 January: your reading, or the workbook's until yours passes, and the package's.

# %%
raw = mine("1.1")(flights_file("2013-01-15"))
small = raw.dep_time.mask(raw.dep_time == "NA").astype("Int32")
typed = etl_core.extract("2013-01-15").flights
print("same values:", list(small.dropna()) == list(typed.dep_time.dropna()))
print("same lines:", list(raw.source_line) == list(typed.source_line))
print({day: etl_core.extract(day).flights.dep_time.dtype for day in ("2013-11-28", "2013-01-15")})

# %% [markdown]
# ## Notice what is new
#
# Which days are to be loaded? Those with a file that has not been loaded yet. But files are also sent again: corrected,
# late, or copied to another disk. `etl_core.landed()` answers for every day with a hash of what is there, its flights
# file and its weather file together. Here is a landing zone of three days, and for 16 January no weather has come yet.
# Overnight, three things will happen:
#
# - 14 January is copied again, the same bytes with a new date.
# - 15 January is corrected: US 1117 left at 4:57, 3 minutes early, not at 4:53, 7 minutes early. The size stays, and
#   the tool that sends it keeps the file's old date, as many do.
# - For 16 January the weather arrives. Its flights file is left alone.
#
# **Predict**: how many of the three days will have another hash?

# %%
zone = copy_days(home / "landing", "2013-01-14", "2013-01-15", "2013-01-16")
late = zone / "weather" / "2013-01-16.csv"
late.unlink()
before = etl_core.landed(landing=zone)
stats = {file.stem: file.stat() for file in (zone / "flights").glob("*.csv")}
guess = None

# %%
again, corrected = (zone / "flights" / f"2013-01-{day}.csv" for day in (14, 15))
os.utime(again)
corrected.write_bytes(corrected.read_bytes().replace(b"453,500,-7", b"457,500,-3"))
os.utime(corrected, ns=(0, stats["2013-01-15"].st_mtime_ns))
_ = late.write_bytes(weather_file("2013-01-16").read_bytes())

# %%
rows = {}
for day, content in etl_core.landed(landing=zone).items():
    then, now = stats[str(day)], (zone / "flights" / f"{day}.csv").stat()
    dates = then.st_mtime_ns, now.st_mtime_ns
    rows[str(day)] = [then.st_size == now.st_size, dates[0] == dates[1], before[day] == content]
columns = ["flights: size", "flights: date", "hash of the day"]
table = pd.DataFrame.from_dict(rows, "index", columns=columns)
why = "The corrected day, and the one whose weather came."
reveal(guess, int((~table["hash of the day"]).sum()), why)
table.replace({True: "same", False: "another"})

# %% [markdown]
# Size and date are wrong in both directions. They call 14 January new, where nothing is, and miss the correction of
# 15 January, which would never be loaded. The row of 16 January looks wrong at first: its flights file is the same, and
# the hash is not. It stands for all that belongs to the day, and the day now has weather.
#
# **Exercise 1.2** Write the fingerprint of one file: the same text exactly when the bytes are the same, also tomorrow,
# in another process.

# %% exercise="1.2"
from exercises.lesson_01 import fingerprint

check("1.2", fingerprint)

# %% [markdown]
# The package's hash of a day is made of two such fingerprints, with the word `absent` where there is no weather. Made by
# hand, is it the same on every day of the year?

# %%
same = 0
for day, content in etl_core.landed().items():
    both = flights_file(day), weather_file(day)
    marks = [sha256(f.read_bytes()).hexdigest() if f.exists() else "absent" for f in both]
    same += content == sha256("flights {}\nweather {}\n".format(*marks).encode()).hexdigest()
print("the same on", same, "days")

# %% [markdown]
# ## Judge a file before believing it
#
# Not every file that lands is a day. Here are five that came under the name `2013-01-15.csv`: two were cut off, one
# comes from a source that renamed a column, one is a server's error page, one is empty.
#
# **Predict**: how many of the five does `pd.read_csv` accept without an error?

# %%
whole = flights_file("2013-01-15").read_bytes()
files = {
    "cut in a line": whole[:39_998],
    "cut between lines": b"".join(whole.splitlines(keepends=True)[:401]),
    "renamed column": whole.replace(b"dep_time", b"departure", 1),
    "error page": b"<!DOCTYPE html>\n<html><body><h1>503 Service Unavailable</h1></body></html>\n",
    "empty": b"",
}
guess = None

# %%
accepted = {}
for name, content in files.items():
    (home / "broken.csv").write_bytes(content)
    try:
        accepted[name] = pd.read_csv(home / "broken.csv")
    except ValueError as error:
        print(f"{name}: {type(error).__name__}")
reveal(guess, len(accepted), f"The whole day has {len(january)} rows. This is what was accepted:")
shapes = {name: flights.shape for name, flights in accepted.items()}
pd.DataFrame.from_dict(shapes, orient="index", columns=["rows", "columns"])

# %% [markdown]
# Look at the last row of the first one, and at the same line of the whole file.

# %%
cut, shown = accepted["cut in a line"], ["dep_time", "arr_time", "carrier", "flight"]
print("cut:  ", cut[shown].iloc[-1].to_dict())
print("whole:", january[shown].iloc[len(cut) - 1].to_dict())
print("cut between lines, dep_time:", accepted["cut between lines"].dep_time.dtype)

# %% [markdown]
# A flight that landed at 17:00 has landed at 0:17, because the cut went through the number. The other cut is worse: the
# cancelled flights stand at the end of the file and were all lost, so `dep_time` is whole numbers, and this half of a
# day looks cleaner than the whole one.
#
# **Exercise 1.3** Say what is wrong with a file, in words somebody can act on, or None if nothing is. A source may add
# a column or change their order. That is no fault.

# %% exercise="1.3"
from exercises.lesson_01 import whats_wrong

check("1.3", whats_wrong)

# %% [markdown]
# The package asks the same questions, and one more: can trying again help? A file that breaks off in a line may still
# be on its way, which is a *transient* error. A page instead of a file stays one, which is *permanent*. Below: what
# `whats_wrong` says (yours, once it passes), what the package raises, and whether that is worth another try.

# %%
from etl_core.errors import EtlError

said, judged = {}, copy_days(home / "judged", "2013-01-15")
file = judged / "flights" / "2013-01-15.csv"
for name, content in files.items():
    file.write_bytes(content)
    try:
        found = f"accepted, {etl_core.extract('2013-01-15', landing=judged).rows} lines", ""
    except EtlError as error:
        found = type(error).__name__, "yes" if etl_core.is_transient(error) else "no"
    said[name] = [mine("1.3")(file) or "nothing", *found]
columns = ["what is wrong with it", "etl_core.extract", "try again?"]
pd.set_option("display.max_colwidth", None)  # whole sentences
pd.DataFrame.from_dict(said, orient="index", columns=columns)

# %% [markdown]
# One file gets past everybody: the one that was cut between two lines. Nothing in it is wrong, it is only not all. What
# is missing cannot be seen in what is there. Somebody has to say beforehand how much is to come.
#
# ## Download all of it or nothing
#
# A web server does say so, in the header `Content-Length`. Here is one on this machine that announces the whole day
# and breaks the connection after the header line and 400 flights. The download, with `copyfileobj`, is the one you find
# in many answers on the web.
#
# **Predict**: does it raise an error? Put in `"yes"` or `"no"`.

# %%
import shutil
from urllib.request import urlopen

from exercises.tools.server import Page, serve

page = Page(whole, cut=len(files["cut between lines"]))
target = home / "2013-01-15.csv"
guess = None

# %%
raised = "no"
with serve({"/day.csv": page}) as site, urlopen(f"{site.url}/day.csv") as reply:
    announced = int(reply.headers["Content-Length"])
    try:
        with open(target, "wb") as file:
            shutil.copyfileobj(reply, file)
    except Exception:
        raised = "yes"
why = f"{target.stat().st_size:,} bytes of {announced:,} are in the file, as if all were well."
reveal(guess, raised, why)

# %% [markdown]
# To code that takes piece after piece, a broken connection looks like the end of the file. (`reply.read()`, all in one
# piece, does raise.) There is a second trap: the download wrote straight into `2013-01-15.csv`. Whoever looks meanwhile
# finds part of a day under the name of the day.
#
# **Exercise 1.4** Write a download after which the target is whole, or else as it was before, with an error raised.
# Nobody may see half a file under a name that looks like a day's.

# %% exercise="1.4"
from exercises.lesson_01 import fetch

check("1.4", fetch)

# %% [markdown]
# A server that breaks off once more: first for your `fetch`, or the workbook's, then for the package, which reads a
# landing zone behind an address like one in a folder (`ETL_LANDING=https://…`).

# %%
target = home / "2013-01-15.csv"
target.write_text("yesterday's file\n")
download = mine("1.4")
with serve({"/flights/2013-01-15.csv": page}) as site:
    for attempt in (
        lambda: download(f"{site.url}/flights/2013-01-15.csv", target),
        lambda: etl_core.extract("2013-01-15", landing=site.url),
    ):
        try:
            attempt()
        except Exception as error:
            print(f"{type(error).__name__}; worth another try: {etl_core.is_transient(error)}")
print("in the target:", target.read_text().strip())

# %% [markdown]
# ## What others call it
#
# | | a file has landed | known by its content | judged before it is used |
# |---|---|---|---|
# | here | `landed()` looks | the hash of the day | `extract` raises `BadSchema`, or a transient error |
# | APScheduler | yours to write, inside the job | yours | yours |
# | Celery | yours; something sends the task | yours | yours |
# | Airflow | a *sensor* waits for it, or an *asset* is updated | yours | a check task before the others |
# | Prefect | an *event* or *webhook* triggers an *automation* | a *cache key* made of the inputs | yours, in a task |
# | Dagster | a *sensor* asks every so often | the *data version* of an observable source asset | an *asset check* |
#
# ## Recap
#
# A type that pandas guesses belongs to one day's file, so extract takes text first and then gives the types that were
# agreed on, and keeps the line each value came from. What has arrived is known by its bytes, not by name, size or date,
# and so corrections and late files are found by looking. A file is judged before it is believed; that it is all there,
# which it cannot tell itself, the sender has to announce. Write aside, check, rename: then nobody reads half a day.

# %%
progress()

# %% [markdown]
# **Next**: [02 Transform](02_transform.ipynb): when did this flight leave?

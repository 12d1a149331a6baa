"""Lesson 9, the control room: can I operate it?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from etl_core import Interval, RetryPolicy, faults, flights, history
from etl_core.history import Run
from exercises.model import Exercise
from exercises.tools import capstone, cases
from exercises.tools.child import in_child
from exercises.tools.compare import show
from exercises.trial import Trial

# ---- 9.1 ------------------------------------------------------------------------------------------------------------

RIGHT = {
    "loaded": "nothing",
    "failed, then healed by its retry": "nothing",
    "died after its commit": "nothing",
    "a retry waits": "wait",
    "at work": "wait",
    "died before its commit": "rerun",
    "landed, never run": "rerun",
    "corrected since it was loaded": "rerun",
    "a retry is overdue": "rerun",
    "the header is wrong": "fix file",
    "the header was wrong, a new file has landed": "rerun",
    "nothing has landed": "ask source",
}
ANSWERS = ("nothing", "wait", "rerun", "fix file", "ask source")

one = Exercise(
    "9.1",
    "Decide what a day needs",
    star=True,
    hints=(
        "Begin with what is there, not with what was tried: what has landed, and what does the receipt say? Only if "
        "they differ do the runs matter.",
        "Then look at the newest run alone. Is somebody alive at work on the day? Will somebody come by himself, and "
        "is that still to come at `now`? Did it fail for good, on the content that lies there now?",
        "In this order: `landed` is None, ask source; `landed == receipt`, nothing; a running run that is alive, or a "
        "`retry_at` after `now`, wait; `permanent` with `content == landed`, fix file; everything else, rerun.",
    ),
    passed="Receipts first, then the newest run, then the clock. The control room's headline asks in the same order.",
)


@one.stub
def triage(case: dict) -> str:
    """What a day needs now: "nothing", "wait", "rerun", "fix file" or "ask source".

    Somebody needs the day this morning. Retries come by themselves, the schedule not before tomorrow.
    `case["landed"]` is a hash of what has landed for the day, `case["receipt"]` the hash of what is loaded; None where
    there is none. `case["runs"]`, newest first: dicts with status, alive (whether the process of a `running` run is
    still there), permanent (trying again cannot help), error, content (the hash of what it was to load).
    `case["retry_at"]` is when the newest run is to be tried again, or None; `case["now"]` is when you look.
    """
    ...  # your code here


@one.solution
def triage(case: dict) -> str:
    """What a day needs now: "nothing", "wait", "rerun", "fix file" or "ask source"."""
    if case["landed"] is None:
        return "ask source"
    if case["landed"] == case["receipt"]:
        return "nothing"
    newest = case["runs"][0] if case["runs"] else {"status": "none"}
    if newest["status"] == "running" and newest["alive"]:
        return "wait"
    if case["retry_at"] and case["retry_at"] > case["now"]:
        return "wait"
    if newest["status"] == "failed" and newest["permanent"] and newest["content"] == case["landed"]:
        return "fix file"
    return "rerun"


@one.wrong(
    "Nothing has happened to {silent}, and you take that for health. The day has no data: no run, no error and no "
    "alarm is what a scheduler looks like that is paused, and a source that has forgotten you.",
    when=lambda seen: seen.silent,
)
def silence_is_health(case):
    if not case["runs"]:
        return "nothing"
    return _as_solved(case)


@one.wrong(
    "The newest run of the day succeeded, so you leave it; a corrected file has landed since, and the warehouse has "
    "the old numbers. Green says that a run went well, not that the data is what the file says.",
    when=lambda seen: seen.said["corrected since it was loaded"] == "nothing",
)
def green_is_current(case):
    if case["runs"] and case["runs"][0]["status"] == "succeeded":
        return "nothing"
    return _as_solved(case)


@one.wrong(
    "You wait for a run that says `running`, and whose process is dead. It cannot change its own row any more; nobody "
    "will come.",
    when=lambda seen: seen.said["died before its commit"] == "wait",
)
def trusts_running(case):
    if case["runs"] and case["runs"][0]["status"] == "running":
        return "wait"
    return _as_solved(case)


@one.wrong(
    "You wait for a retry whose time is over by 49 minutes: whoever was to wake it is not there. A promise has to be "
    "compared with the clock.",
    when=lambda seen: seen.said["a retry is overdue"] == "wait",
)
def trusts_the_promise(case):
    return "wait" if case["retry_at"] and case["landed"] != case["receipt"] else _as_solved(case)


@one.wrong(
    "Red is not always `rerun`: {red}. Beside a waiting retry you do its work and use up an attempt; on a file with a "
    "wrong header you see the same error again.",
    when=lambda seen: seen.red,
)
def red_is_rerun(case):
    if case["runs"] and case["runs"][0]["status"] == "failed":
        return "rerun"
    return _as_solved(case)


@one.wrong(
    "A day whose first attempt failed and whose second loaded it needs nothing. You count the failure that has healed; "
    "who is called for those stops answering.",
    when=lambda seen: seen.said["failed, then healed by its retry"] != "nothing",
)
def any_failure(case):
    if any(run["status"] == "failed" for run in case["runs"]) and not case["retry_at"]:
        return "fix file" if any(run["permanent"] for run in case["runs"]) else "rerun"
    return _as_solved(case)


@one.wrong(
    "You run a day again whose process died after its commit. Its receipt says that all of it is there; the row that "
    "says `running` is only the last word of a dead process.",
    when=lambda seen: seen.said["died after its commit"] != "nothing",
)
def dead_is_lost(case):
    if case["runs"] and case["runs"][0]["status"] == "running" and not case["runs"][0]["alive"]:
        return "rerun"
    return _as_solved(case)


@one.wrong(
    "A new file has landed since the run failed for its header, and you still want it fixed. What failed for good was "
    "that content, not the day.",
    when=lambda seen: seen.said["the header was wrong, a new file has landed"] == "fix file",
)
def failed_for_ever(case):
    if case["runs"] and case["runs"][0]["permanent"] and case["landed"] != case["receipt"]:
        return "fix file"
    return _as_solved(case)


@one.right
def by_elimination(case):
    runs = case["runs"]
    if not case["landed"]:
        return "ask source"
    if case["receipt"] == case["landed"]:
        return "nothing"
    if any(run["alive"] for run in runs):
        return "wait"
    if runs and runs[0]["permanent"]:
        return "fix file" if runs[0]["content"] == case["landed"] else "rerun"
    return "wait" if (case["retry_at"] or case["now"]) > case["now"] else "rerun"


def _as_solved(case: dict) -> str:
    return one.parts["solution"](case)


@one.grade
def grade_triage(t: Trial) -> None:
    said = t.seen.said = {}
    found = cases.recorded()
    for name, case in found.items():
        answer = t.call(case, case=_in_words(name, case))
        said[name] = answer.strip().lower() if isinstance(answer, str) else answer
        expected = f"expected {RIGHT[name]!r}, got {show(answer)}"
        t.true(said[name] == RIGHT[name], _in_words(name, case), expected)
    silent = [name for name in ("landed, never run", "nothing has landed") if said[name] == "nothing"]
    t.seen.silent = str(found[silent[0]]["day"]) if silent else None
    red = [
        f"{name}, you said {said[name]}" for name in ("a retry waits", "the header is wrong") if said[name] == "rerun"
    ]
    t.seen.red = red[0] if red else None


def _in_words(name: str, case: Mapping[str, Any]) -> str:
    return f"{case['day']:%d %B}: {name}".lstrip("0")


# ---- 9.2 ------------------------------------------------------------------------------------------------------------

two = Exercise(
    "9.2",
    "Read a failure that healed",
    hints=(
        "Each attempt has a row of its own, with its own run id. Which of the rows brought the data?",
        "`retry_of` of a row names the attempt before it. The first failure ended at its `finished_at`; from then on "
        "the day was late.",
        "`run = next(run for run in history.newest_runs() if run.status == 'succeeded' and run.attempt == 3)`. Find "
        "the two before it by `retry_of`, and subtract the `finished_at` of the first from that of `run`.",
    ),
    passed="What a reader of the data feels is that span: two errors, two waits and three attempts.",
)
NOT_DONE = "the drill is not done yet: let a load fail twice, and wait until its retry has succeeded."


@two.stub
def recovery() -> dict:
    """How a load that failed twice healed: `dict(run=…, attempts=…, seconds=…)`, of the newest such case.

    `run`: the id (or its first eight characters) of the run that loaded the day. `attempts`: how many attempts it took
    in all. `seconds`: from the moment the first attempt had failed until the data was there.

    Read them in the room and type them in, or ask `history.newest_runs()` (of etl_core) for them.
    """
    return {"run": ..., "attempts": ..., "seconds": ...}


@two.solution
def recovery() -> dict:
    """How a load that failed twice healed: `dict(run=…, attempts=…, seconds=…)`, of the newest such case."""
    runs = {run.run_id: run for run in history.newest_runs()}
    healed = next(run for run in runs.values() if run.status == "succeeded" and run.attempt == 3)
    second = runs[healed.retry_of]
    first = runs[second.retry_of]
    seconds = (healed.finished_at - first.finished_at).total_seconds()
    return {"run": healed.run_id, "attempts": healed.attempt, "seconds": seconds}


def _healed() -> tuple[Run, list[Run]]:
    """For the wrong answers: the run that healed, and the failed ones before it, newest first."""
    runs = {run.run_id: run for run in history.newest_runs()}
    healed = next(run for run in runs.values() if run.status == "succeeded" and run.attempt == 3)
    second = runs[healed.retry_of]
    return healed, [second, runs[second.retry_of]]


def _span(healed: Run, failed: list[Run]) -> float:
    return (healed.finished_at - failed[-1].finished_at).total_seconds()


@two.wrong(
    "That run belongs to {other}, which did not fail twice. A success is a success of one day: look at `retry_of`, or "
    "at the day.",
    when=lambda seen: seen.other,
)
def another_run():
    healed, failed = _healed()
    other = next(run for run in history.newest_runs() if run.interval_start != healed.interval_start)
    return {"run": other.run_id, "attempts": 3, "seconds": _span(healed, failed)}


@two.wrong(
    "That is the id of an attempt that failed. Each attempt is a run with an id of its own; whoever asks where the "
    "data came from finds another one in its receipt.",
    when=lambda seen: seen.failed_id,
)
def failed_id():
    healed, failed = _healed()
    return {"run": failed[-1].run_id, "attempts": 3, "seconds": _span(healed, failed)}


@two.wrong(
    "You counted the retries. The first one was an attempt, too: a policy of `attempts=4` allows three retries, and "
    "whoever counts the other way expects one more than comes.",
    when=lambda seen: seen.attempts == 2,
)
def counts_retries():
    healed, failed = _healed()
    return {"run": healed.run_id, "attempts": 2, "seconds": _span(healed, failed)}


@two.wrong(
    "{seconds:.1f} s is how long the last attempt took. The day was late from the first failure on, and most of that "
    "time was spent waiting, which no run's duration has in it.",
    when=lambda seen: abs(seen.seconds - seen.duration) <= 1 or abs(seen.seconds - seen.durations) <= 1,
)
def last_duration():
    healed, _ = _healed()
    return {"run": healed.run_id, "attempts": 3, "seconds": healed.duration_s}


@two.right
def with_eight_characters():
    healed, failed = _healed()
    return {"run": healed.run_id[:8], "attempts": "3", "seconds": round(_span(healed, failed))}


@two.scene
def fails_twice() -> None:
    """What the drill leaves in the history, with shorter waits; and a day that loads at once."""
    quick = replace(flights, stage_retry=RetryPolicy(1, 0, 0), run_retry=RetryPolicy(4, base=2, cap=2))
    quick.run("2013-01-15", trigger="scheduled")
    faults.inject("load=locked*2")
    run = quick.attempt(Interval.of("2013-01-16"), trigger="scheduled")
    while run.retry_at:
        time.sleep(max(0.0, (run.retry_at - datetime.now(UTC)).total_seconds()))
        run = quick.attempt(run.interval, trigger="retry", attempt=run.attempt + 1, retry_of=run.run_id)


@two.grade
def grade_recovery(t: Trial) -> None:
    chain = twice_failed()
    if not chain:
        t.stop("", "", "waiting", NOT_DONE)
    healed, case = chain[-1], f"the load of {chain[-1].interval}, which failed twice"
    said = t.call(case=case)
    if not isinstance(said, Mapping) or not {"run", "attempts", "seconds"} <= said.keys():
        t.stop(case, f"expected dict(run=…, attempts=…, seconds=…), got {show(said)}")
    if ... in said.values():
        t.stop("", "", "waiting", "the drill is done. Now read what it left, and put it in place of the dots.")
    right = (healed.finished_at - chain[0].finished_at).total_seconds()
    t.seen.seconds, t.seen.attempts = _number(said["seconds"]), _number(said["attempts"])
    t.seen.duration, t.seen.durations = healed.duration_s, sum(run.duration_s or 0 for run in chain)
    asked = str(said["run"]).strip()
    found = [run for run in history.newest_runs() if len(asked) >= 6 and run.run_id.startswith(asked)]
    t.seen.failed_id = any(run.run_id == one.run_id for run in found for one in chain[:-1])
    t.seen.other = next((str(run.interval) for run in found if run not in chain), None)
    t.true(found == [healed], case, f"expected the id of the run that loaded the day, got {show(said['run'])}")
    t.true(t.seen.attempts == len(chain), case, f"expected {len(chain)} attempts, got {show(said['attempts'])}")
    near = t.seen.seconds is not None and abs(t.seen.seconds - right) <= 1
    t.true(near, case, f"expected the seconds from the first failure to the data, got {show(said['seconds'])}")


def twice_failed() -> list[Run]:
    """The newest run that succeeded at its third attempt, with the two that failed before it; oldest first."""
    runs = {run.run_id: run for run in history.newest_runs()}
    for run in runs.values():
        chain = [run]
        while chain[0].retry_of in runs:
            chain.insert(0, runs[chain[0].retry_of])
        if run.status == "succeeded" and len(chain) == 3:
            return chain
    return []


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


# ---- 9.3 ------------------------------------------------------------------------------------------------------------

three = Exercise(
    "9.3",
    "A pipeline of your own",
    file="weather.py",
    twin="exercises.capstone.solution:weather",
    hints=(
        "Write `landed` first and look at what it returns. It is about the weather's own files, and a file that is not "
        "there is no day. In `transform`, ask of each line: which instant is this?",
        "`time_hour` is the instant, in UTC; `hour` is what a clock in New York showed, and on 3 November it shows one "
        "o'clock twice. An NA is a missing value, not a missing line. `load` is lesson 03: delete, insert, receipt.",
        "`transform` can return day -> (hash, rows). In `load`, inside one `with warehouse.begin() as conn:`, create "
        "the table if it is not there, delete and insert each day's rows with `conn.execute(sa.text(…), …)`, and end "
        'with `write_receipts(conn, "weather", run_id, {day: (hash, len(rows), 0)})`.',
    ),
    passed="It is a pipeline like the flights: runs, retries, history, schedules and this room work for it as well.",
)


@three.stub
def weather() -> str:
    """The file that the reader finds."""
    return _text("stub")


@three.solution
def weather() -> str:
    return _text("solution")


def _text(name: str) -> str:
    return Path(__file__).parent.joinpath("capstone", f"{name}.py").read_text(encoding="utf-8")


def _changed(*pairs: tuple[str, str]) -> str:
    """The solution with some of its text replaced."""
    text = _text("solution")
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@three.wrong(
    "Your load writes its receipt in the name of the flights: the flights' own receipt for 22 January is gone, and "
    "they will load that day again, or never. Each pipeline has receipts of its own.",
    when=lambda seen: seen.flights_receipt,
)
def flights_receipt():
    return _changed(('write_receipts(conn, "weather"', 'write_receipts(conn, "flights"'))


@three.wrong(
    "A kill in the middle of your load leaves {data} rows under the {receipt} receipt. Rows and receipt belong in one "
    "transaction, as in lesson 03; something in yours commits in between.",
    when=lambda seen: seen.torn,
)
def two_transactions():
    return _changed(
        (
            "        counts = {day: (content, len(rows), 0) for day, (content, rows) in days.items()}\n"
            '        write_receipts(conn, "weather", run_id, counts)',
            "    with warehouse.begin() as conn:\n"
            "        counts = {day: (content, len(rows), 0) for day, (content, rows) in days.items()}\n"
            '        write_receipts(conn, "weather", run_id, counts)',
        )
    )


@three.wrong(
    "You wait for yourself: inside your transaction, something opens a second connection (`to_sql(…, warehouse)`, "
    "perhaps), which waits for the first one to end. Give it the connection you have.",
    when=lambda seen: "locked by another process" in (seen.raised or ("", "", ""))[1],
)
def engine_inside():
    return _changed(
        (
            "                conn.execute(sa.text(INSERT), rows)",
            '                pd.DataFrame(rows).to_sql("weather", warehouse, if_exists="append", index=False)',
        )
    )


@three.wrong(
    "Of {first_right} lines of 22 and 23 January, {first_rows} are in the table: lines with an NA are gone. An hour "
    "without gusts has no `wind_gust`, and is still an hour. Over the year this keeps 4,980 of 26,115.",
    when=lambda seen: seen.first["na_gone"],
)
def dropna():
    return _changed(
        ("    frame = pd.read_csv(BytesIO(content))\n", "    frame = pd.read_csv(BytesIO(content)).dropna()\n")
    )


@three.wrong(
    "Loading 22 and 23 January in one run, your table has {first_rows} of {first_right} rows: only the first day is in "
    "it. A run covers an interval, and a backfill by months makes it a long one.",
    when=lambda seen: seen.first["lost_days"] == ["2013-01-23"] or "for 1 of 2 days" in str(seen.first["error"]),
)
def first_day_only():
    return _changed(("for day in interval.days}", "for day in interval.days[:1]}"))


@three.wrong(
    "Your pipeline has lost hours of 3 November ({clocks_rows} rows in the table, {clocks_right} expected; "
    "{clocks_how}). The clock in New York showed one o'clock twice that night, so an hour of its clock is no key: the "
    "two are 05:00 and 06:00 UTC.",
    when=lambda seen: seen.repeated_hour,
)
def local_hour_key():
    return _changed(
        (
            "    hour = pd.to_datetime",
            "    frame = frame.drop_duplicates(['origin', 'day', 'hour'])\n    hour = pd.to_datetime",
        )
    )


@three.wrong(
    "Loading the same two days a second time, your table does not come out the same ({again_how}). A rerun, a retry "
    "and a correction all load a day again.",
    when=lambda seen: seen.again_wrong,
)
def append():
    return _changed(
        ('            conn.execute(sa.text("DELETE FROM weather WHERE day = :day"), {"day": str(day)})\n', ""),
        (",\n    PRIMARY KEY (origin, hour)\n", "\n"),
    )


@three.wrong(
    "`landed` names 31 December, which has no weather file. Its run fails for good ({ghost_error}), the day is "
    "blocked, and somebody is called for a file that is only late. What has not landed is not an error: it is not "
    "there yet.",
    when=lambda seen: seen.ghost,
)
def missing_fails_forever():
    return _changed(
        (
            "    return {date.fromisoformat(file.stem): sha256(file.read_bytes()).hexdigest() for file in "
            'folder().glob("*.csv")}',
            '    days = [date.fromisoformat(file.stem) for file in folder().parent.glob("*/*.csv")]\n'
            '    files = {day: folder() / f"{day}.csv" for day in days}\n'
            '    content = {day: file.read_bytes() if file.exists() else b"" for day, file in files.items()}\n'
            "    return {day: sha256(data).hexdigest() for day, data in content.items()}",
        )
    )


@three.wrong(
    "A corrected file has the same hash in `landed` as the one before it, so nobody would load the correction. A name, "
    "a size or a row count is not the content.",
    when=lambda seen: seen.same_hash,
)
def hash_of_the_name():
    return _changed(
        ("sha256(file.read_bytes()).hexdigest() for file", "sha256(file.name.encode()).hexdigest() for file"),
        ("(sha256(content).hexdigest(), rows_of", '(sha256(f"{day}.csv".encode()).hexdigest(), rows_of'),
    )


@three.right
def with_pandas():
    """One frame, to_sql on the connection, receipts counted by pandas; the hour with its zone, as text."""
    return """
import hashlib
from datetime import date
from pathlib import Path

import pandas as pd
from sqlalchemy import inspect, text

from etl_core import Pipeline, settings, write_receipts


def files(days=None):
    found = sorted((Path(settings.current().landing) / "weather").glob("*.csv"))
    return {date.fromisoformat(f.stem): f for f in found if days is None or date.fromisoformat(f.stem) in days}


def landed(days=None):
    return {day: hashlib.md5(file.read_bytes()).hexdigest() for day, file in files(days).items()}


def extract(interval):
    hashes = landed(interval.days)
    found = files(interval.days).items()
    return pd.concat([pd.read_csv(file).assign(date=str(day), hash=hashes[day]) for day, file in found])


def transform(frame):
    return frame.assign(hour=frame.time_hour)


def load(frame, warehouse, run_id):
    with warehouse.begin() as conn:
        if inspect(conn).has_table("weather"):
            for day in frame.date.unique():
                conn.execute(text("DELETE FROM weather WHERE date = :day"), {"day": day})
        frame.to_sql("weather", conn, if_exists="append", index=False)
        days = {date.fromisoformat(day): (part.hash.iloc[0], len(part), 0) for day, part in frame.groupby("date")}
        write_receipts(conn, "weather", run_id, days)


weather = Pipeline("weather", landed, extract, transform, load)
"""


@three.grade
def grade_weather(t: Trial) -> None:
    child = in_child(capstone.observe, str(Path(t.answer).resolve()), str(t.folder), seconds=60)
    if child.returncode is None:
        t.stop("your file", "it was still at work after 60 seconds, and was stopped", "raised", "Does every loop end?")
    if child.value is None:
        t.stop("your file", child.output[-500:], "raised", child.error or "Its process ended in the middle.")
    found = child.value
    vars(t.seen).update(found)
    for name in ("first", "again", "clocks"):
        run = found.get(name, {})
        for key in ("rows", "right"):
            setattr(t.seen, f"{name}_{key}", run.get(key))
        how = f"its run {run.get('status')}: {run.get('error')}" if run.get("error") else "its run succeeded"
        setattr(t.seen, f"{name}_how", how)
    clocks, again = found.get("clocks"), found.get("again")
    t.seen.repeated_hour = clocks and (
        "UNIQUE" in str(clocks["error"]) or any(hour in capstone.REPEATED for hour in clocks["lost_hours"])
    )
    t.seen.again_wrong = again and (again["error"] or again["rows"] != again["right"])
    if again and not again["error"]:
        t.seen.again_how = f"{again['rows']} rows instead of {again['right']}"
    for case, detail in found["failures"]:
        t.fail(case, detail)
    if "raised" in found:
        case, error, line = found["raised"]
        t.stop(case, line, "raised", f"Your code raised {error}")

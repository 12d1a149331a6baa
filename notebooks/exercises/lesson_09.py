"""Lesson 9, the control room: can I operate it?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
    "died, then failed, and a retry waits": "wait",
    "offline at first, then the header is wrong": "fix file",
    "failed before, and at work now": "wait",
    "the header was wrong, the load of a new file died": "rerun",
}
RUNS = ("rerun", "fix file")
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

    Somebody needs the day this morning. Retries come by themselves, the schedule not before
    tomorrow. `case["landed"]` is a hash of what has landed for the day, `case["receipt"]` the hash
    of what is loaded; None where there is none. `case["runs"]`, newest first: dicts with status,
    alive (whether the process of a `running` run is still there), permanent (trying again cannot
    help), error, content (the hash of what it was to load). `case["retry_at"]` is when the newest
    run is to be tried again, or None; `case["now"]` is when you look.
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
    "Nothing was done about {silent}, and you take that for health. Its file has landed and is not loaded: no run, no "
    "error and no alarm is what a scheduler looks like that is paused.",
    when=lambda seen: seen.silent,
)
def silence_is_health(case):
    if not case["runs"]:
        return "nothing"
    return _as_solved(case)


@one.wrong(
    "Nothing has landed of {nothing}, and nothing is loaded: two times None, which are equal, and still no data. "
    "Somebody needs that day, and only the source can send it.",
    when=lambda seen: seen.nothing,
)
def none_equals_none(case):
    return "nothing" if case["landed"] == case["receipt"] else _as_solved(case)


@one.wrong(
    "The newest run of the day succeeded, it has a receipt, and you leave it; a corrected file has landed since, and "
    "the warehouse has the old numbers. Green says that a run went well, not that the data is what the file says.",
    when=lambda seen: seen.said["corrected since it was loaded"] == "nothing",
)
def green_is_current(case):
    if case["runs"] and case["runs"][0]["status"] == "succeeded":
        return "nothing"
    return _as_solved(case)


@one.wrong(
    "You wait for a run that says `running`, and whose process is dead. It cannot change its own row any more; nobody "
    "will come.",
    when=lambda seen: "wait" in (seen.said["died before its commit"], seen.said["died after its commit"]),
)
def trusts_running(case):
    if case["runs"] and case["runs"][0]["status"] == "running":
        return "wait"
    return _as_solved(case)


@one.wrong(
    "You wait for a retry whose time is over by {overdue} minutes: whoever was to wake it is not there. A promise has "
    "to be compared with the clock.",
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
    when=lambda seen: seen.said["loaded"] == "nothing" and seen.said["failed, then healed by its retry"] in RUNS,
)
def any_failure(case):
    if any(run["status"] == "failed" for run in case["runs"]) and not case["retry_at"]:
        return "fix file" if any(run["permanent"] for run in case["runs"]) else "rerun"
    return _as_solved(case)


@one.wrong(
    "You run a day again whose process died after its commit. Its receipt says that all of it is there; the row that "
    "says `running` is only the last word of a dead process.",
    when=lambda seen: seen.said["loaded"] == "nothing" and seen.said["died after its commit"] == "rerun",
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


@one.wrong(
    "You go by the oldest run of a day: {oldest}. `runs` is newest first, as everywhere; what was tried before the "
    "newest run is over, and says nothing of what the day needs now.",
    when=lambda seen: seen.oldest,
)
def oldest_run(case):
    return _as_solved({**case, "runs": case["runs"][-1:]})


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
        said[name] = _answer(t, deepcopy(case), _in_words(name, case), RIGHT[name])
    silent, nothing = (found[name]["day"] for name in ("landed, never run", "nothing has landed"))
    t.seen.silent = silent if said["landed, never run"] == "nothing" else None
    t.seen.nothing = nothing if said["nothing has landed"] == "nothing" else None
    late = found["a retry is overdue"]
    t.seen.overdue = round((late["now"] - late["retry_at"]).total_seconds() / 60)
    red = [
        f"{name}, you said {said[name]}" for name in ("a retry waits", "the header is wrong") if said[name] == "rerun"
    ]
    t.seen.red = red[0] if red else None
    t.seen.oldest = _by_the_oldest(said, found)
    if not t.failure:
        _once_more(t)


def _answer(t: Trial, case: dict[str, Any], words: str, right: str) -> object:
    """What is said of a case, asked twice: the second answer differs where the first one has changed the case."""
    answer = t.call(case, case=words)
    if not isinstance(answer, str) or answer not in ANSWERS:
        t.stop(words, f"expected one of {', '.join(map(repr, ANSWERS))}; got {show(answer)}")
    if t.true(answer == right, words, f"expected {right!r}, got {show(answer)}"):
        again = t.call(case, case=f"{words}, asked a second time")
        why = "the first call has changed the case that it was given"
        t.true(again == answer, f"{words}, asked a second time", f"expected {right!r}, got {show(again)}: {why}")
    return answer


def _once_more(t: Trial) -> None:
    """The same on other days and with other hashes: a list of the recorded days is no rule."""
    for name, case in cases.recorded().items():
        day = case["day"] + timedelta(days=77)
        runs = [{**run, "content": _other(run["content"])} for run in case["runs"]]
        hashes = {"landed": _other(case["landed"]), "receipt": _other(case["receipt"])}
        _answer(t, {**case, **hashes, "day": day, "runs": runs}, f"another day, {day:%d %B}: {name}", RIGHT[name])
    found = cases.recorded()
    bad, at_work = found["the header is wrong"], found["at work"]["runs"][0]
    begun = {**bad, "runs": [{**at_work, "content": bad["landed"]}, *bad["runs"]]}
    _answer(t, begun, f"{_in_words('the header is wrong', bad)}, and somebody is running it again", "wait")


def _other(content: str | None) -> str | None:
    return content and content[::-1]


def _by_the_oldest(said: Mapping[str, str], found: Mapping[str, dict[str, Any]]) -> str | None:
    """The first wrong case, if all days that were run more than once are answered as their oldest run would have it."""
    several = {name: case for name, case in found.items() if len(case["runs"]) > 1}
    if any(said[name] != oldest_run(case) for name, case in several.items()):
        return None
    return next(
        (f"{_in_words(name, found[name])}, you said {said[name]}" for name in several if said[name] != RIGHT[name]),
        None,
    )


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
    """How a load that failed twice healed, of the newest such case.

    `run`: the id (or how it begins, six characters at least) of the run that loaded the day.
    `attempts`: how many it took in all. `seconds`: from the moment the first attempt had failed
    until the data was there, to the second if you read them off the room, exactly if you ask
    `history.newest_runs()`, whose runs have a `finished_at`.
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
    "That run {other}. A success is a success of one day, and of one case: look at the day, and at `retry_of`.",
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
    "Two is how often it was tried again, after the first one, which was an attempt, too: a policy of `attempts=4` "
    "allows three retries, and whoever counts the other way expects one more than comes.",
    when=lambda seen: seen.attempts == 2,
)
def counts_retries():
    healed, failed = _healed()
    return {"run": healed.run_id, "attempts": 2, "seconds": _span(healed, failed)}


@two.wrong(
    "{seconds:.2g} s is {how_long}. The day was late from the first failure on, and most of that time was spent "
    "waiting, which no run's duration has in it.",
    when=lambda seen: seen.how_long,
)
def last_duration():
    healed, _ = _healed()
    return {"run": healed.run_id, "attempts": 3, "seconds": healed.duration_s}


@two.wrong(
    "You count from the second failure, {seconds:.1f} s before the data came. The day was late from the first one on.",
    when=lambda seen: seen.from_second,
)
def from_the_second():
    healed, failed = _healed()
    return {"run": healed.run_id, "attempts": 3, "seconds": _span(healed, failed[:1])}


@two.wrong(
    "{seconds:.2f} s is {off}. The day was late from the moment the first attempt had failed (it might have succeeded "
    "until then), and until the last one had ended: its data is there when it has committed, not when it begins.",
    when=lambda seen: seen.off,
)
def from_the_start():
    healed, failed = _healed()
    return {
        "run": healed.run_id,
        "attempts": 3,
        "seconds": (healed.finished_at - failed[-1].started_at).total_seconds(),
    }


@two.right
def as_a_timedelta():
    healed, failed = _healed()
    return {"run": healed.run_id, "attempts": 3, "seconds": healed.finished_at - failed[-1].finished_at}


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
    if any(value is ... for value in said.values()):
        t.stop("", "", "waiting", "the drill is done. Now read what it left, and put it in place of the dots.")
    right = (healed.finished_at - chain[0].finished_at).total_seconds()
    t.seen.seconds, t.seen.attempts = _number(said["seconds"]), _number(said["attempts"])
    asked = str(said["run"]).strip()
    found = [run for run in history.newest_runs() if len(asked) >= 6 and run.run_id.startswith(asked)]
    t.seen.failed_id = any(run.run_id == one.run_id for run in found for one in chain[:-1])
    t.seen.other = next((_of_another(run, chain) for run in found if run not in chain), None)
    t.true(found == [healed], case, f"expected the id of the run that loaded the day, got {show(said['run'])}")
    t.true(t.seen.attempts == len(chain), case, f"expected {len(chain)} attempts, got {show(said['attempts'])}")
    if t.seen.seconds is None:
        t.stop(case, f"expected seconds as a number, got {show(said['seconds'])}")
    t.seen.off = _nearly(t.seen.seconds, chain)
    if t.seen.off or abs(t.seen.seconds - right) > 1:
        t.seen.how_long, t.seen.from_second = _taken_for(t.seen.seconds, chain)
        t.fail(case, f"expected the seconds from the first failure to the data, got {show(said['seconds'])}")


def twice_failed() -> list[Run]:
    """The newest run that succeeded at its third attempt, with the two that failed before it; oldest first."""
    runs = {run.run_id: run for run in history.newest_runs()}
    chains = (_chain(run, runs) for run in runs.values() if run.status == "succeeded")
    return next((chain for chain in chains if len(chain) == 3), [])


def _chain(run: Run, runs: Mapping[str, Run]) -> list[Run]:
    """The run and the attempts before it, oldest first."""
    chain = [run]
    while chain[0].retry_of in runs:
        chain.insert(0, runs[chain[0].retry_of])
    return chain


def _of_another(run: Run, chain: list[Run]) -> str:
    """What a run that is not of the chain belongs to."""
    if run.interval == chain[-1].interval:
        return f"is one of {run.interval} too, but by {run.trigger}: none of the three attempts of the drill"
    runs = {one.run_id: one for one in history.newest_runs()}
    if any(run in _chain(one, runs) and len(_chain(one, runs)) == 3 for one in runs.values()):
        return f"belongs to {run.interval}, which failed twice, but earlier: the newest such day is asked for"
    return f"belongs to {run.interval}, which did not fail twice"


def _taken_for(seconds: float, chain: list[Run]) -> tuple[str, bool]:
    """What a wrong number of seconds is: how long something took, and whether it counts from the second failure."""
    last, every = chain[-1].duration_s or 0, sum(run.duration_s or 0 for run in chain)
    names = {"how long the last attempt took": last, "how long the three attempts took together": every}
    nearest = min(names, key=lambda name: abs(seconds - names[name]))
    how_long = nearest if seconds > 0 and abs(seconds - names[nearest]) <= 0.05 else ""
    second = (chain[-1].finished_at - chain[-2].finished_at).total_seconds()
    return how_long, not how_long and abs(seconds - second) <= 0.1


def _nearly(seconds: float, chain: list[Run]) -> str:
    """What an exact number of seconds is, where that is not the span that was asked for, though it may be close to it.

    What was read off a clock is a whole number, or has a digit or two, and says nothing of so little.
    """
    first, second, healed = chain
    spans = {
        "": healed.finished_at - first.finished_at,
        "from the start of the first attempt to the data": healed.finished_at - first.started_at,
        "from the first failure to the start of the last attempt": healed.started_at - first.finished_at,
        "how long the two waits were together": healed.started_at
        - second.finished_at
        + (second.started_at - first.finished_at),
    }
    off = {name: abs(seconds - span.total_seconds()) for name, span in spans.items()}
    nearest = min(off, key=off.get)
    return nearest if seconds != round(seconds, 2) and off[nearest] < 0.005 else ""


def _number(value: Any) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
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


SEEN = 'seen |= {day: (folder() / f"{day}.csv").read_bytes() for day in interval.days}'
IF_LOADED = '            if receipts_of("weather").get(day):\n                continue\n'
TABLE_ANEW = '        conn.execute(sa.text("DROP TABLE IF EXISTS weather"))\n        conn.execute(sa.text(TABLE))\n'


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
    when=lambda seen: seen.kind == "flights_receipt",
)
def flights_receipt():
    return _changed(('write_receipts(conn, "weather"', 'write_receipts(conn, "flights"'))


@three.wrong(
    "You give `write_receipts` {how}. The three values of a day's receipt are, in this order: the hash of the content, "
    "a text; rows loaded and rows rejected, numbers.",
    when=lambda seen: seen.kind == "order",
)
def receipt_in_another_order():
    return _changed(("(content, len(rows), 0)", "(len(rows), 0, content)"))


@three.wrong(
    "A kill in the middle of your load leaves {torn}. Rows and receipt belong in one transaction, as in lesson 03; "
    "something in yours commits in between.",
    when=lambda seen: seen.kind == "torn",
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
    "You wait for yourself: one of your connections has an open transaction, and another one (`to_sql(…, warehouse)`, "
    "perhaps) waits for it to end. Do all of it with the connection you have.",
    when=lambda seen: seen.kind == "waits_for_itself",
)
def engine_inside():
    return _changed(
        (
            "                conn.execute(sa.text(INSERT), rows)",
            '                pd.DataFrame(rows).to_sql("weather", warehouse, if_exists="append", index=False)',
        )
    )


@three.wrong(
    "After your load there is neither a row nor a receipt: it has written nothing, or nothing was committed. What is "
    "done through `warehouse.connect()` is undone at its end unless it is committed; `warehouse.begin()` commits.",
    when=lambda seen: seen.kind == "nothing_kept",
)
def never_commits():
    return _changed(("with warehouse.begin() as conn", "with warehouse.connect() as conn"))


@three.wrong(
    "The database was locked by another program while your load ran, and nobody heard of it: your load caught the "
    "error and returned, so the run failed for another reason ({how}). That one is permanent: the day is blocked. "
    "`database is locked` passes by itself, and is tried again if it leaves your load.",
    when=lambda seen: seen.kind == "swallows",
)
def prints_the_error():
    head, body = _text("solution").split("    with warehouse.begin() as conn:\n")
    body, tail = body.split("\n\n\n")
    lines = ["        with warehouse.begin() as conn:", *(f"    {line}" for line in body.splitlines())]
    caught = "    except Exception as error:\n        print(error)"
    return f"{head}    try:\n" + "\n".join(lines) + f"\n{caught}\n\n\n{tail}"


@three.wrong(
    "Loading {loading}, your run has written {touched}, too, as if they were its own. Imported anew, your file does "
    "not: something in it keeps what an earlier run has read. A default value such as `seen={{}}`, and a dict of the "
    "module, are made once, and the scheduler's process lives for weeks.",
    when=lambda seen: seen.kind == "keeps_days",
)
def mutable_default():
    return _changed(
        ("def extract(interval: Interval)", "def extract(interval: Interval, seen={})"),
        ('return {day: (folder() / f"{day}.csv").read_bytes() for day in interval.days}', f"{SEEN}\n    return seen"),
    )


@three.wrong(
    "Loading the same two days a second time goes wrong in an empty table, too, and goes well once your file is "
    "imported anew. So something in it keeps the rows of the first time: a list that is a default value or stands "
    "in the module is made once, and each run adds to it.",
    when=lambda seen: seen.kind == "keeps_rows",
)
def list_of_the_module():
    return _changed(
        ("def transform(", "KEPT: dict[date, list[dict]] = {}\n\n\ndef transform("),
        ("    frame = frame.assign", "    kept = KEPT.setdefault(day, [])\n    frame = frame.assign"),
        (
            'return frame.where(frame.notna(), None).to_dict("records")',
            'kept.extend(frame.where(frame.notna(), None).to_dict("records"))\n    return kept',
        ),
    )


@three.wrong(
    "The corrected 22 January was loaded, and the table is what the file said before. Imported anew, your file loads "
    "the correction: something in it remembers what it read for the first time (`lru_cache`, or a dict that is not "
    "read again for a day it has). No correction arrives in a process that lives for weeks.",
    when=lambda seen: seen.kind == "kept_old",
)
def remembers_the_file():
    return _changed(
        ("def extract(", "@lru_cache\ndef extract("),
        ("from hashlib import sha256\n", "from functools import lru_cache\nfrom hashlib import sha256\n"),
    )


@three.wrong(
    "The corrected 22 January was loaded, and the table is what the file said before: the day was passed over because "
    "it had been loaded once, or its old rows were left where they are. A run loads its days, and whether there is a "
    "need for it was decided before.",
    when=lambda seen: seen.kind == "passed_over",
)
def loads_a_day_once():
    return _changed(
        ("        for day, (_, rows) in days.items():\n", f"        for day, (_, rows) in days.items():\n{IF_LOADED}"),
        ("import Interval, Pipeline, settings,", "import Interval, Pipeline, receipts_of, settings,"),
    )


@three.wrong(
    "The receipt of {day} has the hash {theirs}, and `landed` gives {landed} for it. A day is pending as long as the "
    "two differ: this one for ever, and each tick loads it again.",
    when=lambda seen: seen.kind == "other_hash",
)
def another_hash():
    return _changed(("sha256(file.read_bytes()).hexdigest() for file", "str(file.stat().st_mtime) for file"))


@three.wrong(
    "The receipt of {day} says {said} rows loaded, and the table has {rows}. The control room, `etl verify` and "
    "the next cell believe the receipt: the second of its three values is the number of rows.",
    when=lambda seen: seen.kind == "miscounted",
)
def counts_nothing():
    return _changed(("(content, len(rows), 0)", "(content, 0, 0)"))


@three.wrong(
    "Of {right} lines of 22 and 23 January, {rows} are in the table: the {gone} with an NA in {columns} are gone. An "
    "hour without gusts has no `wind_gust`, and is still an hour; over the year, four of five hours have none.",
    when=lambda seen: seen.kind == "na_gone",
)
def dropna():
    return _changed(
        ("    frame = pd.read_csv(BytesIO(content))\n", "    frame = pd.read_csv(BytesIO(content)).dropna()\n")
    )


@three.wrong(
    "`{column}` is {got} where the file has NA ({where}). Not measured is not {got}: it goes into every mean that "
    "somebody takes. A missing value is NULL.",
    when=lambda seen: seen.kind == "filled",
)
def fills_with_zero():
    return _changed(
        ("    frame = pd.read_csv(BytesIO(content))\n", "    frame = pd.read_csv(BytesIO(content)).fillna(0)\n")
    )


@three.wrong(
    "`{column}` holds the text {found}. What is measured is a number in the table, and a missing value is NULL: texts "
    "are compared letter by letter, and '9.2' is more than '11.5'.",
    when=lambda seen: seen.kind == "text",
)
def keeps_the_text():
    return _changed(
        ("pd.read_csv(BytesIO(content))\n", "pd.read_csv(BytesIO(content), dtype=str, keep_default_na=False)\n")
    )


@three.wrong(
    "`hour` holds {found}. Instants in this warehouse are UTC, as text, such as '2013-01-22 05:00:00'. The database "
    "compares letter by letter: another way to write the same hour meets no flight in a join, and raises no error.",
    when=lambda seen: seen.kind == "hour",
)
def hour_as_it_came():
    return _changed(('pd.to_datetime(frame.time_hour, utc=True).dt.strftime("%Y-%m-%d %H:%M:%S")', "frame.time_hour"))


@three.wrong(
    "Your hours are those of New York's clock, and are to be UTC: `time_hour` is the instant. On 3 November that "
    "clock shows one o'clock twice.",
    when=lambda seen: seen.kind == "local_hours",
)
def clock_of_new_york():
    return _changed(("utc=True).dt.strftime", 'utc=True).dt.tz_convert("America/New_York").dt.strftime'))


@three.wrong(
    "Your hours of {loading} are an hour {how}. New York is five hours behind UTC in winter and four in summer, so no "
    "fixed number makes UTC of its clock. `time_hour` is the instant.",
    when=lambda seen: seen.kind == "fixed_offset",
)
def five_hours_all_year():
    local = 'pd.to_datetime(frame[["year", "month", "day", "hour"]]) + pd.Timedelta(hours=5)'
    return _changed(("    hour = pd.to_datetime(frame.time_hour, utc=True).dt", f"    hour = ({local}).dt"))


@three.wrong(
    "Loading {loading}, your table has {rows} of {right} rows: those of {days} are missing. {ask}.",
    when=lambda seen: seen.kind == "days_gone",
)
def first_day_only():
    return _changed(("for day in interval.days}", "for day in interval.days[:1]}"))


@three.wrong(
    "{how}, all of them hours after 19:00 in New York, when the next day has begun in UTC. So the "
    "rows of a file are not those of a date of `hour`: keep the file's day, and delete by that.",
    when=lambda seen: seen.kind == "utc_day",
)
def deletes_by_the_date_of_the_hour():
    return _changed(("DELETE FROM weather WHERE day = :day", "DELETE FROM weather WHERE substr(hour, 1, 10) = :day"))


@three.wrong(
    "Loading {loading} took away what was loaded before: the rows of {days} are gone. The table is all days', and a "
    "run replaces its own.",
    when=lambda seen: seen.kind == "others_gone",
)
def replaces_the_table():
    return _changed(
        ('sa.text("DELETE FROM weather WHERE day = :day"), {"day": str(day)})', 'sa.text("SELECT 1"))'),
        ("        conn.execute(sa.text(TABLE))\n", TABLE_ANEW),
    )


@three.wrong(
    "3 November goes wrong ({how}). The clock in New York showed one o'clock twice that night, so an hour of its clock "
    "is no key: the two are 05:00 and 06:00 UTC.",
    when=lambda seen: seen.kind == "clocks",
)
def local_hour_key():
    return _changed(
        (
            "    hour = pd.to_datetime",
            "    frame = frame.drop_duplicates(['origin', 'day', 'hour'])\n    hour = pd.to_datetime",
        )
    )


@three.wrong(
    "Loading the same two days a second time, the rows of the first time are still in the way ({how}). A rerun, a "
    "retry and a correction all load a day again: delete all of it first.",
    when=lambda seen: seen.kind == "again",
)
def append():
    return _changed(
        ('            conn.execute(sa.text("DELETE FROM weather WHERE day = :day"), {"day": str(day)})\n', ""),
        (",\n    PRIMARY KEY (origin, hour)\n", "\n"),
    )


@three.wrong(
    "A row that the corrected file no longer has stays in the table: {where}. Replacing row by row finds only the "
    "rows that come again; the day is to be what the file says.",
    when=lambda seen: seen.kind == "kept",
)
def insert_or_replace():
    return _changed(
        ('            conn.execute(sa.text("DELETE FROM weather WHERE day = :day"), {"day": str(day)})\n', ""),
        ("INSERT INTO weather", "INSERT OR REPLACE INTO weather"),
    )


@three.wrong(
    "`landed` names 31 December, which has no weather file. {how}. What has not landed is not an error, and not "
    "loaded either: it is not there yet, and pending when it comes.",
    when=lambda seen: seen.kind == "ghost",
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
    "a size, a row count or what was remembered is not the content.",
    when=lambda seen: seen.kind == "same_hash",
)
def hash_of_the_name():
    return _changed(
        ("sha256(file.read_bytes()).hexdigest() for file", "sha256(file.name.encode()).hexdigest() for file"),
        ("(sha256(content).hexdigest(), rows_of", '(sha256(f"{day}.csv".encode()).hexdigest(), rows_of'),
    )


@three.right
def with_pandas():
    """One frame, to_sql on the connection, receipts counted by pandas; the hour cut out of its text."""
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
    return frame.assign(hour=frame.time_hour.str.slice(0, 10) + " " + frame.time_hour.str.slice(11, 19))


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
    if child.error:
        t.stop("your file", child.error, message="What it left cannot be read; the check gave up at this:")
    if child.value is None:
        t.stop("your file", child.output[-500:], "raised", "Its process ended in the middle.")
    vars(t.seen).update(child.value)
    if "failure" in child.value:
        case, detail, error = child.value["failure"]
        t.stop(case, detail, *(("raised", f"Your code raised {error}") if error else ()))

"""Lesson 4, a pipeline: who runs the stages?"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from exercises.model import Exercise
from exercises.tools.again import LEFT_OVER, ask_again
from exercises.tools.compare import plain, show
from exercises.tools.crash import database
from exercises.tools.toy import RUNS
from exercises.trial import Raised, Trial, line_of

# ---- 4.1 ------------------------------------------------------------------------------------------------------------

one = Exercise(
    "4.1",
    "Run the stages, and record each",
    star=True,
    none=True,
    hints=(
        "Three things have to happen for a stage: call it, record it, hand its result on. Which of them also when it "
        "fails?",
        "`try` around the call of one stage. In `except` record the failure, and then the error has to go on its way, "
        "as the object it is.",
        "`started = time.perf_counter()`; in `except Exception as error:` `record(name, 'failed', …, error)` and a "
        "bare `raise`; after it `record(name, 'succeeded', …, None)`.",
    ),
    passed="This loop is the heart of a pipeline. `etl_core` adds retries and a database to it, and nothing else.",
)


@one.stub
def run_stages(stages: list[tuple[str, Callable]], value: object, record: Callable) -> object:
    """Give `value` to the first function, its result to the next, and return the last one's.

    After each stage that was started call `record(name, status, seconds, error)`: status
    "succeeded" or "failed", the stage's own seconds, error None or the exception itself. A stage
    that fails is the last one; its exception goes on to the caller. (Ctrl-C has to get out, too;
    it need not be recorded.)
    """
    ...  # your code here


@one.solution
def run_stages(stages: list[tuple[str, Callable]], value: object, record: Callable) -> object:
    """Give `value` to the first function, its result to the next, and return the last result."""
    for name, function in stages:
        started = time.perf_counter()
        try:
            value = function(value)
        except Exception as error:
            record(name, "failed", time.perf_counter() - started, error)
            raise
        record(name, "succeeded", time.perf_counter() - started, None)
    return value


@one.wrong(
    "transform failed, and your code went on: load was called with {given}. That is what the warehouse holds then, and "
    "nobody has transformed it.",
    when=lambda seen: seen.given,
)
def print_and_continue(stages, value, record):
    for name, function in stages:
        try:
            value = function(value)
            record(name, "succeeded", 0.03, None)
        except Exception as error:
            print(name, "failed:", error)
            record(name, "failed", 0.03, error)
    return value


@one.wrong(
    "transform failed, and your function returned as if it had not. Who called it, a schedule or a person, will not "
    "know.",
    when=lambda seen: seen.swallowed,
)
def swallows(stages, value, record):
    for name, function in stages:
        started = time.perf_counter()
        try:
            value = function(value)
        except Exception as error:
            return record(name, "failed", time.perf_counter() - started, error)
        record(name, "succeeded", time.perf_counter() - started, None)
    return value


@one.wrong(
    "Only extract was called, and your function returned. A `return` ends the function, also in the first round of a "
    "loop.",
    when=lambda seen: seen.called == ["extract"],
)
def returns_in_the_loop(stages, value, record):
    for name, function in stages:
        started = time.perf_counter()
        try:
            value = function(value)
        except Exception as error:
            record(name, "failed", time.perf_counter() - started, error)
            raise
        record(name, "succeeded", time.perf_counter() - started, None)
        return value


@one.wrong(
    "{stopped_by}, and your code stopped there. Without an error a stage has succeeded, whatever it returns: a day "
    "without flights has to be loaded, too, as it may have had some yesterday.",
    when=lambda seen: seen.stopped_by,
)
def truthiness(stages, value, record):
    for name, function in stages:
        started = time.perf_counter()
        try:
            value = function(value)
        except Exception as error:
            record(name, "failed", time.perf_counter() - started, error)
            raise
        record(name, "succeeded", time.perf_counter() - started, None)
        if value is None or len(value) == 0:
            return None
    return value


@one.wrong(
    "Your record calls a stage {other_name!r}, after its function; the first of the pair says that it is {name!r}. One "
    "function may serve two stages, and one may be replaced by another.",
    when=lambda seen: seen.other_name,
)
def names_of_functions(stages, value, record):
    for _, function in stages:
        started = time.perf_counter()
        try:
            value = function(value)
        except Exception as error:
            record(function.__name__, "failed", time.perf_counter() - started, error)
            raise
        record(function.__name__, "succeeded", time.perf_counter() - started, None)
    return value


@one.wrong(
    "transform failed, and your record says that it succeeded. What is noted before the stage has ended, or in a "
    "`finally`, is noted whatever comes of it.",
    when=lambda seen: seen.said_too_early,
)
def always_succeeded(stages, value, record):
    for name, function in stages:
        started = time.perf_counter()
        try:
            value = function(value)
        finally:
            record(name, "succeeded", time.perf_counter() - started, None)
    return value


@one.wrong(
    "The stage that failed is not in your record. A failure leaves no trace by itself; of the runs that matter most "
    "you would know nothing.",
    when=lambda seen: seen.unrecorded and not seen.unforeseen,
)
def records_success_only(stages, value, record):
    for name, function in stages:
        started = time.perf_counter()
        value = function(value)
        record(name, "succeeded", time.perf_counter() - started, None)
    return value


@one.wrong(
    "The stage that failed with {unforeseen} is not in your record; the one that failed with {foreseen} is. What a "
    "stage may raise is not known beforehand.",
    when=lambda seen: seen.unforeseen,
)
def some_errors(stages, value, record):
    for name, function in stages:
        started = time.perf_counter()
        try:
            value = function(value)
        except ValueError as error:
            record(name, "failed", time.perf_counter() - started, error)
            raise
        record(name, "succeeded", time.perf_counter() - started, None)
    return value


@one.wrong(
    "The caller got {got}, where the stage had raised {raised}. A retry that must tell a lost connection from a wrong "
    "column sees {got} both times.",
    when=lambda seen: seen.got,
)
def new_exception(stages, value, record):
    for name, function in stages:
        started = time.perf_counter()
        try:
            value = function(value)
        except Exception as error:
            record(name, "failed", time.perf_counter() - started, error)
            raise RuntimeError(f"{name}: {error}") from error
        record(name, "succeeded", time.perf_counter() - started, None)
    return value


@one.wrong(
    "Your record has the text {noted} where the exception is asked for. What was said is kept, what it was is not: a "
    "retry that asks whether it was a lost connection or a wrong column has nothing to ask.",
    when=lambda seen: seen.noted,
)
def text_of_the_error(stages, value, record):
    for name, function in stages:
        started = time.perf_counter()
        try:
            value = function(value)
        except Exception as error:
            record(name, "failed", time.perf_counter() - started, str(error))
            raise
        record(name, "succeeded", time.perf_counter() - started, None)
    return value


@one.wrong(
    "The stages are called, and what they return is not handed on: load was given what extract had been given.",
    when=lambda seen: seen.not_handed_on,
)
def hands_nothing_on(stages, value, record):
    for name, function in stages:
        started = time.perf_counter()
        try:
            function(value)
        except Exception as error:
            record(name, "failed", time.perf_counter() - started, error)
            raise
        record(name, "succeeded", time.perf_counter() - started, None)
    return value


@one.wrong(
    "The stages ran, and your function returned nothing: the caller does not get the last result.",
    when=lambda seen: seen.returned_nothing,
)
def forgets_return(stages, value, record):
    for name, function in stages:
        started = time.perf_counter()
        try:
            value = function(value)
        except Exception as error:
            record(name, "failed", time.perf_counter() - started, error)
            raise
        record(name, "succeeded", time.perf_counter() - started, None)


@one.wrong(
    "You recorded {load} s for load, which takes next to none; transform before it took its time. Your clock was "
    "started once, so each stage gets the time of all before it too.",
    when=lambda seen: seen.load,  # and the stages before it took less, each than the next
)
def one_clock(stages, value, record):
    started = time.perf_counter()
    for name, function in stages:
        try:
            value = function(value)
        except Exception as error:
            record(name, "failed", time.perf_counter() - started, error)
            raise
        record(name, "succeeded", time.perf_counter() - started, None)
    return value


@one.wrong(
    "When {late} was called, the stage before it had ended, and nothing was recorded of it yet. A process that is "
    "killed then has lost what it was to remember.",
    when=lambda seen: seen.late,
)
def records_at_the_end(stages, value, record):
    entries, problem = [], None
    for name, function in stages:
        started = time.perf_counter()
        try:
            value = function(value)
        except Exception as error:
            problem = error
        entries.append((name, "failed" if problem else "succeeded", time.perf_counter() - started, problem))
        if problem:
            break
    for entry in entries:
        record(*entry)
    if problem:
        raise problem
    return value


@one.wrong(
    "transform failed after {after} s, and you recorded {failed_after} s for it. How long a failure took is the "
    "stage's own time, too: it tells a connection that was refused from one that never answered.",
    when=lambda seen: seen.failed_after,
)
def no_time_for_failures(stages, value, record):
    for name, function in stages:
        started = time.perf_counter()
        try:
            value = function(value)
        except Exception as error:
            record(name, "failed", 0, error)
            raise
        record(name, "succeeded", time.perf_counter() - started, None)
    return value


@one.wrong(
    "After the call the list of stages has {left} of its three entries. It is the caller's, who runs the next day with "
    "it.",
    when=lambda seen: seen.left,
)
def empties_the_list(stages, value, record):
    while stages:
        name, function = stages.pop(0)
        started = time.perf_counter()
        try:
            value = function(value)
        except Exception as error:
            record(name, "failed", time.perf_counter() - started, error)
            raise
        record(name, "succeeded", time.perf_counter() - started, None)
    return value


@one.wrong(
    "transform was stopped by Ctrl-C, and your record says that it succeeded. KeyboardInterrupt is no Exception, and "
    "`finally` runs for it, too.",
    when=lambda seen: seen.failure_recorded and seen.stopped_succeeded,
)
def finally_says_succeeded(stages, value, record):
    for name, function in stages:
        started, problem = time.perf_counter(), None
        try:
            value = function(value)
        except Exception as error:
            problem = error
            raise
        finally:
            record(name, "failed" if problem else "succeeded", time.perf_counter() - started, problem)
    return value


@one.right
def with_finally(stages, value, record):
    for name, function in stages:
        started, problem = time.time(), None
        try:
            value = function(value)
        except BaseException as error:
            problem = error
            raise
        finally:
            record(name, "failed" if problem else "succeeded", time.time() - started, problem)
    return value


@one.grade
def grade_run_stages(t: Trial) -> None:
    case = "three stages that succeed, one of them after 0.03 s"
    found, rows, given = _run(
        t, case, [lambda v: [*v, "e"], lambda v: time.sleep(0.03) or [*v, "t"], lambda v: [*v, "l"]]
    )
    t.seen.called = list(given)
    t.seen.not_handed_on = t.seen.called == list(NAMES) and given["load"] == ["start"]
    t.seen.returned_nothing = found is None and given.get("load") == ["start", "e", "t"]
    handed_on = t.equal(found, ["start", "e", "t", "l"], f"{case}; the result")
    if [row[0] for row in rows] == [f"{name}_of_this_run" for name in NAMES]:
        t.seen.other_name, t.seen.name = rows[0][0], NAMES[0]
    if t.equal([row[:2] for row in rows], [(name, "succeeded") for name in NAMES], f"{case}; what was recorded"):
        t.seen.late = t.seen.unnoted
        t.true(not t.seen.late, case, f"when {t.seen.late} was called, the stage before it was not recorded yet")
    t.equal([row[3] for row in rows], [None] * len(rows), f"{case}; the errors that were recorded")
    _look_at_the_seconds(t, rows, case)

    case = "extract returns an empty table, and transform None"
    found, rows, given = _run(t, case, [lambda v: pd.DataFrame(), lambda v: None, lambda v: "loaded"])
    if handed_on and "load" not in given:
        t.seen.stopped_by = "transform returned None" if "transform" in given else "extract returned an empty table"
    t.equal(found, "loaded", f"{case}; the result")

    error = ConnectionError("the network is away")
    found, rows, given = _run(t, FAILS, [lambda v: time.sleep(0.1) or v, lambda v: _raise(error, 0.03), lambda v: v])
    t.seen.given = show(given["load"], 60) if "load" in given else None
    t.seen.swallowed = "transform" in given and not isinstance(found, Raised)
    t.equal(list(given), ["extract", "transform"], f"{FAILS}; the stages that were called")
    if isinstance(found, Raised) and found.error is not error:
        t.seen.got = _another(t, found, error, FAILS)
        t.seen.raised = type(error).__name__
    t.true(isinstance(found, Raised), FAILS, f"expected its ConnectionError, got {show(found)}")
    said = [row[:2] for row in rows]
    t.seen.said_too_early = ("transform", "succeeded") in said
    t.seen.unrecorded = said == [("extract", "succeeded")]
    t.equal(said, FAILED, f"{FAILS}; what was recorded")
    t.seen.failure_recorded = said == FAILED
    noted = rows[-1][3] if rows else None
    t.seen.noted = show(noted) if isinstance(noted, str) and "away" in noted else None
    t.true(noted is error, FAILS, f"expected the very exception in the record, got {show(noted)}")
    if t.seen.failure_recorded:
        _look_at_its_seconds(t, rows[-1][2])
    _look_at_other_errors(t)

    case = "transform raises KeyboardInterrupt, as by Ctrl-C"
    found, rows, given = _run(t, case, [lambda v: v, lambda v: _raise(KeyboardInterrupt()), lambda v: v])
    t.seen.stopped_succeeded = ("transform", "succeeded") in [row[:2] for row in rows]
    t.true(not t.seen.stopped_succeeded, case, "recorded that transform succeeded")
    t.true(isinstance(found, Raised), case, f"expected KeyboardInterrupt to get out, got {show(found)}")


NAMES = ("extract", "transform", "load")
FAILS = "transform raises ConnectionError"
FAILED = [("extract", "succeeded"), ("transform", "failed")]


def _raise(error: BaseException, after: float = 0) -> None:
    time.sleep(after)
    raise error


def _another(t: Trial, found: Raised, error: BaseException, case: str) -> str | None:
    """Note that another exception came out than went in; its type, where that is another one, too."""
    if found.error.__cause__ is not error and not (str(error) and str(error) in str(found.error)):
        t.stop(case, line_of(found.error), "raised", f"Your code raised {found!r}")
    t.fail(case, f"expected the very exception that was raised, {Raised(error)!r}; got another one: {found!r}")
    return type(found.error).__name__ if type(found.error) is not type(error) else None


def _run(t: Trial, case: str, functions: list[Callable]) -> tuple[Any, list[tuple], dict[str, Any]]:
    """The result, what was recorded, and for each stage that was called what it was given."""
    rows: list[tuple] = []
    given: dict[str, Any] = {}

    def stage(name: str, function: Callable) -> Callable:
        def staged(value: object) -> object:
            given[name] = value
            if len(rows) < NAMES.index(name):
                t.seen.unnoted = t.seen.unnoted or name
            started = time.perf_counter()
            try:
                return function(value)
            finally:
                t.seen.took = time.perf_counter() - started

        staged.__name__ = staged.__qualname__ = f"{name}_of_this_run"
        return staged

    def record(name: str, status: str, seconds: float, error: object) -> None:
        rows.append((name, status, seconds, error))

    record.__qualname__ = "record"  # as a TypeError shows it
    stages = [(name, stage(name, function)) for name, function in zip(NAMES, functions, strict=True)]
    allow = (Exception, KeyboardInterrupt) if "raises" in case else ()
    found = t.call(stages, ["start"], record, case=case, allow=allow)
    if len(stages) != len(NAMES):
        t.seen.left = t.seen.left or len(stages) or "none"
        t.fail(case, f"the list of stages has {t.seen.left} of its three entries afterwards")
    return found, rows, given


def _look_at_its_seconds(t: Trial, seconds: object) -> None:
    """What was recorded for transform, which failed after 0.03 s; extract before it took 0.1 s."""
    after = f"{t.seen.took:.2f}"
    number = isinstance(seconds, float | int)
    fits = number and 0.01 < seconds < t.seen.took + 0.08
    t.true(fits, FAILS, f"recorded {show(seconds)} s for transform, which failed after {after} s")
    if t.seen.seconds_right and not fits:
        t.seen.after, t.seen.failed_after = after, f"{seconds:.2f}" if number else show(seconds)


def _look_at_other_errors(t: Trial) -> None:
    """Stages fail with errors of any type."""
    foreseen = {"ConnectionError": not t.seen.unrecorded}
    for error in (ValueError("no lines"), MemoryError()):
        case = f"transform raises {type(error).__name__}"
        _, rows, _ = _run(t, case, [lambda v: v, lambda v, error=error: _raise(error), lambda v: v])
        foreseen[type(error).__name__] = [row[:2] for row in rows] != FAILED[:1]
        t.equal([row[:2] for row in rows], FAILED, f"{case}; what was recorded")
    if set(foreseen.values()) == {True, False}:
        t.seen.foreseen = next(name for name, recorded in foreseen.items() if recorded)
        t.seen.unforeseen = next(name for name, recorded in foreseen.items() if not recorded)


def _look_at_the_seconds(t: Trial, rows: list[tuple], case: str) -> None:
    """transform took 0.03 s, the other two nothing."""
    seconds = [row[2] for row in rows]
    if len(rows) != 3 or not all(isinstance(each, float | int) for each in seconds):
        t.true(len(rows) != 3, case, f"recorded {', '.join(map(show, seconds))} as the seconds of the three stages")
        return
    extract, transform, load = seconds
    t.true(0.02 < transform < 5, case, f"recorded {show(transform)} s for transform")
    t.seen.seconds_right = 0.02 < transform < 5 and load < transform
    if not t.true(load < transform, case, f"recorded {load:.2f} s for load, which took less than transform"):
        t.seen.load = f"{load:.2f}" if extract < transform < load < 5 else None


# ---- 4.2 ------------------------------------------------------------------------------------------------------------

two = Exercise(
    "4.2",
    "Leave a trace of every run",
    none=True,
    hints=(
        "What does the table say if the machine is switched off in the middle of `work`?",
        "Two transactions: the row `running` is committed before the work begins, and changed after it. A rollback of "
        "the second must not take the first with it.",
        "Insert and commit; then `try: work()`, `except BaseException as error:` update to failed, commit, `raise`. "
        "`f'{type(error).__name__}: {error}'` says what it was.",
    ),
    passed="A run that dies leaves `running` behind, which is how one knows that it died. Lesson 08 finds such runs.",
)


@two.stub
def tracked(path: Path, day: str, work: Callable[[], object]) -> None:
    """Call `work()` and leave a row in the table runs of the SQLite file `path`.

    The table has id, day, status, error. While it works the status is `running`, for everybody
    to see; then `succeeded`, or `failed` with the error's type and message, also for Ctrl-C.
    Exceptions go on to the caller.
    """
    ...  # your code here


@two.solution
def tracked(path: Path, day: str, work: Callable[[], object]) -> None:
    """Call `work()` and leave a row in the table runs (id, day, status, error) of the SQLite file `path`."""
    with closing(sqlite3.connect(path)) as conn:
        row = conn.execute("INSERT INTO runs (day, status) VALUES (?, 'running')", (day,)).lastrowid
        conn.commit()
        try:
            work()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
            conn.execute("UPDATE runs SET status = 'failed', error = ? WHERE id = ?", (said, row))
            conn.commit()
            raise
        conn.execute("UPDATE runs SET status = 'succeeded' WHERE id = ?", (row,))
        conn.commit()


def _write(path, sql, *values):
    with closing(sqlite3.connect(path)) as conn, conn:
        return conn.execute(sql, values).lastrowid


@two.wrong(
    "The work raised an error, and your function returned: the caller goes on with a day that is not there. To record "
    "an error is not to handle it.",
    when=lambda seen: seen.swallowed,
)
def swallows_it(path, day, work):
    row = _write(path, "INSERT INTO runs (day, status) VALUES (?, 'running')", day)
    try:
        work()
        _write(path, "UPDATE runs SET status = 'succeeded' WHERE id = ?", row)
    except BaseException as error:
        _write(
            path, "UPDATE runs SET status = 'failed', error = ? WHERE id = ?", f"{type(error).__name__}: {error}", row
        )


@two.wrong(
    "The caller got {got}, where the work had raised {raised}. Exceptions go on as they are: a retry that must tell "
    "a lost connection from a wrong column sees {got} both times.",
    when=lambda seen: seen.got,
)
def new_exception(path, day, work):
    try:
        tracked(path, day, work)
    except Exception as error:
        raise RuntimeError(day) from error


@two.wrong(
    "The work failed, and there is no row of it at all: it was rolled back together with the rest. The record of a "
    "failure has to survive the failure.",
    when=lambda seen: seen.evidence_gone,
)
def one_transaction(path, day, work):
    with closing(sqlite3.connect(path)) as conn, conn:
        row = conn.execute("INSERT INTO runs (day, status) VALUES (?, 'running')", (day,)).lastrowid
        work()
        conn.execute("UPDATE runs SET status = 'succeeded' WHERE id = ?", (row,))


@two.wrong(
    "While the work goes on, nobody else can see that it does: another connection finds no row. A run that is "
    "killed then leaves no trace, as if it had never been started.",
    when=lambda seen: seen.during == [],
)
def insert_at_end(path, day, work):
    try:
        work()
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
        _write(path, "INSERT INTO runs (day, status, error) VALUES (?, 'failed', ?)", day, said)
        raise
    _write(path, "INSERT INTO runs (day, status) VALUES (?, 'succeeded')", day)


@two.wrong(
    "Your run has two rows, {rows_of_one}, and the first one will say `running` for ever. Whoever looks for runs that "
    "died finds it, too.",
    when=lambda seen: seen.rows_of_one,
)
def inserts_again(path, day, work):
    _write(path, "INSERT INTO runs (day, status) VALUES (?, 'running')", day)
    try:
        work()
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
        _write(path, "INSERT INTO runs (day, status, error) VALUES (?, 'failed', ?)", day, said)
        raise
    _write(path, "INSERT INTO runs (day, status) VALUES (?, 'succeeded')", day)


@two.wrong(
    "The work has {never_ended}, your function has ended too, and the row still says `running`, to everybody who "
    "looks. Either nothing was changed then, or the change was never committed.",
    when=lambda seen: seen.never_ended,
)
def forgets_the_second_commit(path, day, work):
    with closing(sqlite3.connect(path)) as conn:
        row = conn.execute("INSERT INTO runs (day, status) VALUES (?, 'running')", (day,)).lastrowid
        conn.commit()
        try:
            work()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
            conn.execute("UPDATE runs SET status = 'failed', error = ? WHERE id = ?", (said, row))
            raise
        conn.execute("UPDATE runs SET status = 'succeeded' WHERE id = ?", (row,))
        conn.commit()


@two.wrong(
    "After Ctrl-C the run is `running` for ever. KeyboardInterrupt is no Exception, and stopping by hand is how most "
    "long runs end.",
    when=lambda seen: seen.after_ctrl_c == ["running"] and seen.after_error == ["failed"],
)
def except_Exception(path, day, work):
    row = _write(path, "INSERT INTO runs (day, status) VALUES (?, 'running')", day)
    try:
        work()
    except Exception as error:
        _write(
            path, "UPDATE runs SET status = 'failed', error = ? WHERE id = ?", f"{type(error).__name__}: {error}", row
        )
        raise
    _write(path, "UPDATE runs SET status = 'succeeded' WHERE id = ?", row)


@two.wrong(
    "After Ctrl-C the row says failed, and its error is {ctrl_c_noted}. In the morning nobody knows that it was a "
    "person, and not the work. An error's type is KeyboardInterrupt then, and `str` of it is empty.",
    when=lambda seen: seen.ctrl_c_noted,
)
def nothing_of_ctrl_c(path, day, work):
    row = _write(path, "INSERT INTO runs (day, status) VALUES (?, 'running')", day)
    try:
        work()
    except KeyboardInterrupt:
        _write(path, "UPDATE runs SET status = 'failed' WHERE id = ?", row)
        raise
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
        _write(path, "UPDATE runs SET status = 'failed', error = ? WHERE id = ?", said, row)
        raise
    _write(path, "UPDATE runs SET status = 'succeeded' WHERE id = ?", row)


@two.wrong(
    "The work failed, and its row says succeeded: nobody will look for a day that is said to be there. What stands in "
    "a `finally` runs after a failure, too.",
    when=lambda seen: seen.after_error == ["succeeded"],
)
def succeeded_finally(path, day, work):
    row = _write(path, "INSERT INTO runs (day, status) VALUES (?, 'running')", day)
    try:
        work()
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
        _write(path, "UPDATE runs SET status = 'failed', error = ? WHERE id = ?", said, row)
        raise
    finally:
        _write(path, "UPDATE runs SET status = 'succeeded' WHERE id = ?", row)


@two.wrong(
    "A day that failed and then succeeded reads {again} with you. The second run has rewritten the row of the first: "
    "an UPDATE that asks for the day, or for nothing, changes every run of it.",
    when=lambda seen: seen.again == ["succeeded", "succeeded"],
)
def updates_by_day(path, day, work):
    _write(path, "INSERT INTO runs (day, status) VALUES (?, 'running')", day)
    try:
        work()
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
        _write(path, "UPDATE runs SET status = 'failed', error = ? WHERE day = ?", said, day)
        raise
    _write(path, "UPDATE runs SET status = 'succeeded' WHERE day = ?", day)


@two.wrong(
    "An earlier run of the day was killed, and its row said `running`. Your run has rewritten it: now they read "
    "{killed}. That row was the only trace of the kill.",
    when=lambda seen: seen.killed == ["succeeded", "succeeded"],
)
def updates_what_runs(path, day, work):
    _write(path, "INSERT INTO runs (day, status) VALUES (?, 'running')", day)
    status, said = "failed", None
    try:
        work()
        status = "succeeded"
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
        raise
    finally:
        ended = "UPDATE runs SET status = ?, error = ? WHERE day = ? AND status = 'running'"
        _write(path, ended, status, said, day)


@two.wrong(
    "While your run was at work, another one could not note that it had begun: {locked}. A transaction that stays open "
    "as long as the work takes keeps everybody else from writing.",
    when=lambda seen: seen.locked,
)
def holds_the_database(path, day, work):
    row = _write(path, "INSERT INTO runs (day, status) VALUES (?, 'running')", day)
    with closing(sqlite3.connect(path)) as conn:
        status, said = "failed", None
        conn.execute("BEGIN IMMEDIATE")
        try:
            work()
            status = "succeeded"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
            raise
        finally:
            conn.execute("UPDATE runs SET status = ?, error = ? WHERE id = ?", (status, said, row))
            conn.commit()


@two.right
def deletes_and_inserts(path, day, work):
    with closing(sqlite3.connect(path)) as conn:
        row = conn.execute("INSERT INTO runs (day, status) VALUES (?, 'running')", (day,)).lastrowid
        conn.commit()
        status, said = "failed", None
        try:
            work()
            status = "succeeded"
        except BaseException as error:
            said = repr(error)
            raise
        finally:
            with conn:
                conn.execute("DELETE FROM runs WHERE id = ?", (row,))
                conn.execute("INSERT INTO runs (day, status, error) VALUES (?, ?, ?)", (day, status, said))


@two.wrong(
    "Another run began while yours was at work, and in the end the two rows read {both}: yours is the first, and the "
    "other one still runs. The newest row is not always one's own.",
    when=lambda seen: seen.both == ["running", "succeeded"],
)
def updates_the_newest(path, day, work):
    newest = "WHERE id = (SELECT MAX(id) FROM runs)"
    _write(path, "INSERT INTO runs (day, status) VALUES (?, 'running')", day)
    try:
        work()
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
        _write(path, "UPDATE runs SET status = 'failed', error = ? " + newest, said)  # noqa: S608
        raise
    _write(path, "UPDATE runs SET status = 'succeeded' " + newest)  # noqa: S608


@two.right
def in_finally(path, day, work):
    row = _write(path, "INSERT INTO runs (day, status) VALUES (?, ?)", day, "running")
    status, said = "failed", None
    try:
        work()
        status = "succeeded"
    except:
        import sys

        said = repr(sys.exception())
        raise
    finally:
        _write(path, "UPDATE runs SET status = ?, error = ? WHERE id = ?", status, said, row)


@two.grade
def grade_tracked(t: Trial) -> None:
    _ends(t, "work that succeeds", None)
    _ends(t, "work that raises ValueError('no lines')", ValueError("no lines"))
    _ends(t, "work that is stopped by Ctrl-C", KeyboardInterrupt())
    if t.failure:  # whoever has no row of one run need not be told about those of two
        return
    case = "a day that fails, and succeeds when it is run again"
    path = database(t.folder / "again.db", RUNS)
    t.call(path, "2013-01-15", lambda: _raise(ValueError("no lines")), case=case, allow=ValueError)
    t.call(path, "2013-01-15", lambda: None, case=case)
    t.seen.again = [row[0] for row in _runs(path)]
    t.equal(t.seen.again, ["failed", "succeeded"], f"{case}; the statuses of both runs")
    _beside_others(t)


def _ends(t: Trial, case: str, error: BaseException | None) -> None:
    """One run whose work ends so, on a history of its own: what others see meanwhile, and afterwards."""
    path = database(t.folder / f"history of {type(error).__name__}.db", RUNS)
    meanwhile: list[list[str]] = []

    def work() -> None:  # without parameters: given any, it has to complain
        meanwhile.append([row[0] for row in _runs(path)])
        t.seen.open = _is_open(path)
        if error:
            raise error

    work.__qualname__ = "work"  # as a TypeError shows it
    found = t.call(path, "2013-01-15", work, case=case, allow=(Exception, type(error)) if error else ())
    if error and isinstance(found, Raised) and found.error is not error:
        t.seen.raised, t.seen.got = type(error).__name__, _another(t, found, error, case)
    if len(meanwhile) != 1:
        t.stop(case, f"`work` was called {len(meanwhile)} times")
    rows = _runs(path)
    during, now = meanwhile[0], [row[0] for row in rows]
    if "running" not in during:
        t.seen.during = during
    if during == ["running"] and now[:1] == ["running"] and len(now) == 2:
        t.seen.rows_of_one = " and ".join(f"`{status}`" for status in now)
    if isinstance(error, KeyboardInterrupt):
        t.seen.after_ctrl_c = now
    else:
        t.seen.never_ended = t.seen.never_ended or (now == ["running"] and ("failed" if error else "succeeded"))
    if isinstance(error, ValueError):
        t.seen.after_error = now
        t.seen.swallowed = not isinstance(found, Raised)
        t.seen.evidence_gone = t.seen.open and not rows
    if error:
        got_out = isinstance(found, Raised) and found.error is error
        t.true(got_out, case, f"expected {Raised(error)!r} to get out, got {show(found)}")
    t.equal(now, ["failed" if error else "succeeded"], f"{case}; the statuses afterwards")
    t.equal(during, ["running"], f"{case}; the statuses while it works")
    if error and now == ["failed"]:
        said = str(rows[0][1] or "")
        fits = type(error).__name__ in said and str(error) in said
        t.true(fits, case, f"expected type and message as the error, got {show(rows[0][1])}")
        if isinstance(error, KeyboardInterrupt) and said in ("", "None"):
            t.seen.ctrl_c_noted = "NULL" if rows[0][1] is None else f"the text {show(said)}"


def _is_open(path: Path) -> bool:
    """Whether somebody has a transaction open that has written."""
    with closing(sqlite3.connect(path, timeout=0)) as conn:
        try:
            conn.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


def _beside_others(t: Trial) -> None:
    """Runs that are not the answer's: one that was killed before, one that begins meanwhile."""
    begins = "INSERT INTO runs (day, status) VALUES (?, 'running')"
    case = "a day whose first run was killed, and which is run again"
    path = database(t.folder / "killed.db", RUNS)
    _write(path, begins, "2013-01-15")
    t.call(path, "2013-01-15", lambda: None, case=case)
    t.seen.killed = [row[0] for row in _runs(path)]
    t.equal(t.seen.killed, ["running", "succeeded"], f"{case}; the statuses of both runs")

    case = "another day's run begins during the work, and does not end"
    path = database(t.folder / "both.db", RUNS)

    def work() -> None:
        try:
            with closing(sqlite3.connect(path, timeout=0.3)) as conn, conn:
                conn.execute(begins, ("2013-01-16",))
        except sqlite3.OperationalError as error:
            t.seen.locked = str(error)

    t.call(path, "2013-01-15", work, case=case)
    t.true(not t.seen.locked, case, f"the other run could not write: {t.seen.locked}")
    t.seen.both = None if t.seen.locked else [row[0] for row in sorted(_runs(path), key=lambda row: row[2])]
    t.equal(t.seen.both, None if t.seen.locked else ["succeeded", "running"], f"{case}; the statuses of both runs")


def _runs(path: Path) -> list[tuple]:
    """(status, error, day) of each run, in the order in which they began."""
    with closing(sqlite3.connect(path, timeout=1)) as conn:
        return conn.execute("SELECT status, error, day FROM runs ORDER BY id").fetchall()


# ---- 4.3 ------------------------------------------------------------------------------------------------------------

three = Exercise(
    "4.3",
    "Measure how well it goes",
    none=True,
    hints=(
        "Somebody who asks for the success rate wants to know: of the days, how many are in order now?",
        "First find the newest run of each day, by `started_at`; the order of the list says nothing. Then leave out "
        "the days whose newest run has not ended.",
        "`newest = {}`; for each run, sorted by `started_at`: `newest[run['day']] = run['status']`. Then count "
        "'succeeded' among those that are not 'running'; None if there are none.",
    ),
    passed="A rate needs a unit (days, not attempts), a moment (the newest run), and an answer for nothing at all.",
)


@three.stub
def success_rate(runs: list[dict]) -> float | None:
    """The share of days whose newest run succeeded, from 0 to 1.

    Each run has `day`, `started_at` and `status` (running, succeeded, failed, crashed); they
    come in any order. Days whose newest run is still running do not count. None where no day
    counts.
    """
    ...  # your code here


@three.solution
def success_rate(runs: list[dict]) -> float | None:
    """The share of days whose newest run succeeded, from 0 to 1."""
    newest = {run["day"]: run["status"] for run in sorted(runs, key=lambda run: run["started_at"])}
    ended = [status for status in newest.values() if status != "running"]
    return ended.count("succeeded") / len(ended) if ended else None


@three.wrong(LEFT_OVER, when=lambda seen: seen.kept)
def keeps_days(runs, newest={}):  # noqa: B006
    for run in sorted(runs, key=lambda run: run["started_at"]):
        newest[run["day"]] = run["status"]
    ended = [status for status in newest.values() if status != "running"]
    return ended.count("succeeded") / len(ended) if ended else None


@three.wrong(
    "For a history without an ended run you answered {of_none}. A dashboard that shows 100 % when nothing runs is "
    "green on the day when everything has stopped.",
    when=lambda seen: seen.of_none == 1,
)
def none_is_perfect(runs):
    return 1.0 if not runs else success_rate(runs) or 1.0


@three.wrong(
    "A day that failed, was retried and succeeded pulls your rate down. You count attempts; a failure that healed by "
    "itself is what retries are for.",
    when=lambda seen: seen.healed == seen.crashed == 0.5 and seen.none_good == 0,
)
def counts_attempts(runs):
    ended = [run["status"] for run in runs if run["status"] != "running"]
    return ended.count("succeeded") / len(ended) if ended else None


@three.wrong(
    "A run that is still going counts as failed with you: the rate would drop whenever somebody looks during a run.",
    when=lambda seen: seen.healed == 1 and seen.with_running == 0.5,
)
def running_is_failure(runs):
    newest = {run["day"]: run["status"] for run in sorted(runs, key=lambda run: run["started_at"])}
    return list(newest.values()).count("succeeded") / len(newest) if newest else None


@three.wrong(
    "You take the order of the list for the order of time. The same history in another order has another rate: {one} "
    "and {other}.",
    when=lambda seen: None not in (seen.one, seen.other) and seen.one != seen.other,
)
def row_order_is_time(runs):
    newest = {run["day"]: run["status"] for run in runs}
    ended = [status for status in newest.values() if status != "running"]
    return ended.count("succeeded") / len(ended) if ended else None


@three.wrong(
    "2 January failed, and is being run again; you count its older run. The newest one says how a day stands, and it "
    "has no answer yet.",
    when=lambda seen: seen.healed == seen.with_running == 1 and seen.rerun == 0.5,
)
def older_run_counts(runs):
    return success_rate([run for run in runs if run["status"] != "running"])


@three.wrong(
    "You leave out runs that crashed. In a night in which every process was killed your rate would be that of the few "
    "which were not.",
    when=lambda seen: seen.crashed == 1 and seen.none_good == 0,
)
def crashed_left_out(runs):
    newest = {run["day"]: run["status"] for run in sorted(runs, key=lambda run: run["started_at"])}
    ended = [status for status in newest.values() if status in ("succeeded", "failed")]
    return ended.count("succeeded") / len(ended) if ended else None


@three.wrong(
    "A run that crashed counts as a success with you: what is not `failed` need not be good. A process that was killed "
    "could not write how it ended; the day is not there.",
    when=lambda seen: seen.crashed == 1 and seen.none_good == 0.5,
)
def not_failed_is_good(runs):
    newest = {run["day"]: run["status"] for run in sorted(runs, key=lambda run: run["started_at"])}
    ended = [status for status in newest.values() if status != "running"]
    return sum(status != "failed" for status in ended) / len(ended) if ended else None


@three.wrong(
    "For a history without an ended run you answered 0. Nothing has failed there: on its first morning a new "
    "pipeline would raise an alarm, and alarms without a reason are soon not read any more.",
    when=lambda seen: seen.of_none == 0 and seen.of_none is not False and seen.with_running == 1,
)
def none_is_nothing(runs):
    return success_rate(runs) or 0


@three.wrong(
    "{exact} of the days are in order, and you answered {rounded}. A rate that is rounded here is wrong for whoever "
    "counts on: 997 good days of 1,000 are not 1.",
    when=lambda seen: seen.rounded,
)
def rounds(runs):
    rate = success_rate(runs)
    return rate if rate is None else round(rate, 2)


@three.right
def in_pandas(runs):
    frame = pd.DataFrame(runs, columns=["day", "started_at", "status"])
    newest = frame.sort_values("started_at").groupby("day")["status"].last()
    rate = (newest[newest != "running"] == "succeeded").mean()
    return None if pd.isna(rate) else rate


def _history(*runs: str) -> list[dict]:
    """Runs in order of time, each written "day status"; every 14 hours one, so that the time of day tells nothing."""
    found = []
    for number, text in enumerate(runs):
        day, status = text.split()
        started = datetime(2013, 2, 1) + timedelta(hours=14 * number)
        found.append({"day": f"2013-01-{day}", "started_at": f"{started.isoformat()}Z", "status": status})
    return found


HEALED = "a day that failed and then succeeded", ["01 failed", "01 succeeded"]


@three.grade
def grade_success_rate(t: Trial) -> None:
    cases = (
        ("healed", 1.0, *HEALED),
        ("with_running", 1.0, "one day succeeded, one still runs", ["01 succeeded", "02 running"]),
        (
            "rerun",
            1.0,
            "one day succeeded, another failed and is being run again",
            ["01 succeeded", "02 failed", "02 running"],
        ),
        ("crashed", 0.5, "one day succeeded, the run of another crashed", ["01 succeeded", "02 crashed"]),
        ("none_good", 0.0, "one day failed, the run of another crashed", ["01 failed", "02 crashed"]),
        (
            "left_open",
            0.5,
            "one day ran again after a run that died unseen, and succeeded; another failed",
            ["01 running", "01 succeeded", "02 failed"],
        ),
        ("third", 2 / 3, "three days, one of which failed", ["01 succeeded", "02 succeeded", "03 failed"]),
    )
    for name, want, case, runs in cases:
        found = t.call(_history(*runs), case=case, none=False)
        setattr(t.seen, name, found)
        near = name == "third" and isinstance(plain(found), float) and abs(found - want)
        if near and near < 0.05:  # any order of dividing, and no rounding
            t.seen.exact, t.seen.rounded = ("2 / 3", show(plain(found))) if near > 1e-9 else (None, None)
            t.true(near < 1e-9, case, f"expected 2 / 3, got {show(plain(found))}")
        else:
            t.equal(found, want, case)
    for case, runs in (("no run at all", []), ("one run, still running", _history("01 running"))):
        found = t.call(runs, case=case)
        t.seen.of_none = found if t.seen.of_none is None else t.seen.of_none
        t.true(found is None, case, f"expected None, got {show(found)}")
    runs = _history(
        "01 failed",
        "01 succeeded",
        "02 succeeded",
        "03 crashed",
        "03 failed",
        "04 succeeded",
        "04 failed",
        "05 running",
    )
    case = "eight runs of five days: 1 and 2 succeeded in the end, 3 and 4 did not, 5 still runs"
    t.seen.one = t.call([dict(run) for run in runs], case=case, none=False)
    t.equal(t.seen.one, 0.5, case)
    for seed in range(5):
        mixed = random.Random(seed).sample(runs, len(runs))
        found = t.call(mixed, case=f"{case}, in another order", none=False)
        t.seen.other = found if t.seen.other in (None, t.seen.one) else t.seen.other
        t.equal(found, 0.5, f"{case}, in another order")
    case, runs = HEALED
    ask_again(t, t.seen.healed, lambda: t.call(_history(*runs), case=case, none=False), case)

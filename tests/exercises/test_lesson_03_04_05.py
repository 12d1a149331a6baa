"""What lessons 03 to 05 tell about slips that are near a known mistake: its message only where it is true of them."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from exercises import model
from exercises.trial import grade

CASES: list[Any] = []
INSERT = "INSERT INTO flights VALUES (?, ?, ?, ?, ?)"
RECEIPT = "INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)"


def told(number: str, words: str, mistake: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A slip in exercise `number` is told `words`, as this mistake, or as what it is where none is named."""

    def keep(slip: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append(pytest.param(number, slip, words, mistake, id=f"{number}-{slip.__name__}"))
        return slip

    return keep


@told("3.1", "the days before and after it")
def deletes_the_days_that_follow(conn, day, rows):
    with conn:
        conn.execute("DELETE FROM flights WHERE day >= ?", (day,))
        conn.executemany(INSERT, rows)


@told("3.1", "The second load of the same day did not work", "append")
def deletes_the_day_called_day(conn, day, rows):
    with conn:
        conn.execute("DELETE FROM flights WHERE day = 'day'")
        conn.executemany(INSERT, rows)


@told("3.2", "afterwards: the rows")
def rolls_back(conn, day, rows, source_hash):
    conn.execute("DELETE FROM flights WHERE day = ?", (day,))
    conn.executemany(INSERT, rows)
    conn.execute(RECEIPT, (day, len(rows), source_hash))
    conn.rollback()


@told("3.2", "got [('2013-01-15', 'new hash', '2')")
def receipt_the_wrong_way_round(conn, day, rows, source_hash):
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany(INSERT, rows)
        conn.execute(RECEIPT, (day, source_hash, len(rows)))


@told("3.2", "got [('2013-01-15', 2, 'new hash')]")
def drops_the_other_receipts(conn, day, rows, source_hash):
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany(INSERT, rows)
        conn.execute("DELETE FROM receipts")
        conn.execute(RECEIPT, (day, len(rows), source_hash))


@told("3.2", "inside another one", "two_commits")
def with_in_with(conn, day, rows, source_hash):
    with conn:
        with conn:
            conn.execute("DELETE FROM flights WHERE day = ?", (day,))
            conn.executemany(INSERT, rows)
        conn.execute(RECEIPT, (day, len(rows), source_hash))


@told("3.2", "leave no rows under the old receipt: `DELETE FROM flights …` ran in no transaction", "script_commits")
def a_script_that_commits(conn, day, rows, source_hash):
    conn.executescript(f"DELETE FROM flights WHERE day = '{day}'")
    conn.executemany(INSERT, rows)
    conn.execute(RECEIPT, (day, len(rows), source_hash))
    conn.commit()


@told("3.2", "`DELETE FROM flights …` ran in no transaction", "script_commits")
def nothing_is_opened(conn, day, rows, source_hash):
    conn.isolation_level = None
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany(INSERT, rows)
        conn.execute(RECEIPT, (day, len(rows), source_hash))


@told("3.2", "`INSERT OR REPLACE …` ran in no transaction", "script_commits")
def nothing_is_opened_for_the_receipt(conn, day, rows, source_hash):
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany(INSERT, rows)
        conn.isolation_level = None
        conn.execute(RECEIPT, (day, len(rows), source_hash))


@told("3.2", "new receipt with old rows", "receipt_first")
def nothing_is_opened_and_the_receipt_is_first(conn, day, rows, source_hash):
    conn.isolation_level = None
    conn.execute(RECEIPT, (day, len(rows), source_hash))
    conn.execute("DELETE FROM flights WHERE day = ?", (day,))
    conn.executemany(INSERT, rows)


@told("3.2", "between two of your commits", "two_commits")
def two_savepoints(conn, day, rows, source_hash):
    conn.execute("SAVEPOINT rows")
    conn.execute("DELETE FROM flights WHERE day = ?", (day,))
    conn.executemany(INSERT, rows)
    conn.execute("RELEASE rows")
    with conn:
        conn.execute(RECEIPT, (day, len(rows), source_hash))


@told("3.3", "('2013-01-04',), a tuple", "tuples_of_one")
def some_days_in_tuples(conn):
    return conn.execute("SELECT day FROM flights WHERE day NOT IN (SELECT day FROM receipts) GROUP BY day").fetchall()


@told("3.3", "expected a list of days, got {'2013-01-0")
def days_in_no_order(conn):
    return {day for (day,) in conn.execute("SELECT day FROM flights")}


@told("3.3", "got ['2013-01-02', '2013-01-05']")
def only_too_few(conn):
    found = conn.execute("""SELECT r.day FROM receipts r LEFT JOIN flights f ON f.day = r.day GROUP BY r.day, r.rows
                            HAVING COUNT(f.day) < r.rows ORDER BY 1""")
    return [day for (day,) in found]


@told("4.1", "got another one: ConnectionError")
def the_same_type_anew(stages, value, record):
    for name, function in stages:
        started = time.perf_counter()
        try:
            value = function(value)
        except Exception as error:
            record(name, "failed", time.perf_counter() - started, error)
            raise type(error)(*error.args) from None
        record(name, "succeeded", time.perf_counter() - started, None)
    return value


@told("4.1", "load was called with None", "print_and_continue")
def goes_on_with_none(stages, value, record):
    for name, function in stages:
        started, problem = time.perf_counter(), None
        try:
            value = function(value)
        except Exception as error:
            value, problem = None, error
        record(name, "failed" if problem else "succeeded", time.perf_counter() - started, problem)
    return value


def run_stages(stages, value, record):
    return model.find("4.1").parts["solution"](stages, value, record)


@told("4.1", "s for transform")
def the_time_of_day(stages, value, record):
    return run_stages(stages, value, lambda name, status, seconds, error: record(name, status, time.time(), error))


@told("4.1", "timedelta")
def seconds_of_another_type(stages, value, record):
    def note(name, status, seconds, error):
        record(name, status, timedelta(seconds=seconds), error)

    return run_stages(stages, value, note)


@told("4.1", "got ['start']")
def returns_what_it_was_given(stages, value, record):
    run_stages(stages, value, record)
    return value


@told("4.1", "expected the very exception in the record, got ('the network is away',)")
def the_words_in_a_tuple(stages, value, record):
    return run_stages(stages, value, lambda *row: record(*row[:3], row[3] and row[3].args))


@told("4.1", "the text \"ConnectionError('the network is away')\"", "text_of_the_error")
def what_repr_says(stages, value, record):
    return run_stages(stages, value, lambda *row: record(*row[:3], row[3] and repr(row[3])))


@told("4.1", "the errors that were recorded")
def an_empty_text_for_none(stages, value, record):
    return run_stages(stages, value, lambda *row: record(*row[:3], row[3] or ""))


def begun(path: Path, day: str) -> tuple[sqlite3.Connection, int | None]:
    conn = sqlite3.connect(path)
    row = conn.execute("INSERT INTO runs (day, status) VALUES (?, 'running')", (day,)).lastrowid
    conn.commit()
    return conn, row


FAILED = "UPDATE runs SET status = 'failed', error = ? WHERE id = ?"
SUCCEEDED = "UPDATE runs SET status = 'succeeded' WHERE id = ?"


@told("4.2", "The work has succeeded", "forgets_the_second_commit")
def commits_only_a_failure(path, day, work):
    conn, row = begun(path, day)
    try:
        work()
    except BaseException as error:
        conn.execute(FAILED, (repr(error), row))
        conn.commit()
        raise
    conn.execute(SUCCEEDED, (row,))


@told("4.2", "The work has failed", "forgets_the_second_commit")
def commits_only_a_success(path, day, work):
    conn, row = begun(path, day)
    try:
        work()
    except BaseException as error:
        conn.execute(FAILED, (repr(error), row))
        raise
    conn.execute(SUCCEEDED, (row,))
    conn.commit()


@told("4.2", "finds no row", "insert_at_end")
def writes_successes(path, day, work):
    work()
    with sqlite3.connect(path) as conn:
        conn.execute("INSERT INTO runs (day, status) VALUES (?, 'succeeded')", (day,))


@told("4.2", "work() takes 0 positional arguments but 1 was given")
def gives_work_the_day(path, day, work):
    work(day)


@told("4.2", "expected KeyboardInterrupt to get out, got None")
def keeps_ctrl_c(path, day, work):
    conn, row = begun(path, day)
    try:
        work()
    except BaseException as error:
        conn.execute(FAILED, (repr(error), row))
        conn.commit()
        if isinstance(error, KeyboardInterrupt):
            return
        raise
    conn.execute(SUCCEEDED, (row,))
    conn.commit()


@told("4.3", "returned None: does every way through it end in a `return`?")
def rate_without_return(runs):
    sum(run["status"] == "succeeded" for run in runs)


@told("4.3", "expected None, got False")
def false_for_none(runs):
    rate = model.find("4.3").parts["solution"](runs)
    return False if rate is None else rate


@told("5.1", "expected 2013-01-15, got '2013-01-15'")
def text_of_a_day(value):
    return (value if isinstance(value, date) else date.fromisoformat(value)).isoformat()


@told("5.1", "expected an error or the date 2013-01-15, got 2013-01-15 00:00:00")
def a_datetime_for_a_number(value):
    return datetime.strptime(str(value), "%Y%m%d") if type(value) is int else model.find("5.1").parts["solution"](value)


@told("5.1", "'13-01-15' became 0013-01-15", "three_numbers")
def split_at_dashes(value):
    if type(value) is date:
        return value
    year, month, day_of_month = value.split("-")
    return date(int(year), int(month), int(day_of_month))


@told("5.1", "For '' you returned today", "default_today")
def today_for_nothing(value):
    parse_day = model.find("5.1").parts["solution"]
    try:
        return parse_day(value)
    except ValueError:
        return None if value else date.today()


@told("5.2", "needs_attention(1, {'status': 'failed', 'interval_start': '2013-01-15', …}, '2013-01-15'): expected True")
def never(returncode, run, day):
    return False


@told("5.2", "exit code 1 after the load had succeeded")
def more_than_one(returncode, run, day):
    return returncode > 1 or run is None or run["status"] != "succeeded" or run["interval_start"] != day


@told("5.2", "expected False, got True")
def the_end_for_the_start(returncode, run, day):
    return returncode != 0 or run is None or run["status"] != "succeeded" or run["interval_end"] != day


@told("5.3", "expected [2013-01-02], got ['2013-01-02']")
def days_as_text(landed, receipts):
    return sorted(day.isoformat() for day in landed if receipts.get(day) != landed[day])


@told("5.3", "expected [2013-01-02], got [(datetime.date(2013, 1, 2), 'b')]")
def pairs(landed, receipts):
    return sorted(landed.items() - receipts.items())


@told("5.3", "expected [2013-01-02], got [2013-01-01]")
def what_is_done(landed, receipts):
    return sorted(day for day, found in landed.items() if receipts.get(day) == found)


@told("5.3", "expected [2013-01-02], got []")
def nothing(landed, receipts):
    return []


@told("5.3", "expected [2013-01-02], got [2013-01-02 00:00:00]")
def timestamps(landed, receipts):
    return sorted(pd.Timestamp(day) for day in landed if receipts.get(day) != landed[day])


@told("5.3", "You asked the clock", "yesterday")
def always_today(landed, receipts):
    return [date.today()]


def week(days, run_one, failed=1, stop=()):
    code = 0
    for day in days:
        try:
            run_one(day)
        except Exception:
            code = failed
        except stop:
            break
    return code


@told("5.4", "got -1: no process can end with it, it arrives as 255")
def minus_one(days, run_one):
    return week(days, run_one, failed=-1)


@told("5.4", "expected 0, got True, which counts as 1")
def true_always(days, run_one):
    return week(days, run_one) in (0, 1)


@told("5.4", "Wednesday failed, and the exit code is False, which counts as 0", "always_zero")
def false_always(days, run_one):
    return week(days, run_one) == 2


@told("5.4", "As an exit code True is 1", "true_is_success")
def true_for_a_good_week(days, run_one):
    return week(days, run_one) == 0


@told("5.4", "expected KeyboardInterrupt to get out, got 0")
def stops_and_says_nothing(days, run_one):
    return week(days, run_one, stop=KeyboardInterrupt)


@told("5.4", "got [2013-01-07]")
def one_day(days, run_one):
    return week(days[:1], run_one)


@told("5.4", "expected 0, got 1")
def the_wrong_way_round(days, run_one):
    return 1 - week(days, run_one)


@pytest.mark.parametrize(("number", "slip", "words", "mistake"), CASES)
def test_a_slip_is_told_what_is_true_of_it(
    number: str, slip: Callable[..., Any], words: str, mistake: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = grade(model.find(number), slip)
    assert not outcome.passed
    assert outcome.mistake == mistake, outcome
    assert words in f"{outcome.message} {outcome.case} {outcome.detail}", outcome
    assert list(tmp_path.glob("2013*")) == [], "the grader took an argument for a path"


def test_the_second_commit_is_missed_at_once() -> None:
    """The lock of what was not committed is not waited for."""
    started = time.perf_counter()
    grade(model.find("4.2"), commits_only_a_success)
    assert time.perf_counter() - started < 4


@pytest.mark.parametrize("number", ["3.1", "3.2"])
def test_what_is_not_asked_for_may_be_returned(number: str) -> None:
    solve = model.find(number).parts["solution"]
    assert grade(model.find(number), lambda *given: solve(*given) or sys.getsizeof(given)).passed


def test_two_digits_for_the_year_may_be_meant_as_a_day() -> None:
    solve = model.find("5.1").parts["solution"]
    assert grade(model.find("5.1"), lambda value: solve("2013-01-15" if value == "13-01-15" else value)).passed


@pytest.mark.parametrize("begin", [lambda conn: setattr(conn, "isolation_level", None), lambda conn: None])
def test_a_transaction_that_is_opened_by_hand(begin: Callable[[sqlite3.Connection], Any]) -> None:
    def load_day(conn, day, rows, source_hash):
        begin(conn)
        conn.execute("BEGIN")
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany(INSERT, rows)
        conn.execute(RECEIPT, (day, len(rows), source_hash))
        conn.execute("COMMIT")

    assert grade(model.find("3.2"), load_day).passed

"""What lessons 03 to 05 tell about slips that are near a known mistake: its message only where it is true of them."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
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


@told("3.1", "for the first time; the other days")
def deletes_the_days_that_follow(conn, day, rows):
    with conn:
        conn.execute("DELETE FROM flights WHERE day >= ?", (day,))
        conn.executemany(INSERT, rows)


@told("3.1", "The second load of the same day did not work", "append")
def deletes_the_day_called_day(conn, day, rows):
    with conn:
        conn.execute("DELETE FROM flights WHERE day = 'day'")
        conn.executemany(INSERT, rows)


@told("3.1", "for the first time; the other days")
def deletes_the_month(conn, day, rows):
    with conn:
        conn.execute(f"DELETE FROM flights WHERE day LIKE '{day[:7]}%'")
        conn.executemany(INSERT, rows)


@told("3.1", "and your table does not have it", "drops_the_cancelled")
def frame_without_missing(conn, day, rows):
    frame = pd.DataFrame(rows, columns=["day", "carrier", "flight", "origin", "delay"]).dropna()
    conn.execute("DELETE FROM flights WHERE day = ?", [day])
    frame.to_sql("flights", conn, if_exists="append", index=False)


@told("3.1", "and your table has 0 as its delay", "drops_the_cancelled")
def on_time_if_missing(conn, day, rows):
    conn.execute("DELETE FROM flights WHERE day = ?", [day])
    conn.executemany(INSERT, [(*row[:4], row[4] or 0) for row in rows])


@told("3.1", "('2013-01-15', 'UA', 1545, 'EWR', 2)")
def one_row_a_flight_number(conn, day, rows):
    conn.execute("DELETE FROM flights WHERE day = ?", [day])
    conn.executemany(INSERT, {row[1:3]: row for row in rows}.values())


@told("3.1", "`DELETE FROM flights WHERE day = '2013-01-15'`, which is about the 15th", "always_the_15th")
def written_out(conn, day, rows):
    conn.execute("DELETE FROM flights WHERE day = '2013-01-15'")
    conn.executemany(INSERT, rows)


@told("3.1", "a corrected 16 January: one flight fewer, one delay changed your code raised IntegrityError")
def only_in_january_15(conn, day, rows):
    if day.endswith("15"):
        conn.execute("DELETE FROM flights WHERE day = ?", [day])
    conn.executemany(INSERT, rows)


def load_day(conn, day, rows, source_hash):
    return model.find("3.2").parts["solution"](conn, day, rows, source_hash)


@told("3.2", "A kill between two of your commits leaves new rows under the old receipt", "two_commits")
def begins_by_a_script(conn, day, rows, source_hash):
    conn.executescript(f"BEGIN; DELETE FROM flights WHERE day = '{day}'")
    conn.executemany(INSERT, rows)
    conn.commit()
    conn.execute(RECEIPT, (day, len(rows), source_hash))
    conn.commit()


@told("3.2", "afterwards: the rows")
def leaves_out_the_cancelled(conn, day, rows, source_hash):
    load_day(conn, day, [row for row in rows if row[4] is not None], source_hash)


@told("3.2", "which is about the 15th", "always_the_15th")
def the_day_of_the_notebook(conn, day, rows, source_hash):
    load_day(conn, "2013-01-15", rows, source_hash)


@told("3.2", "a corrected 16 January; the receipts afterwards")
def receipts_of_that_day(conn, day, rows, source_hash):
    load_day(conn, day, rows, source_hash if day.endswith("15") else "")


@told("3.2", "afterwards the old rows and the old receipt are there", "nothing_to_do")
def returns_where_nothing_is(conn, day, rows, source_hash):
    if not rows:
        return
    load_day(conn, day, rows, source_hash)


@told("3.2", "the receipts afterwards expected [('2013-01-15', 0, 'the last hash')")
def only_the_rows_go(conn, day, rows, source_hash):
    if not rows:
        conn.execute("DELETE FROM flights WHERE day = ?", [day])
        conn.commit()
        return
    load_day(conn, day, rows, source_hash)


@told("3.2", "and your function returned as if all were well. Whoever called it has to hear of that.", "swallows")
def prints_the_error(conn, day, rows, source_hash):
    try:
        load_day(conn, day, rows, source_hash)
    except sqlite3.Error as error:
        print(error)


@told("3.2", "the rows changed through `conn`, and the receipt by another way: that makes two commits")
def receipt_by_another_connection(conn, day, rows, source_hash):
    path = conn.execute("PRAGMA database_list").fetchone()[2]
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany(INSERT, rows)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(RECEIPT, (day, len(rows), source_hash))


@told("3.2", "afterwards: the rows")
def rolls_back(conn, day, rows, source_hash):
    conn.execute("DELETE FROM flights WHERE day = ?", (day,))
    conn.executemany(INSERT, rows)
    conn.execute(RECEIPT, (day, len(rows), source_hash))
    conn.rollback()


@told("3.2", "got [('2013-01-15', 'new hash', '4')")
def receipt_the_wrong_way_round(conn, day, rows, source_hash):
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany(INSERT, rows)
        conn.execute(RECEIPT, (day, source_hash, len(rows)))


@told("3.2", "got [('2013-01-15', 4, 'new hash')]")
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


def audit(conn):
    return model.find("3.3").parts["solution"](conn)


@told("3.3", "got ['2013-01-02 is wrong'")
def days_in_sentences(conn):
    return [f"{day} is wrong" for day in audit(conn)]


@told("3.3", "a warehouse of six days expected ['2013-01-02', '2013-01-03', '2013-01-04', '2013-01-05'], got []")
def finds_nothing(conn):
    return []


@told("3.3", "2013-01-05'], got []")
def returns_after_the_first_day(conn):
    bad = []
    for (day,) in conn.execute("SELECT day FROM flights UNION SELECT day FROM receipts ORDER BY 1"):
        if date.fromisoformat(day) in audit(conn):
            bad.append(day)
        return bad


@told("3.3", "something where the totals differ", "grand_total")
def compares_two_sums(conn):
    there, said = conn.execute("SELECT (SELECT COUNT(*) FROM flights), (SELECT SUM(rows) FROM receipts)").fetchone()
    return [] if there == (said or 0) else audit(conn)


@told("3.3", "its tables, which an audit leaves as they are")
def repairs(conn):
    bad = audit(conn)
    with conn:
        conn.executemany("DELETE FROM receipts WHERE day = ?", [[str(day)] for day in bad])
    return bad


FOUND = []


@told("3.3", "something of them is still there", "keeps_a_list")
def a_list_outside(conn):
    FOUND.extend(audit(conn))
    return FOUND


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


def recording(stages, value, record, caught=Exception, seconds=lambda own: own, again=lambda error: error):
    """The solution, but for the errors it records, the seconds of a failure and the error that goes on."""
    for name, function in stages:
        started = time.perf_counter()
        try:
            value = function(value)
        except caught as error:
            record(name, "failed", seconds(time.perf_counter() - started), error)
            if again(error) is error:
                raise
            raise again(error) from error
        record(name, "succeeded", time.perf_counter() - started, None)
    return value


@told("4.1", "After the call the list of stages has none of its three entries", "empties_the_list")
def pops_each_stage(stages, value, record):
    while stages:
        value = run_stages([stages.pop(0)], value, record)
    return value


@told("4.1", "transform returned None, and your code stopped there", "truthiness")
def stops_at_none(stages, value, record):
    for stage in stages:
        value = run_stages([stage], value, record)
        if value is None:
            break
    return value


@told("4.1", "When transform was called, the stage before it had ended", "records_at_the_end")
def records_in_a_finally(stages, value, record):
    entries = []
    try:
        return run_stages(stages, value, lambda *entry: entries.append(entry))
    finally:
        for entry in entries:
            record(*entry)


@told("4.1", "what was recorded expected [('extract', 'succeeded')")
def records_nothing(stages, value, record):
    return run_stages(stages, value, lambda *entry: None)


@told("4.1", "and you recorded None s for it", "no_time_for_failures")
def no_seconds_of_a_failure(stages, value, record):
    return recording(stages, value, record, seconds=lambda own: None)


@told("4.1", "and you recorded 0.13 s for it", "no_time_for_failures")
def the_time_of_the_run_for_a_failure(stages, value, record):
    return recording(stages, value, record, seconds=lambda own: own + 0.1)


@told("4.1", "with ConnectionError is not in your record; the one that failed with ValueError is.", "some_errors")
def only_values_are_wrong(stages, value, record):
    return recording(stages, value, record, caught=ValueError)


@told("4.1", "with ValueError is not in your record; the one that failed with ConnectionError is.", "some_errors")
def only_the_system_fails(stages, value, record):
    return recording(stages, value, record, caught=OSError)


@told("4.1", "The caller got RuntimeError", "new_exception")
def says_which_stage_it_was(stages, value, record):
    return recording(stages, value, record, again=lambda error: RuntimeError("a stage failed"))


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


def track(path, day, work):
    return model.find("4.2").parts["solution"](path, day, work)


@told("4.2", "and its error is NULL", "nothing_of_ctrl_c")
def no_words_for_ctrl_c(path, day, work):
    track(path, day, work_of(path, work))


def work_of(path, work):
    """Work after which Ctrl-C leaves no error in the table: what an `except KeyboardInterrupt` of its own does."""

    def again():
        try:
            work()
        except KeyboardInterrupt:
            with sqlite3.connect(path) as conn:
                conn.execute("CREATE TRIGGER t AFTER UPDATE ON runs BEGIN UPDATE runs SET error = NULL; END")
            raise

    return again


@told("4.2", "expected type and message as the error, got 'stopped'")
def a_word_for_ctrl_c(path, day, work):
    conn, row = begun(path, day)
    try:
        work()
    except BaseException as error:
        conn.execute(FAILED, ("stopped" if isinstance(error, KeyboardInterrupt) else repr(error), row))
        conn.commit()
        raise
    conn.execute(SUCCEEDED, (row,))
    conn.commit()


@told("4.2", "The caller got RuntimeError, where the work had raised ValueError", "new_exception")
def raises_another(path, day, work):
    try:
        track(path, day, work)
    except Exception as error:
        raise RuntimeError(day) from error


@told("4.2", "Your code raised OperationalError: no such table: run")
def writes_to_another_table(path, day, work):
    conn, row = begun(path, day)
    try:
        work()
    except BaseException as error:
        conn.execute("UPDATE run SET status = 'failed', error = ?", (repr(error),))
        raise
    conn.execute(SUCCEEDED, (row,))
    conn.commit()


def rate_of(runs):
    return model.find("4.3").parts["solution"](runs)


@told("4.3", "expected 0.5, got 0.0")
def leaves_out_each_day_with_an_open_run(runs):
    open_days = {run["day"] for run in runs if run["status"] == "running"}
    newest = {run["day"]: run["status"] for run in sorted(runs, key=lambda run: run["started_at"])}
    newest = {day: status for day, status in newest.items() if day not in open_days}
    return list(newest.values()).count("succeeded") / len(newest) if newest else None


@told("4.3", "a day that failed and then succeeded expected 1.0, got 0.5")
def one_day_too_many(runs):
    newest = {run["day"]: run["status"] for run in sorted(runs, key=lambda run: run["started_at"])}
    return list(newest.values()).count("succeeded") / (len(newest) + 1)


@told("4.3", "and you answered 0.7", "rounds")
def one_place(runs):
    return None if rate_of(runs) is None else round(rate_of(runs), 1)


@told("4.3", "expected 0.6666666666666666, got 0.5")
def one_place_too_few(runs):
    rate = rate_of(runs)
    return rate if rate in (None, 0, 1) else 0.5


@told("4.3", "you count its older run", "older_run_counts")
def by_the_time_of_day(runs):
    newest = {run["day"]: run["status"] for run in sorted(runs, key=lambda run: run["started_at"][11:])}
    ended = [status for status in newest.values() if status != "running"]
    return ended.count("succeeded") / len(ended) if ended else None


NEWEST = {}


@told("4.3", "something of them is still there", "keeps_days")
def days_outside(runs):
    NEWEST.update({run["day"]: run["status"] for run in sorted(runs, key=lambda run: run["started_at"])})
    ended = [status for status in NEWEST.values() if status != "running"]
    return ended.count("succeeded") / len(ended) if ended else 0


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


@told("5.1", "you returned NaT, and leave it to the caller to ask", "none_on_error")
def coerced(value):
    return pd.to_datetime(str(value), format="%Y-%m-%d", errors="coerce").date()


@told("5.1", "ended the whole program", "exits")
def says_goodbye(value):
    try:
        return model.find("5.1").parts["solution"](value)
    except (ValueError, TypeError) as error:
        sys.exit(f"no day: {error}")


@told("5.2", "found dead and is called crashed. Of all that a status can be", "running_is_fine")
def two_bad_words(returncode, run, day):
    bad = run is None or run["status"] in ("failed", "running") or run["interval_start"] != day
    return returncode != 0 or bad


@told("5.2", "and a later day was loaded. The history says that some day", "ignores_day")
def up_to_the_day(returncode, run, day):
    bad = run is None or run["status"] != "succeeded" or run["interval_start"] < day
    return returncode != 0 or bad


@told("5.2", "needs_attention(1, {'status': 'failed', 'interval_start': '2013-01-15', …}, '2013-01-15'): expected True")
def never(returncode, run, day):
    return False


@told("5.2", "exit code 1 after the load had succeeded")
def more_than_one(returncode, run, day):
    return returncode > 1 or run is None or run["status"] != "succeeded" or run["interval_start"] != day


@told("5.2", "expected False, got True")
def the_end_for_the_start(returncode, run, day):
    return returncode != 0 or run is None or run["status"] != "succeeded" or run["interval_end"] != day


@told("5.3", "expected [2013-01-02], got {datetime.date(2013, 1, 2)}")
def a_set(landed, receipts):
    return {day for day, found in landed.items() if receipts.get(day) != found}


@told("5.3", "unless they are one object", "is_not")
def other_objects(landed, receipts):
    return sorted(day for day in landed if id(receipts.get(day)) != id(landed[day]))


@told("5.3", "2013-01-01 in `receipts`", "pops")
def empties_the_receipts(landed, receipts):
    return sorted(day for day, found in landed.items() if receipts.pop(day, None) != found)


@told("5.3", "2013-01-02 in `receipts`", "pops")
def writes_receipts(landed, receipts):
    days = sorted(day for day, found in landed.items() if receipts.get(day) != found)
    receipts.update(landed)
    return days


@told("5.3", "A corrected file landed", "set_difference")
def the_first_eight_characters(landed, receipts):
    return sorted(day for day, found in landed.items() if receipts.get(day, "")[:8] != found[:8])


@told("5.3", "2013-01-10 stands where 2013-01-02 belongs", "any_order")
def sorted_as_numbers_in_text(landed, receipts):
    days = (day for day, found in landed.items() if receipts.get(day) != found)
    return sorted(days, key=lambda day: (day.year, str(day.day)))


DAYS = []


@told("5.3", "something of them is still there", "keeps_days")
def all_days_ever(landed, receipts):
    DAYS.extend(day for day, found in landed.items() if receipts.get(day) != found)
    return sorted(set(DAYS))


@told("5.3", "expected [2013-01-02], got ['2013-01-02']")
def days_as_text(landed, receipts):
    return sorted(day.isoformat() for day in landed if receipts.get(day) != landed[day])


@told("5.3", "expected [2013-01-02], got [(datetime.date(2013, 1, 2), '5e0d")
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


@told("5.4", "the list of days, which is the caller's, afterwards")
def empties_the_list_of_days(days, run_one):
    code = 0
    while days:
        try:
            run_one(days.pop(0))
        except Exception:
            code = 1
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


@told("5.4", "OSError got out of your function", "some_errors")
def only_values(days, run_one):
    code = 0
    for day in days:
        try:
            run_one(day)
        except ValueError:
            code = 1
    return code


@told("5.4", "expected 1, or another number up to 255; got ValueError")
def raises_in_the_end(days, run_one):
    problem = None
    for day in days:
        try:
            run_one(day)
        except Exception as error:
            problem = problem or error
    if problem:
        raise problem
    return 0


@told("5.4", "Return the number", "exits")
def ends_the_program(days, run_one):
    sys.exit(week(days, run_one))


@told("5.4", "when nothing is pending expected 0, got 1")
def no_day_is_a_failure(days, run_one):
    return week(days, run_one) if days else 1


@told("5.4", "of numpy, with which a process ends with 1, whatever it is")
def a_bool_of_numpy(days, run_one):
    return np.bool_(week(days, run_one))


FAILURES = []


@told("5.4", "something of them is still there", "keeps_failures")
def all_failures_ever(days, run_one):
    FAILURES.append(week(days, run_one))
    return max(FAILURES)


@told("5.4", "expected 0, got 1")
def the_wrong_way_round(days, run_one):
    return 1 - week(days, run_one)


@pytest.mark.slow
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


def test_a_list_of_stages_may_be_copied_and_emptied() -> None:
    def runs(stages, value, record):
        left = list(stages)
        while left:
            value = run_stages([left.pop(0)], value, record)
        return value

    assert grade(model.find("4.1"), runs).passed


@pytest.mark.parametrize("make", [tuple, lambda days: pd.Index(days).tolist()])
def test_days_in_a_list_or_a_tuple(make: Callable[..., Any]) -> None:
    solve = model.find("5.3").parts["solution"]
    assert grade(model.find("5.3"), lambda landed, receipts: make(solve(landed, receipts))).passed


@pytest.mark.parametrize("make", [np.datetime64, pd.Timestamp, "{} 00:00:00".format, str])
def test_a_day_may_be_text_or_a_timestamp(make: Callable[..., Any]) -> None:
    solve = model.find("3.3").parts["solution"]
    assert grade(model.find("3.3"), lambda conn: [make(day) for day in solve(conn)]).passed


def test_all_of_a_load_by_one_connection_of_its_own() -> None:
    def load(conn, day, rows, source_hash):
        path = conn.execute("PRAGMA database_list").fetchone()[2]
        with closing(sqlite3.connect(path)) as other:
            load_day(other, day, rows, source_hash)

    assert grade(model.find("3.2"), load).passed

"""What lesson 06 tells about answers that are neither right nor a known mistake, and the errors that it tries."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any
from urllib.error import HTTPError, URLError

import numpy as np
import pytest

from exercises.lesson_06 import known, with_retry
from exercises.model import find
from exercises.tools.terminal import ended, terminal
from exercises.tools.trouble import database_errors, http_errors, timeout_of_asyncio, wrapped
from exercises.trial import grade

FORGETS_RETURN = """
def worth_retrying(error):
    if getattr(error, "code", None):
        return error.code in (429, 503)
    if isinstance(error, ConnectionError | TimeoutError) or "IncompleteRead" in repr(error):
        return True
    if "locked" in str(error):
        return True
    if error.__cause__:
        worth_retrying(error.__cause__)
"""
SLEEPS_FOR_A_FUNCTION = """
def with_retry(work, attempts, wait, sleep, worth_retrying):
    for attempt in range(1, attempts + 1):
        try:
            return work()
        except Exception as error:
            if attempt == attempts or not worth_retrying(error):
                raise
        sleep(wait)
"""
NO_TUPLE = """
def append_once(conn, request_id, rows):
    with conn:
        if conn.execute("INSERT OR IGNORE INTO requests VALUES (?)", (request_id)).rowcount:
            conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)
"""
MISSPELT_ROLLBACK = """
def append_once(conn, request_id, rows):
    try:
        if conn.execute("INSERT OR IGNORE INTO requests VALUES (?)", [request_id]).rowcount:
            conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)
        conn.commit()
    except Exception:
        conn.rolback()
        raise
"""
NEGATIVE = """
def wait(attempt, base, cap, rng):
    return rng.uniform(-1, 1) * min(cap, base * 2 ** (attempt - 1))
"""


Answer = Callable[..., Any]
ID = "INSERT OR IGNORE INTO requests VALUES (?)"
ROW = "INSERT INTO weather VALUES (?, ?, ?)"


# ---- 6.1: each is drawn from half of the longest wait up to all of it, unless it says otherwise ----------------------


def drawn(longest: Answer, low: float = 0.5, high: float = 1) -> Answer:
    return lambda attempt, base, cap, rng: rng.uniform(low, high) * longest(attempt, base, cap)


def ceiling(attempt: int, base: float, cap: float) -> float:
    return min(cap, base * 2 ** (attempt - 1))


def cap_on_what_is_doubled(attempt: int, base: float, cap: float, rng: Any) -> float:
    longest = base
    for _ in range(attempt - 1):
        longest = min(cap, longest * 2)
    return rng.uniform(0, longest)


def gives_up_pausing(attempt: int, base: float, cap: float, rng: Any) -> float:
    return 0 if attempt > 50 else rng.uniform(0.5, 1) * ceiling(attempt, base, cap)


WAITS: dict[str, tuple[Answer, str, str]] = {
    "cap only on what is doubled": (cap_on_what_is_doubled, "", "base 60 s, cap 10 s"),
    "no cap, and slowly": (drawn(lambda n, base, cap: base * n**2), "jitter_after_cap", "With a cap of 60 s it waited"),
    "drawn around the cap": (drawn(ceiling, 0.5, 1.5), "jitter_after_cap", "has to stay below it"),
    "no pause after 50": (gives_up_pausing, "does_not_grow", "The waits do not grow"),
    "at least 0.1 s": (drawn(lambda n, base, cap: max(0.2, ceiling(n, base, cap))), "", "expected the longest"),
    "no pause below 0.5 s": (
        drawn(lambda n, base, cap: ceiling(n, base, cap) * (ceiling(n, base, cap) > 0.5)),
        "",
        "attempt 1, base 0.05 s",
    ),
    "power by ^, of the whole": (drawn(lambda n, base, cap: min(cap, base * 2 ^ (n - 1))), "raised", "A power is"),
    "power by ^": (lambda n, base, cap, rng: rng.random() * min(cap, base * (2 ^ (n - 1))), "no_power", "`2 ** 2`"),
    "milliseconds": (drawn(lambda n, base, cap: 1000 * ceiling(n, base, cap)), "jitter_after_cap", "a cap of 60 s"),
    "counts from zero": (drawn(lambda n, base, cap: min(cap, base * 2**n)), "doubles_at_once", "After the first"),
    "triples": (drawn(lambda n, base, cap: min(cap, base * 3 ** (n - 1))), "", "expected at most 2 s"),
    "a tenth of it": (drawn(ceiling, 0, 0.1), "", "far from the cap"),
    "one twentieth": (drawn(ceiling, 0.97), "no_jitter", "nearly"),
    "a text": (lambda n, base, cap, rng: f"{ceiling(n, base, cap)} s", "", "expected a number of seconds"),
    "its seed is the attempt": (
        lambda n, base, cap, rng: Random(n).random() * ceiling(n, base, cap),
        "no_jitter",
        "wait the same",
    ),
}


# ---- 6.2 ------------------------------------------------------------------------------------------------------------


def last_line(final: Answer, otherwise: Any = True) -> Answer:
    """The hint's code, with an end of its own."""

    def answer(error: Any) -> Any:
        if final(error):
            return False
        if isinstance(error, HTTPError | sqlite3.OperationalError):
            return known(error)
        if error.__cause__:
            return answer(error.__cause__)
        return otherwise(error) if callable(otherwise) else otherwise

    return answer


def through(step: Answer, own: Answer = known) -> Answer:
    def answer(error: Any) -> bool:
        while isinstance(error, BaseException):
            if own(error):
                return True
            error = None if isinstance(error, HTTPError) else step(error)
        return False

    return answer


def reason(error: Any) -> Any:
    return error.reason if isinstance(error, URLError) else None


by_cause = through(lambda error: reason(error) or error.__cause__)


def in_its_text(error: Any) -> bool:
    return "database is locked" in str(error) or by_cause(error)


ERRORS: dict[str, tuple[Answer, str, str]] = {
    "yes at the end": (
        last_line(lambda error: isinstance(error, FileNotFoundError | ValueError)),
        "unknown_is_yes",
        "IntegrityError",
    ),
    "each OSError but one": (
        last_line(
            lambda error: isinstance(error, FileNotFoundError),
            lambda error: known(error) or isinstance(error, OSError),
        ),
        "unknown_is_yes",
        "You say yes to URLError",
    ),
    "but no such table": (
        lambda error: (
            "no such table" not in str(error) if isinstance(error, sqlite3.OperationalError) else by_cause(error)
        ),
        "unknown_is_yes",
        "no such column",
    ),
    "every URLError": (
        through(lambda error: error.__cause__, lambda e: known(e) or type(e) is URLError),
        "unknown_is_yes",
        "whose reason is a FileNotFoundError",
    ),
    "cause of a RuntimeError": (
        through(lambda error: reason(error) or (error.__cause__ if isinstance(error, RuntimeError) else None)),
        "cause_of_one_type",
        "LoadFailed",
    ),
    "locked in any text": (in_its_text, "by_its_text", "“database is locked”"),
    "yes and no": (lambda error: "yes" if by_cause(error) else "no", "", "got 'yes', a str"),
    "a list": (lambda error: [by_cause(error)], "everything", "You retry everything"),
    "its context": (through(lambda error: reason(error) or error.__context__), "by_its_context", "`__cause__`"),
    "no reason": (through(lambda error: error.__cause__), "ignores_reason", "`reason`"),
    "nothing": (lambda error: False, "every_answer_alike", "You answer False to 503 and to 404"),
    "no timeout": (
        through(
            lambda error: reason(error) or error.__cause__,
            lambda error: known(error) and not isinstance(error, TimeoutError),
        ),
        "",
        "expected True, got False",
    ),
    "locked, and no deeper": (
        lambda error: by_cause(error) and not (error.__cause__ and "locked" in str(error.__cause__.__cause__)),
        "",
        "raised from OperationalError",
    ),
    "a KeyError": (lambda error: by_cause(error) or isinstance(error, KeyError), "unknown_is_yes", "KeyError"),
    "inverted": (lambda error: not by_cause(error), "all_OSError", "A missing file"),
}


# ---- 6.3 ------------------------------------------------------------------------------------------------------------


def one_too_few(work, attempts, wait, sleep, worth_retrying):
    for attempt in range(1, attempts):
        try:
            return work()
        except Exception as error:
            if attempt == attempts - 1 or not worth_retrying(error):
                raise
        sleep(wait(attempt))


def another_like_it(work, attempts, wait, sleep, worth_retrying):
    try:
        return with_retry(work, attempts, wait, sleep, worth_retrying)
    except Exception as error:
        raise type(error)(*error.args) from None


def only_the_last_like_it(work, attempts, wait, sleep, worth_retrying):
    try:
        return with_retry(work, attempts, wait, sleep, worth_retrying)
    except ConnectionError as error:
        raise ConnectionError(f"{attempts} attempts: {error}") from error


def hushes(work, attempts, wait, sleep, worth_retrying):
    try:
        return with_retry(work, attempts, wait, sleep, worth_retrying)
    except ConnectionError as error:
        return error


def the_first_error(work, attempts, wait, sleep, worth_retrying):
    first = None
    for attempt in range(1, attempts + 1):
        try:
            return work()
        except Exception as error:
            first = first or error
            if attempt == attempts or not worth_retrying(error):
                raise first from None
        sleep(wait(attempt))


def asks_before(work, attempts, wait, sleep, worth_retrying):
    for attempt in range(1, attempts + 1):
        try:
            return work()
        except Exception as error:
            sleep(wait(attempt))
            if attempt == attempts or not worth_retrying(error):
                raise


def no_loop(work, attempts, wait, sleep, worth_retrying):
    try:
        return work()
    except Exception as error:
        print(error)


def paused(when: Answer) -> Answer:
    """A right loop, but for when it pauses: `when` makes each attempt, of the work and a pause."""

    def answer(work, attempts, wait, sleep, worth_retrying):
        for attempt in range(1, attempts + 1):
            try:
                return when(work, lambda attempt=attempt: sleep(wait(attempt)))
            except Exception as error:
                if attempt == attempts or not worth_retrying(error):
                    raise

    return answer


def pauses_twice(work, attempts, wait, sleep, worth_retrying):
    return with_retry(work, attempts, wait, lambda seconds: (sleep(seconds), sleep(seconds)), worth_retrying)


def has_a_say(work, attempts, wait, sleep, worth_retrying):
    def both(error: Exception) -> bool:
        return worth_retrying(error) and isinstance(error, ConnectionError)

    return with_retry(work, attempts, wait, sleep, both)


def refuses(work, attempts, wait, sleep, worth_retrying):
    raise NotImplementedError(attempts)


LOOPS: dict[str, tuple[Answer, str, str]] = {
    "one too few": (one_too_few, "", "expected 3, got 2"),
    "another like it": (another_like_it, "", "another object like it"),
    "another with more text": (only_the_last_like_it, "", "got ConnectionError: 3 attempts: the third failure"),
    "the error is returned": (hushes, "returns_none_at_end", "returns, with no error"),
    "the first error": (the_first_error, "", "got ConnectionError: the first"),
    "no loop": (no_loop, "swallows_the_permanent", "ends in a `return`"),
    "pauses before the work": (paused(lambda work, pause: (pause(), work())[1]), "", "pauses"),
    "pauses twice": (pauses_twice, "", "expected [0.01, 0.02], got [0.01, 0.01, 0.02, 0.02]"),
    "has a say": (has_a_say, "decides_itself", "It is not `worth_retrying` that decides"),
    "refuses": (refuses, "", "expected 3, got 0"),
    "pauses first": (asks_before, "sleeps_after_last", "3 pauses for 3 attempts"),
}


# ---- 6.4 ------------------------------------------------------------------------------------------------------------


def new(conn: sqlite3.Connection, request_id: str) -> bool:
    return conn.execute(ID, (request_id,)).rowcount == 1


def once(add: Answer, first: Answer = new) -> Answer:
    """In one transaction: if the request is new, add its rows."""

    def answer(conn: sqlite3.Connection, request_id: str, rows: list[tuple]) -> None:
        with conn:
            if first(conn, request_id):
                add(conn, rows)

    return answer


def all_rows(conn: sqlite3.Connection, rows: list[tuple]) -> None:
    conn.executemany(ROW, rows)


def unless(question: str) -> Answer:
    """A wrong question, and the id noted where its answer is none."""

    def first(conn: sqlite3.Connection, request_id: str) -> bool:
        if conn.execute(question, (request_id,)):
            return False
        return new(conn, request_id)

    return first


def after(then: Answer) -> Answer:
    """A right answer, after which something else is done."""

    def answer(conn: sqlite3.Connection, request_id: str, rows: list[tuple]) -> None:
        once(all_rows)(conn, request_id, rows)
        then(conn)

    return answer


def where_it_fails(then: Answer, kind: type[Exception] = Exception) -> Answer:
    """A right answer, whose errors come to this."""

    def answer(conn: sqlite3.Connection, request_id: str, rows: list[tuple]) -> None:
        try:
            once(all_rows)(conn, request_id, rows)
        except kind as error:
            then(conn, error)

    return answer


def wraps(conn: sqlite3.Connection, error: Exception) -> None:
    raise ValueError("bad row") from error


def one_by_one(conn: sqlite3.Connection, rows: list[tuple]) -> None:
    for row in rows:
        with suppress(sqlite3.IntegrityError):
            conn.execute(ROW, row)


def replaces_equal_hours(conn: sqlite3.Connection, rows: list[tuple]) -> None:
    conn.executemany("DELETE FROM weather WHERE (origin, hour, temperature) = (?, ?, ?)", rows)
    conn.executemany(ROW, rows)


def columns(names: str, pick: Answer = tuple) -> Answer:
    return once(lambda conn, rows: conn.executemany(f"INSERT INTO weather ({names}) VALUES (?, ?, ?)", map(pick, rows)))


def commits_each(conn: sqlite3.Connection, request_id: str, rows: list[tuple]) -> None:
    if new(conn, request_id):
        for row in rows:
            conn.execute(ROW, row)
            conn.commit()


def once_and_for_all(conn: sqlite3.Connection, request_id: str) -> bool:
    return not conn.execute("SELECT COUNT(*) FROM requests").fetchone()[0] and new(conn, request_id)


def notes_before(conn: sqlite3.Connection, request_id: str, rows: list[tuple], noted: set[str] = set()) -> None:  # noqa: B006
    if (database := conn.execute("PRAGMA database_list").fetchone()[2]) + request_id not in noted:
        noted.add(database + request_id)
        once(all_rows)(conn, request_id, rows)


def names_the_row(conn: sqlite3.Connection, rows: list[tuple]) -> None:
    for row in rows:
        try:
            conn.execute(ROW, row)
        except sqlite3.IntegrityError as error:
            raise sqlite3.IntegrityError(f"{row}: {error}") from error


def as_text(conn: sqlite3.Connection, rows: list[tuple]) -> None:
    for row in rows:
        conn.execute("INSERT INTO weather VALUES ('{}', '{}', {})".format(*row))


def changed_ever(conn: sqlite3.Connection, request_id: str) -> bool:
    conn.execute(ID, (request_id,))
    return conn.total_changes > 0


def begins_afresh(conn: sqlite3.Connection, request_id: str, rows: list[tuple]) -> None:
    with conn:
        if not new(conn, request_id):
            conn.execute("DELETE FROM weather")
        all_rows(conn, rows)


SELECT = "SELECT COUNT(*) FROM requests WHERE request_id = ?"
APPENDS: dict[str, tuple[Answer, str, str]] = {
    "a cursor is true": (once(all_rows, unless(SELECT)), "a_tuple_is_true", "a cursor is always true"),
    "inverted": (
        once(all_rows, lambda conn, name: conn.execute(SELECT, (name,)).fetchone()[0] > 0),
        "a_tuple_is_true",
        "never came to an INSERT",
    ),
    "id and no rows": (once(lambda conn, rows: None), "id_only", "its id is there and of its rows none"),
    "id is committed, rows are not": (
        lambda conn, name, rows: once(lambda c, r: None)(conn, name, rows) or all_rows(conn, rows),
        "never_commits",
        "it was not committed",
    ),
    "the first row": (once(lambda conn, rows: conn.execute(ROW, rows[0])), "returns_in_the_loop", "1 of them is there"),
    "all but the first": (once(lambda conn, rows: all_rows(conn, rows[1:])), "returns_in_the_loop", "1 of them"),
    "each row twice": (once(lambda conn, rows: all_rows(conn, rows * 2)), "", "expected 2, got 4"),
    "rolls back": (
        lambda conn, name, rows: all_rows(conn, rows) or conn.rollback(),
        "",
        "rows that another process sees afterwards",
    ),
    "prints": (where_it_fails(lambda conn, error: print(error), sqlite3.Error), "swallow_integrity", "of all errors"),
    "logs": (where_it_fails(lambda conn, error: logging.debug(error)), "swallow_integrity", "nobody hears of it"),
    "rolls back and returns": (where_it_fails(lambda conn, error: conn.rollback()), "swallow_integrity", "of all err"),
    "swallows a lock": (where_it_fails(lambda c, error: None, sqlite3.OperationalError), "", "database is locked"),
    "wraps": (where_it_fails(wraps), "", "got ValueError: bad row, which your function made of it"),
    "closes": (after(lambda conn: conn.close()), "", "your function closed `conn`"),
    "closes where it fails": (
        where_it_fails(lambda conn, error: conn.close() or raise_it(error)),
        "",
        "your function closed `conn`",
    ),
    "columns swapped": (columns("hour, origin, temperature"), "", "expected [('EWR', '2013-01-15T06:00Z', 39.02)"),
    "one by one, if it will": (once(one_by_one), "ignores_bad_rows", "The request is half done"),
    "replaces equal rows": (once(replaces_equal_hours), "dedupe_content", "added nothing"),
    "commits each row": (commits_each, "commits_finally", "1 of 2 rows were committed"),
    "one request for all": (once(all_rows, once_and_for_all), "", "another request, with two equal rows"),
    "as text": (once(as_text), "", "expected IntegrityError, got None"),
    "any change of the connection": (
        once(all_rows, changed_ever),
        "",
        "and then once more, all through one connection",
    ),
    "a repetition replaces all": (begins_afresh, "", "expected 0, got -"),
    "notes before it is done": (notes_before, "", "put right and sent again"),
}
WRONG = {
    f"{number} {name}": (number, *case)
    for number, cases in (("6.1", WAITS), ("6.2", ERRORS), ("6.3", LOOPS), ("6.4", APPENDS))
    for name, case in cases.items()
}
RIGHT: dict[str, tuple[str, Answer]] = {
    "a tenth": ("6.1", drawn(ceiling, 0.9)),
    "a triangle": ("6.1", lambda n, base, cap, rng: rng.triangular(0, ceiling(n, base, cap))),
    "powers of a float": ("6.1", lambda n, base, cap, rng: rng.betavariate(2, 2) * min(cap, base * 2.0 ** (n - 1))),
    "cause or context": ("6.2", through(lambda error: reason(error) or error.__cause__ or error.__context__)),
    "1 and 0": ("6.2", lambda error: int(by_cause(error))),
    "numpy's": ("6.2", lambda error: np.bool_(by_cause(error))),
    "its columns by name": ("6.4", columns("origin, hour, temperature")),
    "its columns in another order": ("6.4", columns("temperature, hour, origin", lambda row: row[::-1])),
    "looks at what it finds": (
        "6.4",
        once(all_rows, lambda c, n: not c.execute(SELECT, (n,)).fetchone()[0] and new(c, n)),
    ),
    "says which row": ("6.4", once(names_the_row)),
    "raises it again": ("6.4", where_it_fails(lambda conn, error: raise_it(error))),
}


def raise_it(error: Exception) -> None:
    raise error


@pytest.mark.slow
@pytest.mark.parametrize(("number", "answer", "mistake", "words"), WRONG.values(), ids=WRONG)
def test_what_is_said_is_true(number: str, answer: Answer, mistake: str, words: str) -> None:
    outcome = grade(find(number), answer)
    assert not outcome.passed
    assert (outcome.mistake or outcome.kind) == (mistake or "wrong"), outcome
    assert words in f"{outcome.message}\n{outcome.case}\n{outcome.detail}", outcome


@pytest.mark.slow
@pytest.mark.parametrize(("number", "answer"), RIGHT.values(), ids=RIGHT)
def test_other_ways_pass(number: str, answer: Answer) -> None:
    outcome = grade(find(number), answer)
    assert outcome.passed, outcome


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "text", "kind", "words"),
    [
        ("6.1", NEGATIVE, "wrong", "expected seconds that one can wait"),
        ("6.2", FORGETS_RETURN, "wrong", "returned None"),
        ("6.3", SLEEPS_FOR_A_FUNCTION, "raised", "TypeError"),
        ("6.4", NO_TUPLE, "raised", "Incorrect number of bindings"),
        ("6.4", MISSPELT_ROLLBACK, "raised", "rolback"),
    ],
    ids=["negative", "forgets return", "sleeps for a function", "no tuple", "misspelt rollback"],
)
def test_a_slip_is_told_as_what_it_is(number: str, text: str, kind: str, words: str) -> None:
    exercise, cell = find(number), {"__name__": "__main__"}
    exec(compile(text, "<cell>", "exec"), cell)
    outcome = grade(exercise, cell[exercise.name])
    assert outcome.kind == kind, outcome
    assert words in outcome.message + outcome.detail


def test_errors_are_the_ones_that_are_meant(tmp_path: Path) -> None:
    web, files = http_errors(), database_errors(tmp_path)
    assert {name: error.code for name, error in web.items() if hasattr(error, "code")} == {
        "503": 503,
        "404": 404,
        "401": 401,
        "429": 429,
        "404 elsewhere": 404,
    }
    assert isinstance(web["slow"], TimeoutError) and isinstance(web["dropped"], ConnectionError)
    assert not isinstance(web["cut"], OSError)
    assert isinstance(web["refused"].reason, ConnectionRefusedError) and web["refused"].__cause__ is None
    assert type(files["locked"]) is type(files["no such table"])
    twice = wrapped(files["locked"], 2)
    assert twice.__cause__.__cause__ is files["locked"] and twice.__context__ is twice.__cause__


def test_asyncio_raises_its_timeout_from_something_else_also_beside_a_running_loop() -> None:
    async def beside() -> Exception:
        return timeout_of_asyncio()

    for error in (timeout_of_asyncio(), asyncio.run(beside())):
        assert isinstance(error, TimeoutError) and isinstance(error.__cause__, asyncio.CancelledError)


def test_a_terminal_is_as_wide_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    terminal("etl run 2013-01-15")
    widths = []
    for columns in (72, 90):
        terminal("etl show last", columns=columns)
        widths.append(max(map(len, ended["show"].stdout.splitlines())))
    assert widths[0] <= 72 < widths[1] <= 90
    assert capsys.readouterr().out.count("exit code 0") == 3

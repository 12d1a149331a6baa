"""What lesson 06 tells about answers that are neither right nor a known mistake, and the errors that it tries."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

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
    assert type(files["locked"]) is type(files["no such table"])
    assert wrapped(files["locked"], 2).__cause__.__cause__ is files["locked"]


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

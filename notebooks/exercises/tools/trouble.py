"""Errors that a client meets, each of them really raised: by a server in trouble, by SQLite, by asyncio, by Python."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

from exercises.tools.server import Page, serve


def http_errors() -> dict[str, Exception]:
    """What a client gets from a server that is at work and has trouble: name -> the error."""
    body = b"x" * 1000
    pages = {name: Page(status=int(name[:3])) for name in ("503", "404", "401", "429", "404 elsewhere")}
    pages |= {"slow": Page(body, delay=2), "dropped": Page(drop=True), "cut": Page(body, cut=400)}
    found = {}
    with serve({f"/{quote(name)}": page for name, page in pages.items()}) as site:
        for name in pages:
            url, patience = f"{site.url}/{quote(name)}", 0.1 if name == "slow" else 5
            found[name] = error_of(lambda url=url, patience=patience: _read(url, patience))
    return {**found, "refused": error_of(lambda: _read(site.url, 5))}  # it is not there any more


def database_errors(folder: Path) -> dict[str, Exception]:
    """The same of SQLite: a file that another connection is writing to, typing mistakes, a row that is refused."""
    path = folder / "errors.db"
    with closing(sqlite3.connect(path)) as writer, closing(sqlite3.connect(path, timeout=0)) as conn:
        writer.execute("CREATE TABLE flights (day TEXT NOT NULL)")
        writer.execute("BEGIN IMMEDIATE")
        locked = error_of(lambda: conn.execute("DELETE FROM flights"))
        writer.rollback()
        mistakes = {
            "no such table": partial(conn.execute, "SELECT * FROM flihgts"),
            "no column": partial(conn.execute, "SELECT dya FROM flights"),
            "bad SQL": partial(conn.execute, "SELECT * FORM flights"),
            "no row": partial(conn.execute, "INSERT INTO flights VALUES (NULL)"),
        }
        return {"locked": locked, **{name: error_of(mistake) for name, mistake in mistakes.items()}}


def local_errors(folder: Path) -> dict[str, Exception]:
    """Errors that no waiting heals, with neither a server nor a database in them."""

    def load() -> None:
        raise RuntimeError("the load failed")

    missing = folder / "2013-01-15.csv"
    broken: dict[str, Callable[[], object]] = {
        "no file": missing.read_bytes,
        "no file by urlopen": lambda: _read(missing.as_uri(), 5),
        "no such scheme": lambda: _read("htp://127.0.0.1/2013-01-15.csv", 5),  # its reason is a text
        "folder": folder.read_bytes,
        "no number": lambda: int("NA"),
        "503": lambda: int("JFK 503"),
        "database is locked": lambda: int("database is locked"),
        "no key": lambda: {"arr_time": 917}["dep_time"],
        "bare": load,
    }
    return {name: error_of(work) for name, work in broken.items()}


def timeout_of_asyncio() -> Exception:
    """A TimeoutError whose cause is a CancelledError: so asyncio ends a wait."""
    with ThreadPoolExecutor(1) as pool:  # a kernel has a loop at work in its main thread
        return error_of(pool.submit(asyncio.run, asyncio.wait_for(asyncio.sleep(5), 0.01)).result)


class LoadFailed(Exception):
    """A library's own error."""


def wrapped(cause: BaseException, times: int = 1, kind: type[Exception] = RuntimeError) -> Exception:
    """An error of this kind, raised from `cause` as one does in an `except`; and so on."""
    for n in range(times):
        try:
            raise cause
        except type(cause):
            cause = raised_from(kind(f"step {n + 1} of the load failed"), cause)
    return cause


def raised_from(error: Exception, cause: BaseException) -> Exception:
    """The error, once it was raised by `raise error from cause`."""
    try:
        raise error from cause
    except type(error):
        return error


def error_of(work: Callable[[], Any]) -> Exception:
    """What `work` raises."""
    try:
        work()
    except Exception as error:
        if isinstance(error, HTTPError):
            error.close()
        return error
    raise AssertionError("this was to fail")


def _read(url: str, seconds: float) -> bytes:
    with urlopen(url, timeout=seconds) as reply:
        return reply.read()

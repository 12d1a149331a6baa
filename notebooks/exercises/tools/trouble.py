"""Errors that a client meets, each of them really raised: by a server in trouble, by SQLite, by asyncio, by Python."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPException
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
    return found


def database_errors(folder: Path) -> dict[str, Exception]:
    """The same of SQLite: a file that another connection is writing to, and a table that is not there."""
    path = folder / "errors.db"
    with closing(sqlite3.connect(path)) as writer, closing(sqlite3.connect(path, timeout=0)) as conn:
        writer.execute("CREATE TABLE flights (day TEXT)")
        writer.execute("BEGIN IMMEDIATE")
        locked = error_of(lambda: conn.execute("DELETE FROM flights"))
        writer.rollback()
        return {"locked": locked, "no such table": error_of(lambda: conn.execute("SELECT * FROM flihgts"))}


def timeout_of_asyncio() -> Exception:
    """A TimeoutError whose cause is a CancelledError: so asyncio ends a wait."""
    with ThreadPoolExecutor(1) as pool:  # a kernel has a loop at work in its main thread
        return error_of(pool.submit(asyncio.run, asyncio.wait_for(asyncio.sleep(5), 0.01)).result)


def wrapped(cause: BaseException, times: int = 1) -> Exception:
    """A RuntimeError raised from `cause`, and so on."""
    for n in range(times):
        cause = raised_from(RuntimeError(f"step {n + 1} of the load failed"), cause)
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
    except (OSError, HTTPException, sqlite3.Error, ValueError) as error:
        if isinstance(error, HTTPError):
            error.close()
        return error
    raise AssertionError("this was to fail")


def _read(url: str, seconds: float) -> bytes:
    with urlopen(url, timeout=seconds) as reply:
        return reply.read()

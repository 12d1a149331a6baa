"""One scheduler per state folder: a lock, and a note beside it that tells the refused one who holds it.

The lock ends with its process, so after `kill -9` it is free at once; the note may outlive it and means nothing then.
Where hosts share a history on PostgreSQL, the lock is there, and is one for all of them.
"""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from etl_core import history, settings
from etl_core.errors import Refused
from etl_core.locks import Lock
from etl_core.scheduling.journal import record

NAME = "scheduler"
_LOOKS, _GLANCE = 6, 0.02  # seconds between two looks


@dataclass(frozen=True)
class Holder:
    """Who has the lock, as far as it is known: `since` as it was written, None where it has not said who it is."""

    host: str | None = None
    pid: int | None = None
    since: str | None = None
    said: str = "it has not said who it is"

    def __str__(self) -> str:
        return self.said


def take() -> Lock:
    """The lock, held. Refused names the host and pid that have it, and since when."""
    lock = Lock(NAME)
    if not any(_again(lock) for _ in range(_LOOKS)):
        message = f"{settings.current().home}: another scheduler is running ({_who()}); stop it first"
        record("lock refused", message)
        raise Refused(message)
    me = {"host": socket.gethostname(), "pid": os.getpid(), "since": _text(datetime.now(UTC))}
    new = _file().with_suffix(".new")
    new.write_text(json.dumps(me), encoding="utf-8")
    new.replace(_file())
    return lock


def _again(lock: Lock) -> bool:
    """One more look: who only asks `holding()` lets go at once, and who has just taken it writes its name meanwhile."""
    taken = lock.take()
    if not taken:
        time.sleep(_GLANCE)
    return taken


def release(lock: Lock) -> None:
    _file().unlink(missing_ok=True)
    lock.release(forget=False)


def last_start() -> history.Event | None:
    """The event of the newest start of a scheduler, of whatever host."""
    return next(iter(history.newest_events(1, kind="started")), None)


def holding() -> Holder | None:
    """Who has the lock now, in this process or another; None if nobody has. It is taken for a moment to find out."""
    if not settings.current().history_url.startswith("postgresql") and not _file().exists():
        return None  # given back in good order
    lock = Lock(NAME)
    if lock.take():
        lock.release(forget=False)
        return None
    return _who()


def mine() -> Holder:
    """What this process has written as the holder; only for who knows that it holds the lock."""
    return _who()


def _who() -> Holder:
    if settings.current().history_url.startswith("postgresql"):  # the holder may be another host
        started = last_start()
        return Holder(said=f"{started.message}, since {_text(started.at)}" if started else "on some host")
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
        host, pid, since = found["host"], found["pid"], found["since"]
    except (OSError, ValueError, KeyError):
        return Holder()
    return Holder(host, pid, since, f"pid {pid} on {host}, since {since}")


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _file() -> Path:
    return settings.private_folder(settings.current().locks) / f"{NAME}.json"

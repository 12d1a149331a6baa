"""One scheduler per state folder: a lock, and a note beside it that tells the refused one who holds it.

The lock ends with its process, so after `kill -9` it is free at once; the note may outlive it and means nothing then.
Where hosts share a history on PostgreSQL, the lock is there, and is one for all of them.
"""

from __future__ import annotations

import json
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from etl_core import history, settings
from etl_core.database import reading
from etl_core.errors import Refused
from etl_core.history import events
from etl_core.running import Lock
from etl_core.scheduling.journal import record

NAME = "scheduler"


def take() -> Lock:
    """The lock, held. Refused names the host and pid that have it, and since when."""
    lock = Lock(NAME)
    if not lock.take():
        message = f"{settings.current().home}: another scheduler is running ({_who()}); stop it first"
        record("lock refused", message)
        raise Refused(message)
    me = {"host": socket.gethostname(), "pid": os.getpid(), "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"}
    new = _file().with_suffix(".new")
    new.write_text(json.dumps(me), encoding="utf-8")
    new.replace(_file())
    return lock


def release(lock: Lock) -> None:
    _file().unlink(missing_ok=True)
    lock.release(forget=False)


def last_start() -> history.Event | None:
    """The event of the newest start of a scheduler, of whatever host."""
    chosen = sa.select(events).where(events.c.kind == "started").order_by(events.c.id.desc()).limit(1)
    with reading(history.open_history()) as conn:
        row = conn.execute(chosen).first()
    return history.Event(**row._mapping) if row else None


def _who() -> str:
    time.sleep(0.1)  # one that has just taken it is about to write its name
    if settings.current().history_url.startswith("postgresql"):  # the holder may be another host
        started = last_start()
        return f"{started.message}, since {started.at:%Y-%m-%d %H:%M:%S} UTC" if started else "on some host"
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
        return f"pid {found['pid']} on {found['host']}, since {found['since']}"
    except (OSError, ValueError, KeyError):
        return "it has not said who it is"


def _file() -> Path:
    return settings.private_folder(settings.current().locks) / f"{NAME}.json"

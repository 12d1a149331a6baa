"""Crash images: the database as a kill at any moment would leave it, without killing anything.

SQLite tells a trace callback of each statement before it runs. Whenever the kind of statement changes, and once at the
end, the database file and its -wal are copied: just what another process finds after a `kill -9` at this point.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event


@dataclass
class Images:
    """Of the database `source`, in `folder`. `statements`: what was run, in order. `paths`: the copies; `before[i]` is
    the statement that image i precedes."""

    source: Path
    folder: Path
    statements: list[str] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    before: list[str] = field(default_factory=list)

    def take(self, statement: str) -> None:
        copy = self.folder / f"{len(self.paths)}.db"
        shutil.copyfile(self.source, copy)
        wal = Path(f"{self.source}-wal")
        if wal.exists():
            shutil.copyfile(wal, f"{copy}-wal")
        self.paths.append(copy)
        self.before.append(statement)

    def traced(self, statement: str) -> None:
        """For set_trace_callback."""
        kinds = [" ".join(text.split()[:3]).upper() for text in (statement, *self.statements[-1:])]
        self.statements.append(statement)
        if len(kinds) == 1 or kinds[0] != kinds[1]:
            self.take(statement)

    def each(self, look: Callable[[sqlite3.Connection], Any]) -> list[Any]:
        """What `look(conn)` finds in each image, in order; uncommitted work is not there."""
        found = []
        for path in self.paths:
            with closing(sqlite3.connect(path)) as conn:
                found.append(look(conn))
        return found


def database(path: Path, script: str) -> Path:
    """A new SQLite file (WAL, so that readers and copies see whole commits) made by `script`."""
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("PRAGMA journal_mode = WAL")
        conn.executescript(script)
    return path


@contextmanager
def crash_images(conn: sqlite3.Connection, path: Path, folder: Path) -> Iterator[Images]:
    """Copies the database at `path` into `folder` while the block works on it through `conn`.

    The last image is made after the block, before `conn` is closed: a kill of a process that forgot to commit.
    """
    images = Images(path, folder)
    folder.mkdir(parents=True, exist_ok=True)
    conn.set_trace_callback(images.traced)
    try:
        yield images
    finally:
        with contextlib.suppress(sqlite3.ProgrammingError):  # the reader closed it
            conn.set_trace_callback(None)
        images.take("the end")


@contextmanager
def engine_images(engine: sa.Engine, path: Path, folder: Path) -> Iterator[Images]:
    """The same for work that is given an engine of SQLAlchemy, whichever of its connections it uses."""
    images, seen = Images(path, folder), []
    folder.mkdir(parents=True, exist_ok=True)

    def watch(conn: sqlite3.Connection, *_: Any) -> None:
        seen.append(conn)
        conn.set_trace_callback(images.traced)

    event.listen(engine.pool, "checkout", watch)
    try:
        yield images
    finally:
        event.remove(engine.pool, "checkout", watch)
        for conn in seen:
            with contextlib.suppress(sqlite3.ProgrammingError):
                conn.set_trace_callback(None)
        images.take("the end")

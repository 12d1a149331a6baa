"""Crash images: the database as a kill at any moment would leave it, without killing anything.

SQLite tells a trace callback of each statement before it runs. Whenever the kind of statement changes, and once at the
end, the database file and its -wal are copied: just what another process finds after a `kill -9` at this point.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Images:
    """`statements`: what was run, in order. `paths`: the copies; `before[i]` is the statement that image i precedes."""

    folder: Path
    statements: list[str] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    before: list[str] = field(default_factory=list)

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
    images = Images(folder)
    folder.mkdir(parents=True, exist_ok=True)
    last = ""

    def take(statement: str) -> None:
        copy = folder / f"{len(images.paths)}.db"
        shutil.copyfile(path, copy)
        wal = Path(f"{path}-wal")
        if wal.exists():
            shutil.copyfile(wal, f"{copy}-wal")
        images.paths.append(copy)
        images.before.append(statement)

    def traced(statement: str) -> None:
        nonlocal last
        kind = " ".join(statement.split()[:3]).upper()
        images.statements.append(statement)
        if kind != last:
            take(statement)
        last = kind

    conn.set_trace_callback(traced)
    try:
        yield images
    finally:
        try:
            conn.set_trace_callback(None)
        except sqlite3.ProgrammingError:  # the reader closed it
            pass
        take("the end")

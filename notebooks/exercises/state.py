"""A lesson's own state: a temporary ETL_HOME, so that no lesson depends on what was run before it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from exercises import record

_begun: dict[str, tuple[str, Path, FileLock]] = {}  # at most one, as "now"


def begin(lesson: str) -> Path:
    """Give this notebook a state folder of its own and return it; the reader's data/state is left alone.

    The folder is ETL_HOME of this kernel and of the processes it starts, and is deleted when the kernel ends (or, if it
    was killed, when the next lesson begins). Run again, it starts over with an empty one.
    """
    record.keep_home()
    for name in ("ETL_LANDING", "ETL_REFERENCE", "ETL_WAREHOUSE_URL", "ETL_HISTORY_URL", "ETL_FAULTS"):
        os.environ.pop(name, None)  # lessons are about the workbook's own data, and break nothing but their own
    end()
    _sweep()
    home = Path(tempfile.mkdtemp(prefix=f"etl-lesson-{lesson}-"))
    lock = FileLock(home.with_suffix(".lock"))
    lock.acquire(timeout=0)
    _begun["now"] = lesson, home, lock
    os.environ["ETL_HOME"] = str(home)
    return home


def lesson() -> str:
    """The lesson that this process has begun, such as "03"; nothing outside of one."""
    return _begun["now"][0] if "now" in _begun else ""


@atexit.register
def end() -> None:
    """Delete the folder of the lesson that this process has begun."""
    if "now" in _begun:
        _, home, lock = _begun.pop("now")
        _delete(home, lock)


def _sweep() -> None:
    """Delete the folders of kernels that were killed: their locks can be taken."""
    for home in Path(tempfile.gettempdir()).glob("etl-lesson-*"):
        lock = FileLock(home.with_suffix(".lock"))
        if home.is_dir():
            try:
                lock.acquire(timeout=0)
            except (Timeout, OSError):
                continue
            _delete(home, lock)


def _delete(home: Path, lock: FileLock) -> None:
    shutil.rmtree(home, ignore_errors=True)
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)

"""A lesson's own state: a temporary ETL_HOME, so that no lesson depends on what was run before it."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from etl_core import settings
from etl_core.errors import Refused
from exercises import record
from exercises.told import Told

_begun: dict[str, tuple[str, Path, FileLock | None]] = {}  # at most one, as "now"; without a lock it is kept
_kept_homes: dict[str, Path] = {}  # lesson -> its folder: found out before it becomes the working directory


def begin(lesson: str, keep: bool = False, fresh: bool = False) -> Path:
    """Give this notebook a state folder of its own and return it; the reader's data/state is left alone.

    The folder is ETL_HOME of this kernel and of the processes it starts, and is deleted when the kernel ends (or, if it
    was killed, when the next lesson begins). Run again, it starts over with an empty one.

    With `keep` it is `lesson-NN` in the reader's own ETL_HOME, and stays: a restarted kernel finds all of it. It is
    also the working directory, and modules in it can be imported. ETL_LANDING is `landing` in it, where a Delivery puts
    its days: so a second notebook that begins the same lesson sees the same days. With `fresh` it is emptied first;
    that is refused (etl_core.errors.Refused) while a scheduler works in it, and everything stays as it was.
    """
    record.keep_home()
    for name in ("ETL_REFERENCE", "ETL_WAREHOUSE_URL", "ETL_HISTORY_URL", "ETL_FAULTS"):
        os.environ.pop(name, None)  # lessons are about the workbook's own data, and break nothing but their own
    if not keep:
        os.environ.pop("ETL_LANDING", None)
    end()
    _sweep()
    if keep:
        return _kept(lesson, fresh)
    home = Path(tempfile.mkdtemp(prefix=f"etl-lesson-{lesson}-"))
    lock = FileLock(home.with_suffix(".lock"))
    lock.acquire(timeout=0)
    _begun["now"] = lesson, home, lock
    os.environ["ETL_HOME"] = str(home)
    return home


def _kept(lesson: str, fresh: bool) -> Path:
    home = _kept_homes.setdefault(lesson, record.path().parent / f"lesson-{lesson}{_copy()}")
    settings.private_folder(home)
    _begun["now"] = lesson, home, None
    os.environ["ETL_HOME"], os.environ["ETL_LANDING"] = str(home), str(home / "landing")
    os.chdir(home)
    if str(home) not in sys.path:
        sys.path.insert(0, str(home))
    if fresh:
        _empty(home)
    return home


def _copy() -> str:
    """The solved copy of a lesson has a folder of its own: both may be open at once."""
    return "-solved" if Path.cwd().name == "solutions" else ""


def _empty(home: Path) -> None:
    """Delete all that is in the folder, but not under a scheduler that works in it."""
    from etl_core.scheduling import holder

    if holder.holding() is not None and holder.mine().pid == os.getpid():
        me = f"this kernel (pid {os.getpid()})"
        raise Told(f"{me} runs the scheduler of {home.name}: restart the kernel, then begin with fresh=True")
    try:
        lock = holder.take()
    except Refused as refused:
        raise Told(str(refused)) from None
    try:
        for path in home.iterdir():
            if path.is_dir() and path.name != "locks":
                shutil.rmtree(path)
            elif path.is_file():
                path.unlink()
    finally:
        holder.release(lock)


def lesson() -> str:
    """The lesson that this process has begun, such as "03"; nothing outside of one."""
    return _begun["now"][0] if "now" in _begun else ""


@atexit.register
def end() -> None:
    """Delete the folder of the lesson that this process has begun."""
    if "now" in _begun:
        _, home, lock = _begun.pop("now")
        if lock is not None:
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

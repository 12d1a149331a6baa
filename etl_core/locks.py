"""Locks that end with their holder: the operating system (or PostgreSQL) drops them when it dies."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from etl_core import settings
from etl_core.database import engine
from etl_core.errors import EtlError

# A lock goes with its session, which says nothing for as long as a run works. The setting is there from PostgreSQL 14.
_NEVER_IDLE = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"


class Lock:
    """A lock that ends with its holder: a file lock, or an advisory lock where hosts share a PostgreSQL history.

    `take()` never waits. Held by another object, even of the same process, it returns False.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        url = settings.current().history_url
        self._url = url if url.startswith("postgresql") else None
        self._file: FileLock | None = None
        self._session: sa.Connection | None = None

    @property
    def path(self) -> Path:
        return settings.current().locks / f"{self._name}.lock"

    def take(self) -> bool:
        if self._url:
            session = engine(self._url).connect().execution_options(isolation_level="AUTOCOMMIT")
            key = int.from_bytes(hashlib.sha256(self._name.encode()).digest()[:8], signed=True)
            if session.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar_one():
                session.exec_driver_sql(_NEVER_IDLE)
                self._session = session
                return True
            session.close()
            return False
        settings.private_folder(self.path.parent)
        lock = FileLock(self.path, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        except OSError as error:  # a folder of somebody else, or of a file system mounted read-only
            message = f"{self.path}: cannot be made ({error.strerror}); make its folder writable, or set ETL_HOME"
            raise EtlError(message) from error
        self._file = lock
        return True

    def held(self) -> bool:
        """Is it still mine? A lock in PostgreSQL goes with its session, as when the server is restarted."""
        if self._session is None:
            return self._file is not None
        try:
            self._session.execute(sa.select(1))
        except (EtlError, sa.exc.SQLAlchemyError):
            return False
        return True

    def release(self, forget: bool = True) -> None:
        """Give it back; with `forget` the file goes too (only for a name that nobody will take again)."""
        if self._session is not None:
            with contextlib.suppress(EtlError, sa.exc.SQLAlchemyError):  # the server may notice a closed session late
                self._session.execute(sa.select(sa.func.pg_advisory_unlock_all()))
            self._session.invalidate()  # closing the session drops its locks too, even if it has gone bad
            self._session.close()
            self._session = None
        if self._file is not None:
            self._file.release()
            if forget:
                with contextlib.suppress(OSError):  # Windows: another process is looking at it
                    Path(self._file.lock_file).unlink()
            self._file = None

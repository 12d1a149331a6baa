"""A scheduler's life: it holds the lock that makes it the only one of its state folder, from its start to its end.

Starting is paused until what an earlier process left is in order: dead runs resolved, lost alarms set.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Self

from etl_core import history, settings
from etl_core.errors import EtlError
from etl_core.locks import Lock
from etl_core.scheduling import holder, recovery, store, work
from etl_core.scheduling.background import Background
from etl_core.scheduling.job_store import open_store
from etl_core.scheduling.journal import note


class Life:
    """Start, stop, and what must not be lost in between."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.failed: str | None = None  # why it runs nothing any more
        self._background: Background | None = None
        self._lock: Lock | None = None
        self._file: int | None = None  # the inode of the job store
        self._turn = threading.RLock()  # starting and stopping, one after the other
        self._starting = False

    @property
    def alive(self) -> bool:
        """Will due jobs be started? True only while its thread and its job store are really there."""
        return self._background is not None and self._background.alive and self.failed is None

    @property
    def state(self) -> str:
        """stopped, starting, running, stopping, or failed: it was started and runs nothing any more."""
        if self._starting:
            return "starting"
        if self._background is None:
            return "stopped"
        if self.stopping.is_set():
            return "stopping"
        return "running" if self.alive else "failed"

    def start(self) -> Self:
        """Begin to run what is stored. Refused if another scheduler has this state folder: host, pid, since when.

        Killed before the end of this, nothing has run yet, and the next start does the same again.
        """
        with self._turn:
            if not self.alive:
                self._starting = True
                try:
                    self._start()
                finally:
                    self._starting = False
        return self

    def _start(self) -> None:
        if self._background is not None:
            self._end()  # it has failed
        history.open_history()
        lost = store.is_new() and holder.last_start() is not None
        jobs = open_store()
        self._lock = holder.take()
        self._background = Background(jobs, self._duties)
        self.stopping.clear()
        try:
            self._background.start(paused=True)
            note("started", f"pid {os.getpid()} on {socket.gethostname()}, state folder {settings.current().home}")
            if lost:
                note("schedules lost", "jobs.db is gone, and with it what was scheduled; data and history are not")
            recovery.recover(self._background)
            self._background.bring_forward()
            self._file, self.failed = store.path().stat().st_ino, None
            self._background.resume()
        except BaseException as error:
            self._end()
            if isinstance(error, Exception) and not isinstance(error, EtlError):
                raise EtlError(f"the scheduler could not start: {type(error).__name__}: {error}") from error
            raise

    def stop(self, wait: float = 5.0) -> str:
        """Start nothing more, wait up to `wait` seconds for what is running, and give the lock back.

        Returns how it went: "idle", "waited", or "abandoned": a run in a child process is then killed, one in a thread
        goes on until this process ends, and is found dead by the next scheduler if it was not done by then.
        """
        with self._turn:
            if self._background is None:
                return "idle"
            self.stopping.set()
            self._background.pause()
            at_work, deadline, left = self._background.pool.at_work, time.monotonic() + wait, ""
            outcome = "waited" if at_work() else "idle"
            while at_work() and time.monotonic() < deadline:
                time.sleep(0.02)
            if at_work():
                outcome, left = "abandoned", ", ".join(map(str, work.works()))
                work.kill_children()
            self._end()
            note("stopped", f"pid {os.getpid()}: {outcome}" + (f": {left}" if left else ""))
            return outcome

    def _running(self) -> Background:
        if self._background is None:
            raise EtlError("the scheduler is not running: call get_scheduler().start() first")
        return self._background

    def _duties(self) -> None:
        """At every look for due jobs."""
        if self.failed is None and (failed := self._what_is_lost()):
            note("failed", f"{failed}; start it again", error=True)
            self._background.pause()
            self.failed = failed
        work.note_overdue()

    def _what_is_lost(self) -> str | None:
        """What it cannot go on without."""
        file = store.path()
        gone = not file.exists() or file.stat().st_ino != self._file
        if gone or store.is_new():  # it may be back, empty, and under the same inode
            return f"{file} was deleted or replaced while the scheduler ran"
        if not self._lock.held():
            return "the database session that held the scheduler's lock has ended, so another one may have it now"
        return None

    def _end(self) -> None:
        background, self._background = self._background, None
        try:
            if background.running:
                background.shutdown(wait=False)
        finally:
            holder.release(self._lock)

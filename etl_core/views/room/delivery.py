"""Days that land while you watch: a stand-in for the outside world, for trying the control room.

The workbook's landing zone holds the whole year already, so "is the data current?" would mean nothing there. A
`Delivery` has a landing zone of its own, into which it copies days, oldest first. It is no part of the
pipeline, which reads that folder through ETL_LANDING as it would any other and knows nothing of who fills it. So it
goes on while the scheduler is paused, stopped or dead: the world does not wait, and green but stale can happen.

    delivery = Delivery(days=3, every=5)     # three days each five seconds
    room = control_room(delivery=delivery)

What has landed is what lies in the folder, so a restart goes on from there. A file is written under a name that no
listing takes for a day, then renamed: nobody sees half of it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

from etl_core import settings
from etl_core.errors import BadParameter, EtlError
from etl_core.interval import parse_day
from etl_core.locks import Lock
from etl_core.logs import log
from etl_core.stages.landing import day_of
from etl_core.views.words import told

KINDS = ("weather", "flights")  # in this order: a day has landed when its flights have


class Delivery:
    """Copies `days` days each `every` seconds from the workbook's landing zone to `landing` in ETL_HOME.

    `days=0` lands nothing by itself. Where two processes have one for the same folder, only the first delivers.
    """

    def __init__(self, days: int = 1, every: float = 5.0) -> None:
        self.source = settings.REPOSITORY / "data" / "landing"
        self.folder = settings.current().home / "landing"
        if not every > 0:
            raise BadParameter(f"every: found {every!r}, expected seconds, more than 0")
        self.every = every
        self.days = days
        self.problem: str | None = None  # why nothing lands by itself now
        self._mine = False  # is the lock ours?
        self._lock = Lock("delivery")
        self._note = settings.current().locks / "delivery.pid"
        self._thread: threading.Thread | None = None
        self._end = threading.Event()
        self._turn = threading.RLock()
        for kind in KINDS:
            settings.private_folder(self.folder / kind)

    @property
    def days(self) -> int:
        """Days that land each time; may be changed at any moment."""
        return self._days

    @days.setter
    def days(self, number: int) -> None:
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise BadParameter(f"days: found {number!r}, expected a number of days, 0 for none")
        self._days = number

    def use(self) -> Delivery:
        """Make this folder ETL_LANDING for this process and those that it starts, and begin to deliver."""
        os.environ["ETL_LANDING"] = str(self.folder)
        self.start()
        return self

    def start(self) -> None:
        """Begin to deliver; without effect where it does already."""
        with self._turn:
            if self._thread is None or not self._thread.is_alive():
                self._end.clear()
                self.problem = None
                self._thread = threading.Thread(target=self._loop, name="room-delivery", daemon=True)
                self._thread.start()

    def stop(self, why: str | None = None) -> None:
        """Land nothing more, so that another process may; what has landed stays. `why` is then its `problem`."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(5)
        self.problem = why

    def elsewhere(self) -> bool:
        """Does another process land the days of this folder?"""
        other = Lock("delivery")
        if other.take():
            other.release(forget=False)
            return False
        return not self._mine

    def landed(self) -> list[date]:
        """Oldest first."""
        return _days_in(self.folder)

    def coming(self) -> list[date]:
        """The days of the source that have not landed, oldest first."""
        return sorted({*_days_in(self.source)} - {*self.landed()})

    def land(self, number: int = 1) -> list[date]:
        """The next days, at once; returns them."""
        with self._turn:
            return [self.correct(day) for day in self.coming()[:number]]

    def correct(self, day: date | str) -> date:
        """This day as the source has it, whatever lay there before."""
        return self._deliver(day, lambda flights: flights)

    def spoil(self, day: date | str | None = None) -> date:
        """This day (default: the next) with another name for a column in the header of its flights; returns the day."""
        coming = self.coming()
        if day is None and not coming:
            raise EtlError("delivery: every day has landed; name the one to spoil")
        return self._deliver(day or coming[0], lambda flights: flights.replace(b"dep_time", b"dep_tme", 1))

    # ---- inside

    def _deliver(self, day: date | str, changed: Callable[[bytes], bytes]) -> date:
        wanted = parse_day(day)
        name = f"{wanted}.csv"
        if not (self.source / "flights" / name).exists():
            raise BadParameter(f"day: {self.source} has no {wanted}")
        with self._turn:
            for kind in KINDS:
                if (self.source / kind / name).exists():
                    content = (self.source / kind / name).read_bytes()
                    part = self.folder / kind / f"{name}.part"
                    part.write_bytes(changed(content) if kind == "flights" else content)
                    part.replace(self.folder / kind / name)
        return wanted

    def _taken(self) -> bool:
        """Take the lock, and write beside it who has it: that may outlive it, and is read only while it is held."""
        if not self._lock.take():
            return False
        with contextlib.suppress(OSError):  # it is for a message only
            self._note.write_text(str(os.getpid()), encoding="utf-8")
        return True

    def _who(self) -> str:
        try:
            return f" (pid {int(self._note.read_text(encoding='utf-8'))})"
        except (OSError, ValueError):
            return ""  # it has not written it yet

    def _loop(self) -> None:
        try:
            while not self._end.wait(self.every):
                self._mine = self._mine or self._taken()
                try:
                    if self._mine:
                        self.land(self._days)
                    self.problem = None if self._mine else f"another process{self._who()} lands the days of this folder"
                except Exception as error:
                    self.problem = told(error)
                    log().exception("days could not be delivered")
        finally:
            if self._mine:
                self._mine = False
                self._lock.release(forget=False)


def _days_in(place: Path) -> list[date]:
    return sorted(day for entry in (place / "flights").iterdir() if (day := day_of(entry.name)))

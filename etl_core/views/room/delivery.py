"""Days that land while you watch: a stand-in for the outside world, for trying the control room.

The workbook's landing zone holds the whole year already, so "is the data current?" would mean nothing there. A
`Delivery` has a landing zone of its own, into which it copies days from `source`, oldest first. It is no part of the
pipeline, which reads that folder through ETL_LANDING as it would any other and knows nothing of who fills it. So it
goes on while the scheduler is paused, stopped or dead: the world does not wait, and green but stale can happen.

    delivery = Delivery(days=3, every=5)     # three days each five seconds
    room = control_room(delivery=delivery)

What has landed is what lies in the folder, so a restart goes on from there. A file is written under a name that no
listing takes for a day, then renamed: nobody sees half of it.
"""

from __future__ import annotations

import os
import threading
from datetime import date
from pathlib import Path

from etl_core import settings
from etl_core.errors import BadParameter, EtlError, PermanentError
from etl_core.interval import parse_day
from etl_core.logs import log
from etl_core.running import Lock
from etl_core.stages.landing import day_of

KINDS = ("weather", "flights")  # in this order: a day has landed when its flights have
BAD = {
    "schema": "a column of the header has another name",
    "html": "an error page instead of a file",
    "truncated": "it ends in the middle of a line",
    "empty": "no byte in it",
}


class Delivery:
    """Copies `days` days each `every` seconds from `source` to `folder` (default: `landing` in ETL_HOME).

    `days=0` lands nothing by itself. Where two processes have one for the same folder, only the first delivers.
    """

    def __init__(
        self, days: int = 1, every: float = 5.0, source: Path | str | None = None, folder: Path | str | None = None
    ) -> None:
        self.source = Path(source or settings.REPOSITORY / "data" / "landing").absolute()
        self.folder = Path(folder or settings.current().home / "landing").absolute()
        if self.source == self.folder:
            raise BadParameter(f"delivery: {self.folder} cannot be delivered into itself; give another folder")
        if not (self.source / "flights").is_dir():
            raise PermanentError(f"delivery: {self.source / 'flights'}: there is no such folder to deliver from")
        if not every > 0:
            raise BadParameter(f"every: found {every!r}, expected seconds, more than 0")
        self.every = every
        self.days = days
        self.problem: str | None = None  # why the last delivery failed
        self._lock = Lock("delivery")
        self._mine = self._tried = False
        self._thread: threading.Thread | None = None
        self._wake, self._end = threading.Event(), threading.Event()
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
        """Begin to deliver; without effect where it does, or where another process does."""
        with self._turn:
            if self._thread is None or not self._thread.is_alive():
                self._end.clear()
                self._thread = threading.Thread(target=self._loop, name="room-delivery", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Land nothing more; what has landed stays."""
        self._end.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(5)

    @property
    def delivering(self) -> bool:
        """Do days land by themselves, from here?"""
        return self._mine and self._days > 0 and self._thread is not None and self._thread.is_alive()

    @property
    def elsewhere(self) -> bool:
        """Does another process deliver into this state folder, so that this one does not?"""
        return self._tried and not self._mine and self._thread is not None and self._thread.is_alive()

    # ---- what is there

    def landed(self) -> list[date]:
        return _days_in(self.folder)

    def held(self) -> list[date]:
        """Days that are kept back until `release`."""
        return sorted(day for path in self.folder.glob("*.held") if (day := day_of(f"{path.stem}.csv")))

    def next_days(self, number: int = 1) -> list[date]:
        """The oldest days of the source that have not landed and are not kept back."""
        kept = {*self.landed(), *self.held()}
        return [day for day in _days_in(self.source) if day not in kept][:number]

    @property
    def total(self) -> int:
        return len(_days_in(self.source))

    # ---- for drills

    def land(self, number: int = 1) -> list[date]:
        """The next days, at once; returns them."""
        with self._turn:
            return [self.deliver(day) for day in self.next_days(number)]

    def deliver(self, day: date | str) -> date:
        """This day as the source has it, whatever lay there before: also how a corrected file arrives."""
        wanted = self._known(day)
        with self._turn:
            (self.folder / f"{wanted}.held").unlink(missing_ok=True)
            for kind in KINDS:
                file = self.source / kind / f"{wanted}.csv"
                if file.exists():
                    self._put(kind, wanted, file.read_bytes())
        return wanted

    correct = deliver

    def spoil(self, day: date | str | None = None, how: str = "schema") -> date:
        """A bad flights file for this day (default: the next): schema, html, truncated or empty. Returns the day."""
        if how not in BAD:
            raise BadParameter(f"how: found {how!r}, expected one of {', '.join(BAD)}")
        with self._turn:
            coming = self.next_days()
            if day is None and not coming:
                raise EtlError("delivery: every day has landed; name the one to spoil")
            wanted = self._known(coming[0] if day is None else day)
            good = (self.source / "flights" / f"{wanted}.csv").read_bytes()
            self.deliver(wanted)
            self._put("flights", wanted, _spoiled(good, how))
        return wanted

    def hold(self, day: date | str | None = None) -> date:
        """Keep a day back (default: the next): later ones land before it. Remembered in the folder."""
        with self._turn:
            coming = self.next_days()
            if day is None and not coming:
                raise EtlError("delivery: every day has landed; there is none to keep back")
            wanted = self._known(coming[0] if day is None else day)
            if wanted in self.landed():
                raise BadParameter(f"day: {wanted} has landed already; it cannot be kept back")
            (self.folder / f"{wanted}.held").touch()
        return wanted

    def release(self, day: date | str | None = None) -> list[date]:
        """Land what was kept back: this day, or all; returns them."""
        return [self.deliver(one) for one in (self.held() if day is None else [self._known(day)])]

    # ---- inside

    def _known(self, day: date | str) -> date:
        wanted = parse_day(day)
        if not (self.source / "flights" / f"{wanted}.csv").exists():
            raise BadParameter(f"day: {self.source} has no {wanted}")
        return wanted

    def _put(self, kind: str, day: date, content: bytes) -> None:
        part = self.folder / kind / f"{day}.csv.part"
        part.write_bytes(content)
        part.replace(self.folder / kind / f"{day}.csv")

    def _loop(self) -> None:
        try:
            while not self._end.wait(self.every):
                self._mine = self._mine or self._lock.take()
                self._tried = True
                if self._mine and self._days:
                    try:
                        self.land(self._days)
                        self.problem = None
                    except Exception as error:
                        self.problem = f"{type(error).__name__}: {error}"
                        log().exception("days could not be delivered")
        finally:
            if self._mine:
                self._mine = False
                self._lock.release(forget=False)


def _days_in(place: Path) -> list[date]:
    return sorted(day for entry in (place / "flights").iterdir() if (day := day_of(entry.name)))


def _spoiled(good: bytes, how: str) -> bytes:
    if how == "schema":
        return good.replace(b"dep_time", b"dep_tme", 1)
    if how == "html":
        return b"<!DOCTYPE html>\n<html><body><h1>503 Service Unavailable</h1></body></html>\n"
    return good[: len(good) * 2 // 3].rstrip(b"\n") if how == "truncated" else b""

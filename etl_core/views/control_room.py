"""The control room: a scheduler in this kernel, operated with buttons and understood at a glance.

    from etl_core.views.control_room import control_room

    room = control_room()
    room

`control_room(flights, weather)` has several pipelines to choose from, `control_room(delivery=Delivery(days=1))` lands
days while you watch (see etl_core.views.room.delivery). Everything it shows is read from the history, the receipts and
the locks, so running the cell again, reloading the page, restarting the kernel or opening a second notebook shows what
is true then. If the kernel dies, what was running is found dead by the next start; schedules and retries are stored.
"""

from __future__ import annotations

import os
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl_core import settings
from etl_core.errors import Refused
from etl_core.pipeline import Pipeline
from etl_core.scheduling import get_scheduler
from etl_core.views.room.choice import Choice
from etl_core.views.room.delivery import Delivery
from etl_core.views.room.model import Model

if TYPE_CHECKING:
    from etl_core.views.room.panel import Panel

_rooms: dict[tuple[int, Path], ControlRoom] = {}
_lock = threading.Lock()


def control_room(*pipelines: Pipeline, delivery: Delivery | None = None) -> ControlRoom:
    """The one room of this process and ETL_HOME, with these pipelines (default: the flights).

    Called again, it is the same room; pipelines that are new to it are added, and one of a name that it has replaces
    it. A `delivery` becomes ETL_LANDING and begins to land days, in place of the one before.
    """
    with _lock:
        room = _rooms.setdefault((os.getpid(), settings.current().home), ControlRoom())
        if not pipelines and not room.pipelines:
            from etl_core import flights

            pipelines = (flights,)
        room.add(*pipelines)
        if delivery is not None:
            room.use(delivery)
    return room


class ControlRoom(Model):
    """What `control_room()` returns: the last expression of a cell, it shows the panel. What its buttons do can be done
    in code: `start`, `stop`, `pause`, `resume`, `run_now`, `run_again`, `backfill`, `set_schedule`, `arm` and
    `clear_faults` each return a sentence, or raise an EtlError; `view` is everything the panel shows, as values."""

    def __init__(self) -> None:
        super().__init__()
        self.delivery: Delivery | None = None

    def use(self, delivery: Delivery) -> None:
        """Let this delivery land the days, and no other."""
        if self.delivery is not None and self.delivery is not delivery:
            self.delivery.stop()
        self.delivery = delivery.use()

    def start(self, pipeline: str | None = None, choice: Choice | None = None) -> str:
        """Start the scheduler, see Model. Where it is refused, and the days land from another process, that is the room
        that has it: this one lets the landing go, and takes it up at the next start that is not refused."""
        try:
            said = super().start(pipeline, choice)
        except Refused:
            if self.delivery is not None and self.delivery.elsewhere():
                self.delivery.stop("the days land from the room that has the scheduler, not from this one")
            raise
        if self.delivery is not None:
            self.delivery.start()
        return said

    @cached_property
    def panel(self) -> Panel:
        """The widgets, made when they are first asked for, and painted from then on."""
        from etl_core.views.room.panel import Panel

        return Panel(self)

    def close(self) -> None:
        """Stop the scheduler, the landing and the painting, and forget this room; for tests and the end of a lesson."""
        self.worker.cancel()
        try:
            get_scheduler().stop()
        finally:
            self.worker.join(30)
            if self.delivery is not None:
                self.delivery.stop()
            if "panel" in vars(self):
                self.panel.painter.stop()
            with _lock:
                _rooms.pop((os.getpid(), self.home), None)

    def __repr__(self) -> str:
        return f"<control room: {', '.join(self.pipelines)}>"

    def _repr_mimebundle_(self, **given: Any) -> dict[str, Any]:
        self.panel.painter.start()
        text = f"{self!r}: its panel is not kept with the notebook; run this cell again"
        return {**self.panel.face.box._repr_mimebundle_(**given), "text/plain": text}

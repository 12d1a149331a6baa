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
from pathlib import Path
from typing import Any

from etl_core import settings
from etl_core.pipeline import Pipeline
from etl_core.views.room.delivery import Delivery
from etl_core.views.room.model import Model
from etl_core.views.room.view import View

_rooms: dict[tuple[int, Path], ControlRoom] = {}
_lock = threading.Lock()


def control_room(*pipelines: Pipeline, delivery: Delivery | None = None) -> ControlRoom:
    """The one room of this process and ETL_HOME, with these pipelines (default: the flights).

    Called again, it is the same room; pipelines that are new to it are added, and one of a name that it has replaces
    it. A `delivery` becomes ETL_LANDING and begins to land days, in place of the one before.
    """
    with _lock:
        room = _rooms.setdefault((os.getpid(), settings.current().home), ControlRoom())
        if not pipelines and not room.model.pipelines:
            from etl_core import flights

            pipelines = (flights,)
        for pipeline in pipelines:
            room.add(pipeline)
        if delivery is not None:
            room.use(delivery)
    return room


class ControlRoom:
    """What `control_room()` returns: the last expression of a cell, it shows the panel. The same can be done in code:
    `room.start()`, `stop()`, `pause()`, `resume()`, `run_now()`, `backfill(first, last)`, `set_schedule(choice)`,
    `arm(point, kind, times)`, `clear_faults()`; each returns a sentence or raises an EtlError."""

    def __init__(self) -> None:
        self.model = Model()
        self.delivery: Delivery | None = None
        self._panel: Any = None
        for name in (
            "start",
            "stop",
            "pause",
            "resume",
            "run_now",
            "run_again",
            "backfill",
            "set_schedule",
            "arm",
            "clear_faults",
        ):
            setattr(self, name, getattr(self.model, name))

    def add(self, *pipelines: Pipeline) -> ControlRoom:
        """Pipelines to choose from; one of the same name replaces the one before."""
        for pipeline in pipelines:
            self.model.add(pipeline)
        return self

    def use(self, delivery: Delivery) -> None:
        """Let this delivery land the days, and no other."""
        if self.delivery is not None and self.delivery is not delivery:
            self.delivery.stop()
        self.delivery = delivery.use()
        if self._panel is not None:
            self._panel.delivery = delivery

    def view(self, pipeline: str | None = None) -> View:
        """Everything the panel shows, as values."""
        return self.model.view(pipeline)

    @property
    def panel(self) -> Any:
        """The widgets, made when they are first asked for, and painted from then on."""
        if self._panel is None:
            from etl_core.views.room.panel import Panel

            self._panel = Panel(self.model, self.delivery)
        self._panel.painter.start()
        return self._panel

    def close(self) -> None:
        """Stop the scheduler, the landing and the painting, and forget this room; for tests and the end of a lesson."""
        self.model.worker.cancel()
        try:
            from etl_core.scheduling import get_scheduler

            get_scheduler().stop()
        finally:
            self.model.worker.join(30)
            if self.delivery is not None:
                self.delivery.stop()
            if self._panel is not None:
                self._panel.painter.stop()
            with _lock:
                _rooms.pop((os.getpid(), self.model.home), None)

    def __repr__(self) -> str:
        return f"<control room: {', '.join(self.model.pipelines)}>"

    def _repr_mimebundle_(self, **given: Any) -> dict[str, Any]:
        bundle = self.panel.face.box._repr_mimebundle_(**given)
        return {**bundle, "text/plain": repr(self)}

"""What a press of a button has as its consequence in the page: where the keyboard is then, and which run is opened."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import ipywidgets as widgets

from etl_core import history
from etl_core.errors import EtlError
from etl_core.interval import Interval
from etl_core.views.room.parts import note
from etl_core.views.room.view import View

if TYPE_CHECKING:
    from etl_core.views.room.model import Model

SOON = 3.0  # seconds


class Focus:
    """A button that has done its work can often no longer be pressed, which would leave the keyboard nowhere in the
    page: its counterpart gets the focus."""

    def __init__(self) -> None:
        self._next: tuple[widgets.Button, float] | None = None  # which, and until when

    def to(self, counterpart: widgets.Button, work: Callable[..., str]) -> Callable[..., str]:
        """A command after which it is handed on; not if that took long, as one may be at something else by then."""

        def done(*given: object) -> str:
            until = time.monotonic() + SOON
            said = work(*given)
            self._next = counterpart, until
            return said

        return done

    def hand_on(self) -> None:
        """For the painter: as soon as the counterpart can be pressed."""
        if self._next is None:
            return
        button, until = self._next
        late = time.monotonic() > until
        if not button.disabled and not late:
            button.focus()
        if not button.disabled or late:
            self._next = None


@dataclass(frozen=True)
class Asked:
    """Days that were asked for once more: the answer as HTML, what the worker calls it, the days, and since when. Where
    it was refused, the answer alone; where nothing was asked, nothing."""

    answer: str = ""
    what: str | None = None
    interval: Interval | None = None
    begun: datetime | None = None


class Again:
    """What came of "Run these days again", until another run is opened."""

    def __init__(self, room: Model) -> None:
        self._room = room
        self._asked = Asked()

    def ask(self, run_id: str) -> str:
        """Run the days of this run again."""
        interval, begun = history.find(run_id).interval, datetime.now(UTC)
        try:
            said = self._room.run_again(run_id)
        except EtlError as error:
            self._asked = Asked(note(str(error), bad=True))
            raise
        self._asked = Asked(note(said), self._room.worker.progress.what, interval, begun)
        return said

    def forget(self) -> None:
        self._asked = Asked()

    def told(self) -> str:
        """What to say beside the button, as HTML."""
        asked, progress = self._asked, self._room.worker.progress
        ended = progress is not None and progress.what == asked.what and progress.outcome is not None
        return note(progress.outcome, bad=not progress.ok) if ended else asked.answer

    def run(self, view: View) -> str | None:
        """The id of the new run, as soon as there is one."""
        asked = self._asked
        if asked.begun is None:
            return None
        runs = [one for one in view.facts.runs if one.interval == asked.interval and one.started_at >= asked.begun]
        return runs[-1].run_id if runs else None

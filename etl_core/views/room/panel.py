"""The control room's panel: what its buttons do, and what it shows. Its widgets are in layout.py.

A click runs its command in a thread of its own, with the values of that moment, so that the kernel stays free; what the
command says or raises is shown. Everything else is set by the painter, from one look at what is true.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from etl_core.errors import EtlError
from etl_core.logs import log
from etl_core.views.room import table
from etl_core.views.room.after import Again, Focus
from etl_core.views.room.calendar import calendar
from etl_core.views.room.cards import BackfillCard, FaultsCard, LandingCard
from etl_core.views.room.choice import Choice
from etl_core.views.room.controls import heading, show
from etl_core.views.room.durations import durations
from etl_core.views.room.headline import answer_card, headline
from etl_core.views.room.layout import Layout
from etl_core.views.room.painter import Painter
from etl_core.views.room.parts import HINT, autopsy, message, state_pill
from etl_core.views.room.schedule_card import ScheduleCard
from etl_core.views.room.svg import prose
from etl_core.views.room.timeline import timeline
from etl_core.views.room.view import View
from etl_core.views.words import told

if TYPE_CHECKING:
    from etl_core.views.control_room import ControlRoom

QUIET = 5.0  # seconds after which pictures are drawn again though nothing happened


class Panel:
    """One panel for a room, `face.box` its widget; shown twice, both are the same."""

    def __init__(self, room: ControlRoom) -> None:
        self.room = room
        self.painter = Painter(self._paint, self._unpainted)
        self.selected: str | None = None  # the run that was clicked
        self.opened: str | None = None  # the one whose autopsy is shown
        self._message: tuple[datetime, str, str] | None = None
        self.focus, self.again = Focus(), Again(room)
        self._drawn: tuple[object, float] = (None, 0.0)  # what was new when pictures were drawn, and when that was
        self.schedule = ScheduleCard(self)
        self.tools = [self.schedule, BackfillCard(self), FaultsCard(self), LandingCard(self)]
        self.face = Layout(list(room.pipelines), self.tools)
        self._rows = dict(enumerate(reversed(self.face.rows)))  # run id (or any number) -> the button over its row
        self._wire()
        self.painter.start()

    @property
    def name(self) -> str | None:
        """The pipeline that is chosen."""
        return self.face.pipeline.value

    # ---- what buttons do

    def _wire(self) -> None:
        face, room = self.face, self.room
        self.on(face.start, lambda: self.do(self.focus.to(face.stop, room.start), self.name, self._chosen()))
        self.on(face.stop, lambda: self.do(self.focus.to(face.start, room.stop)))
        self.on(face.pause, lambda: self.do(self.focus.to(face.resume, room.pause), self.name))
        self.on(face.resume, lambda: self.do(self.focus.to(face.pause, room.resume), self.name))
        self.on(face.run_now, lambda: self.do(room.run_now, self.name))
        self.on(face.again, lambda: self.do(self.again.ask, self.opened))
        for row in face.rows:
            row.on_click(self.guarded(self._open))
        face.pipeline.observe(self.guarded(self._another), "value")
        face.filter.observe(lambda change: self.painter.wake(), "value")

    def on(self, button: widgets.Button, work: Callable[[], object]) -> None:
        button.on_click(self.guarded(lambda _: work()))

    def guarded(self, work: Callable[[Any], Any]) -> Callable[[Any], None]:
        """A callback whose errors appear in the panel: those of ipywidgets go where nobody looks."""

        def callback(given: Any) -> None:
            try:
                work(given)
            except Exception as error:
                self._trouble(error)
            self.painter.wake()

        return callback

    def do(self, work: Callable[..., str], *given: object) -> None:
        """A command with these values, in a thread of its own."""
        said = self.guarded(lambda values: self.say(work(*values)))
        threading.Thread(target=said, args=(given,), name="room-command", daemon=True).start()

    def say(self, text: str, tone: str = "ok") -> None:
        self._message = datetime.now(UTC), text, tone

    def _trouble(self, error: Exception) -> None:
        more = ""
        if not isinstance(error, EtlError):
            log().error("in the control room", exc_info=error)
            more = " (logs/etl.log has more)"
        self.say(told(error) + more, "bad")

    def _unpainted(self, error: Exception) -> None:
        self._trouble(error)
        self.face.message.value = message(*self._message)

    def _chosen(self) -> Choice | None:
        return self.schedule.choice if self.schedule.touched else None

    def _another(self, change: object) -> None:
        self.schedule.forget()
        self.selected = None
        self.again.forget()

    def _open(self, row: widgets.Button) -> None:
        self.again.forget()
        self.selected = row.run_id

    # ---- painting, in the painter's thread alone

    def _paint(self) -> None:
        names = tuple(self.room.pipelines)
        if self.face.pipeline.options != names:
            chosen = self.name if self.name in names else names[0]
            self.face.pipeline.options = names
            self.face.pipeline.value = chosen
        show(self.face.pipeline, len(names) > 1)
        view = self.room.view(self.name, patient=True)
        self._paint_head(view)
        for answer in headline(view):
            self.face.cards[answer.name].value = answer_card(answer)
        for tool in self.tools:
            tool.paint(view)
        self.face.told_again.value = self.again.told()
        self.selected = self.again.run(view) or self.selected
        news = view.facts, view.state, view.pipeline, self.selected, self.face.filter.value
        before, drawn_at = self._drawn
        if view.at_work or news != before or time.monotonic() - drawn_at > QUIET:
            self._paint_pictures(view)
            self._drawn = news, time.monotonic()

    def _paint_head(self, view: View) -> None:
        face, state = self.face, view.state
        face.state.value = state_pill(view)
        late = '<span class="late">no news for over 10 s · </span>'
        face.clock.value = f"{late}<span>{view.at:%H:%M:%S} UTC</span>"
        where = f"{escape(view.pipeline.name)} · {escape(str(self.room.home))}"
        face.title.value = f"<b>Control room</b><span class='home'>{where}</span>"
        face.problems.value = "".join(f'<div class="etl-problem">{prose(each)}</div>' for each in view.problems)
        face.message.value = message(*self._message) if self._message else ""
        face.start.disabled = state not in ("stopped", "failed", "held")
        face.stop.disabled = state in ("stopped", "held", "stopping")
        face.pause.disabled = state != "running" or view.schedule is None
        face.resume.disabled = state != "paused"
        face.run_now.disabled = self.room.worker.busy and state not in ("running", "paused")
        face.again.disabled = self.room.worker.busy
        self.focus.hand_on()

    def _paint_pictures(self, view: View) -> None:
        face = self.face
        opened = self.opened = self.selected or table.newest_failure(view)
        self._paint_runs(view)
        face.calendar.value = calendar(view)
        face.timeline.value = timeline(view)
        face.durations.value = durations(view)
        face.log.value = table.log(view)
        show(face.again, opened)
        face.which.value = heading("Autopsy", "newest failure" if opened and not self.selected else "")
        face.autopsy.value = autopsy(opened, view.exports) if opened else HINT

    def _paint_runs(self, view: View) -> None:
        """A run keeps its button as long as it is in the table, so that a click opens what was seen under it, also if
        a run has begun meanwhile. New runs take the buttons that have been free the longest, upwards in the page."""
        runs = table.shown(view, self.face.filter.value == "failed")
        self.face.table.value = table.runs_table(view, runs, self.opened)
        shown = {run.run_id for run in runs}
        for place, run in reversed(list(enumerate(runs))):
            if run.run_id not in self._rows:
                free = next(run_id for run_id in self._rows if run_id not in shown)
                self._rows[run.run_id] = self._rows.pop(free)
                self._rows[run.run_id].run_id = run.run_id
            self._rows[run.run_id].layout.order = str(place)
            self._rows[run.run_id].description = table.label(view, run)
        for run_id, row in self._rows.items():
            show(row, run_id in shown)

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
from typing import Any

import ipywidgets as widgets

from etl_core.errors import EtlError
from etl_core.logs import log
from etl_core.views.room.calendar import calendar
from etl_core.views.room.controls import BackfillCard, FaultsCard, LandingCard
from etl_core.views.room.delivery import Delivery
from etl_core.views.room.durations import durations
from etl_core.views.room.headline import headline
from etl_core.views.room.layout import HINT, Layout
from etl_core.views.room.model import Model
from etl_core.views.room.painter import Painter
from etl_core.views.room.parts import answer_card, autopsy, message, state_pill
from etl_core.views.room.schedule_card import ScheduleCard
from etl_core.views.room.table import ROWS, label, newest_failure, runs_table, shown
from etl_core.views.room.table import log as events_log
from etl_core.views.room.timeline import timeline
from etl_core.views.room.view import View

QUIET = 5.0  # seconds after which the timeline is drawn again though nothing happened


class Panel:
    """One panel for a room, `face.box` its widget; shown twice, both are the same."""

    def __init__(self, model: Model, delivery: Delivery | None = None) -> None:
        self.model, self.delivery = model, delivery
        self.painter = Painter(self._paint, self._unpainted)
        self.selected: str | None = None  # the run that was clicked
        self.opened: str | None = None  # the one whose autopsy is shown
        self._rows: list[str] = []
        self._message: tuple[datetime, str, str] | None = None
        self._drawn: dict[str, tuple[object, float]] = {}
        self.schedule = ScheduleCard(self)
        self.tools = [self.schedule, BackfillCard(self), FaultsCard(self), LandingCard(self)]
        self.face = Layout(list(model.pipelines), self.tools)
        self._wire()
        self.painter.start()

    # ---- what buttons do

    def guarded(self, work: Callable[[Any], Any]) -> Callable[[Any], None]:
        """A callback whose errors appear in the panel: those of ipywidgets go where nobody looks."""

        def callback(given: Any) -> None:
            try:
                work(given)
            except Exception as error:
                self._trouble(error)
            self.painter.wake()

        return callback

    def do(self, work: Callable[..., str], *given: object, after: Callable[[], None] | None = None) -> threading.Thread:
        """A command with these values, in a thread of its own; `after` if it went well."""

        def run() -> None:
            try:
                self.say(work(*given))
                if after:
                    after()
            except Exception as error:
                self._trouble(error)
            self.painter.wake()

        thread = threading.Thread(target=run, name="room-command", daemon=True)
        thread.start()
        return thread

    def say(self, text: str, tone: str = "ok") -> None:
        self._message = datetime.now(UTC), text, tone

    @property
    def name(self) -> str | None:
        return self.face.pipeline.value

    def _trouble(self, error: Exception) -> None:
        if isinstance(error, EtlError):
            self.say(str(error), "bad")
        else:
            log().error("in the control room", exc_info=error)
            self.say(f"{type(error).__name__}: {error} (logs/etl.log has more)", "bad")

    def _unpainted(self, error: Exception) -> None:
        self._trouble(error)
        self.painter.put(self.face.message, value=self._said())

    # ---- painting, in the painter's thread alone

    def _paint(self) -> None:
        put = self.painter.put
        names = tuple(self.model.pipelines)
        if self.face.pipeline.options != names:
            chosen = self.name if self.name in names else names[0] if names else None
            put(self.face.pipeline, options=names)
            put(self.face.pipeline, value=chosen)
        put(self.face.pipeline.layout, display=None if len(names) > 1 else "none")
        view = self.model.view(self.name)
        self._paint_head(view)
        for answer in headline(view):
            put(self.face.cards[answer.name], value=answer_card(answer))
        for tool in self.tools:
            tool.paint(view)
        self._paint_runs(view)
        face, ran = self.face, tuple((run.run_id, run.status) for run in view.facts.runs)
        told = tuple((one.day, one.error) for one in view.facts.pending)
        self._draw("calendar", face.calendar, view, calendar, (tuple(view.days.items()), told))
        self._draw("durations", face.durations, view, durations, ran)
        news = time.monotonic() if view.at_work else (view.facts, view.state)
        self._draw("timeline", face.timeline, view, timeline, news, QUIET)
        put(self.face.log, value=events_log(view))

    def _paint_head(self, view: View) -> None:
        put, face, state = self.painter.put, self.face, view.state
        put(face.state, value=state_pill(view))
        late = '<span class="late">no news for 10 s · </span>'
        put(face.clock, value=f"{late}<span>{view.at:%H:%M:%S} UTC</span>")
        where = f"{escape(view.pipeline.name)} · {escape(str(self.model.home))}"
        put(face.title, value=f"<b>Control room</b><span class='home'>{where}</span>")
        put(face.problems, value="".join(f'<div class="etl-problem">{escape(each)}</div>' for each in view.problems))
        put(face.message, value=self._said())
        put(face.start, disabled=state not in ("stopped", "failed", "held"))
        put(face.stop, disabled=state in ("stopped", "held", "stopping"))
        put(face.pause, disabled=state != "running" or view.schedule is None)
        put(face.resume, disabled=state != "paused")
        put(face.run_now, disabled=self.model.worker.busy and state not in ("running", "paused"))

    def _paint_runs(self, view: View) -> None:
        put, runs = self.painter.put, shown(view, self.face.filter.value == "failed")
        opened = self.opened = self.selected or newest_failure(view)
        self._rows = [run.run_id for run in runs]
        put(self.face.table, value=runs_table(view, runs, opened))
        for row, run in zip(self.face.rows, [*runs, *[None] * (ROWS - len(runs))], strict=True):
            put(row, description=label(view, run), disabled=run is None)
        put(self.face.again.layout, display=None if opened else "none")
        put(self.face.again, disabled=self.model.worker.busy)
        put(
            self.face.which,
            value=f"<b>Autopsy</b><span>{'' if self.selected or not opened else 'newest failure'}</span>",
        )
        if opened is None:
            put(self.face.autopsy, value=HINT)
            return
        done = any(run.run_id == opened for run in view.facts.runs if run.status != "running" and not run.retry_at)
        draw = lambda view: autopsy(opened)  # noqa: E731
        ran = tuple((run.run_id, run.status) for run in view.facts.runs)
        told = sum(event.run_id == opened for event in view.facts.events)
        key = opened, ran, told, view.facts.loaded
        self._draw("autopsy", self.face.autopsy, view, draw, key, None if done else QUIET)

    def _draw(
        self,
        name: str,
        widget: widgets.HTML,
        view: View,
        draw: Callable[[View], str],
        key: object,
        quiet: float | None = None,
    ) -> None:
        """Draw again only where something has changed, or after `quiet` seconds."""
        before, at = self._drawn.get(name, (None, 0.0))
        now = time.monotonic()
        if (key is not before and key != before) or (quiet is not None and now - at > quiet):
            self.painter.put(widget, value=draw(view))
            self._drawn[name] = key, now

    def _said(self) -> str:
        return message(*self._message) if self._message else ""

    # ---- wiring

    def _wire(self) -> None:
        face, model = self.face, self.model
        self._on(face.start, self._start)
        self._on(face.stop, lambda: self.do(model.stop))
        self._on(face.pause, lambda: self.do(model.pause, self.name))
        self._on(face.resume, lambda: self.do(model.resume, self.name))
        self._on(face.run_now, lambda: self.do(model.run_now, self.name))
        self._on(face.again, lambda: self.do(model.run_again, self.opened))
        for n, row in enumerate(face.rows):
            self._on(row, lambda n=n: self._select(n))
        for widget in (face.pipeline, face.filter):
            widget.observe(self.guarded(lambda change: self._drawn.clear()), "value")
        face.pipeline.observe(self.guarded(self._another), "value")

    def _on(self, button: widgets.Button, work: Callable[[], object]) -> None:
        button.on_click(self.guarded(lambda _: work()))

    def _start(self) -> None:
        choice = self.schedule.choice if self.schedule.touched else None
        self.do(self.model.start, self.name, choice, after=lambda: self.schedule.stored(choice))

    def _another(self, change: object) -> None:
        self.schedule.touched = False
        self.selected = None

    def _select(self, n: int) -> None:
        if n < len(self._rows):
            self.selected = self._rows[n]

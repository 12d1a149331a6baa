"""The card on which a schedule is chosen: checked while it is typed, stored by its button or by Start."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import ipywidgets as widgets

from etl_core.errors import BadParameter
from etl_core.views.room.choice import Choice, choice_of
from etl_core.views.room.controls import Card, button, card, html, line, named, note
from etl_core.views.room.view import View
from etl_core.views.words import count

if TYPE_CHECKING:
    from etl_core.views.room.panel import Panel

MODES = [("every … seconds", "every"), ("every hour", "hourly"), ("every day at", "daily"), ("cron text", "cron")]


class ScheduleCard(Card):
    """`touched`: something was chosen that is not stored yet; then what is stored does not overwrite it."""

    def __init__(self, panel: Panel) -> None:
        self.panel, self.touched = panel, False
        self.mode = named(widgets.Dropdown(options=MODES, value="every"), "room-mode", "150px")
        self.seconds = named(widgets.BoundedFloatText(5.0, min=0.5, max=86_400.0, step=1.0), "room-seconds", "80px")
        self.at = named(widgets.Text("06:00", placeholder="06:00"), "room-at", "80px")
        self.cron = named(
            widgets.Text("*/5 * * * *", placeholder="minute hour day month weekday"), "room-cron", "150px"
        )
        self.zone = named(widgets.Text("", placeholder="this machine's zone"), "room-timezone", "150px")
        self.limit = named(widgets.BoundedIntText(3, min=1, max=366), "room-limit", "64px")
        self.set = button("Set", "room-set-schedule", "Store this schedule; it is kept over restarts")
        self.told = html("room-schedule")
        rows = (line(self.mode, self.seconds, self.at, self.cron, self.zone),
                line(html("etl-word", "days a tick"), self.limit, self.set))  # fmt: skip
        self.box = card("Schedule", "when a tick is due", *rows, self.told)
        for widget in (self.at, self.cron, self.zone):
            widget.continuous_update = True
        for widget in (self.mode, self.seconds, self.at, self.cron, self.zone, self.limit):
            widget.observe(self._chosen, "value")
        self.set.on_click(panel.guarded(lambda _: self._set()))

    @property
    def choice(self) -> Choice:
        zone = self.zone.value.strip() or None
        return Choice(
            self.mode.value, self.seconds.value, self.at.value.strip(), self.cron.value.strip(), zone, self.limit.value
        )

    def paint(self, view: View) -> None:
        put, stored = self.panel.painter.put, view.schedule
        if stored is not None and stored.error is None and not self.touched:
            self._show(choice_of(stored))
        mode = self.mode.value
        for widget, when in ((self.seconds, "every"), (self.at, "daily"), (self.cron, "cron")):
            put(widget.layout, display=None if mode == when else "none")
        put(self.zone.layout, display="none" if mode == "every" else None)
        now = (
            f"stored: {stored.when}, {count(stored.limit or 0, 'day')} a tick. "
            if stored and stored.when
            else "none is stored. "
        )
        try:
            fires = self.choice.fires()
            gap = (fires[1] - fires[0]).total_seconds() if len(fires) > 1 else 0
            times = ", ".join(f"{at:%H:%M:%S}" if gap < 3600 else f"{at:%a %d %b %H:%M}" for at in fires)
            told = f"next five, as chosen: {times} {fires[0]:%Z}" if fires else "as chosen it never comes"
            put(self.told, value=note(now + told))
            put(self.set, disabled=view.state not in ("running", "paused"))
        except BadParameter as error:
            put(self.told, value=note(str(error), bad=True))
            put(self.set, disabled=True)

    def stored(self, choice: Choice | None) -> None:
        """This choice is what is stored now; one that was made since is not."""
        if choice is None or choice == self.choice:
            self.touched = False

    def _set(self) -> None:
        choice = self.choice
        self.panel.do(self.panel.model.set_schedule, choice, self.panel.name, after=lambda: self.stored(choice))

    def _show(self, choice: Choice) -> None:
        put = self.panel.painter.put
        put(self.mode, value=choice.mode)
        put(self.seconds, value=choice.seconds)
        put(self.limit, value=choice.limit)
        if choice.mode != "every":
            put(self.zone, value=choice.timezone or "")
        if choice.mode == "daily":
            put(self.at, value=choice.at)
        if choice.mode == "cron":
            put(self.cron, value=choice.cron)

    def _chosen(self, change: object) -> None:
        if threading.current_thread().name != "room-painter":  # what it shows is stored already
            self.touched = True
            self.panel.painter.wake()

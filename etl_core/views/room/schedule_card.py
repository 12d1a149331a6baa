"""The card on which a schedule is chosen: checked while it is typed, stored by its button or by Start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets

from etl_core.errors import BadParameter
from etl_core.views.room.cards import Card
from etl_core.views.room.choice import Choice, choice_of
from etl_core.views.room.controls import button, field, html, line, show
from etl_core.views.room.parts import note
from etl_core.views.room.view import View
from etl_core.views.words import count

if TYPE_CHECKING:
    from etl_core.views.room.panel import Panel

MODES = [("every … seconds", "every"), ("every hour", "hourly"), ("every day at", "daily"), ("cron text", "cron")]


class ScheduleCard(Card):
    """It shows what is stored, until something else is chosen; that stays until it is stored."""

    def __init__(self, panel: Panel) -> None:
        start = Choice()
        seconds = widgets.BoundedFloatText(start.seconds, min=0.5, max=86_400.0, step=1.0)
        cron = widgets.Text(start.cron, placeholder="minute hour day month weekday")
        self.mode = field(widgets.Dropdown(options=MODES), "room-mode", "kind of schedule", "150px")
        self.seconds = field(seconds, "room-seconds", "seconds between ticks", "80px")
        self.at = field(widgets.Text(start.at, placeholder="06:00"), "room-at", "time of day", "80px")
        self.cron = field(cron, "room-cron", "cron text: minute hour day month weekday", "150px")
        self.zone = field(widgets.Text("", placeholder="this machine's zone"), "room-timezone", "time zone", "150px")
        self.limit = field(widgets.BoundedIntText(start.limit, min=1, max=366), "room-limit", "days a tick", "64px")
        self.set = button("Set", "room-set-schedule", "Store this schedule; it is kept over restarts")
        fields = self.mode, self.seconds, self.at, self.cron, self.zone
        rows = line(*fields), line(html("etl-word", "days a tick"), self.limit, self.set)
        super().__init__(panel, "room-schedule", "Schedule", "when a tick is due", *rows)
        for widget in (*fields, self.limit):
            widget.observe(lambda change: panel.painter.wake(), "value")
        panel.on(self.set, lambda: panel.do(panel.room.set_schedule, self.choice, panel.name))
        self._shown = self.choice
        self._stored: tuple[str, int | None] | None = None  # what was shown last, as it is stored

    @property
    def choice(self) -> Choice:
        zone = self.zone.value.strip() or None
        at, cron = self.at.value.strip(), self.cron.value.strip()
        return Choice(self.mode.value, self.seconds.value, at, cron, zone, self.limit.value)

    @property
    def touched(self) -> bool:
        """Is something chosen that is not stored?"""
        return self.choice != self._shown

    def forget(self) -> None:
        """Back to what is chosen at first."""
        self._show(Choice())
        self._shown, self._stored = self.choice, None

    def paint(self, view: View) -> None:
        schedule = view.schedule if view.schedule and view.schedule.when else None
        stored = (schedule.when, schedule.limit) if schedule else None
        if schedule and stored != self._stored and not self.touched:
            self._show(choice_of(schedule))
            self._shown, self._stored = self.choice, stored
        mode = self.mode.value
        for widget, when in ((self.seconds, "every"), (self.at, "daily"), (self.cron, "cron")):
            show(widget, mode == when)
        show(self.zone, mode != "every")
        now = "none is stored. "
        if schedule:
            now = f"stored: {schedule.when}, {count(schedule.limit or 0, 'day')} a tick. "
        try:
            choice = self.choice
            as_stored = stored == (str(choice.when()), choice.limit)
            coming = as_stored and view.due is not None and view.due > view.at
            fires = choice.fires(first=view.due if coming else None)
        except BadParameter as error:
            self.told.value = note(str(error), bad=True)
            self.set.disabled = True
            return
        if as_stored:
            self._shown, self._stored = choice, stored
        gap = (fires[1] - fires[0]).total_seconds() if len(fires) > 1 else 0
        far = "%a %d %b %Y" if len({at.year for at in (view.at, *fires)}) > 1 else "%a %d %b %H:%M"
        times = ", ".join(f"{at:%H:%M:%S}" if gap < 3600 else f"{at:{far}}" for at in fires)
        if not fires:
            told = "as chosen it never comes"
        elif schedule and not view.ticking:
            told = f"none is due until you press {view.goes_on}; as chosen: {times} {fires[0]:%Z}"
        else:
            told = f"next five, as chosen: {times} {fires[0]:%Z}"
        self.told.value = note(now + told)
        self.set.disabled = view.state not in ("running", "paused")

    def _show(self, choice: Choice) -> None:
        self.mode.value = choice.mode
        self.seconds.value = choice.seconds
        self.limit.value = choice.limit
        if choice.mode != "every":
            self.zone.value = choice.timezone or ""
        if choice.mode == "daily":
            self.at.value = choice.at
        if choice.mode == "cron":
            self.cron.value = choice.cron

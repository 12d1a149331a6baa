"""The cards below the headline: backfill, faults, and the landing of days where the room has a delivery.

They hold what is being chosen, never what is true: that is read at every painting, and written below each choice.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from etl_core import faults
from etl_core.views.room.controls import button, column, field, heading, html, line, show
from etl_core.views.room.parts import note
from etl_core.views.room.view import View
from etl_core.views.room.work import Progress
from etl_core.views.words import count

if TYPE_CHECKING:
    from etl_core.views.room.panel import Panel


class Card:
    """A heading, rows of choices, and `told` below them."""

    def __init__(self, panel: Panel, css: str, title: str, more: str, *rows: widgets.Widget) -> None:
        self.panel, self.told = panel, html(css)
        self.box = column("etl-card", html("etl-heading", heading(title, more)), *rows, self.told)

    def paint(self, view: View) -> None:
        """Write what is true below the choices."""
        raise NotImplementedError


class BackfillCard(Card):
    def __init__(self, panel: Panel) -> None:
        self.first = field(widgets.DatePicker(), "room-first", "first day", "118px")
        self.last = field(widgets.DatePicker(), "room-last", "last day", "118px")
        batches = widgets.Dropdown(options=[("by day", "day"), ("by month", "month")])
        self.batch = field(batches, "room-batch", "days a run", "96px")
        self.go = button("Backfill", "room-backfill", "Load what is pending of these days, both included")
        self.cancel = button("Cancel", "room-cancel", "Stop after the run at hand")
        panel.on(self.go, self._go)
        panel.on(self.cancel, lambda: panel.do(panel.room.worker.cancel))
        rows = line(self.first, html("etl-word", "to"), self.last), line(self.batch, self.go, self.cancel)
        super().__init__(panel, "room-progress", "Backfill", "by hand", *rows)

    def paint(self, view: View) -> None:
        worker = self.panel.room.worker
        if self.first.value is None and self.last.value is None and view.facts.landed:
            self.first.value = view.behind[0] if view.behind else min(view.facts.landed)
            self.last.value = max(view.facts.landed)
        self.go.disabled = worker.busy
        self.cancel.disabled = not worker.busy
        self.told.value = _progress(worker.progress)

    def _go(self) -> None:
        days = self.first.value, self.last.value
        self.panel.do(self.panel.room.backfill, *days, self.batch.value, self.panel.name)


class FaultsCard(Card):
    def __init__(self, panel: Panel) -> None:
        points = widgets.Dropdown(options=faults.POINTS, value="load")
        self.point = field(points, "room-point", "where it breaks", "168px")
        kinds = [("kill its process" if kind == "kill" else kind, kind) for kind in faults.KINDS]
        self.kind = field(widgets.Dropdown(options=kinds, value="offline"), "room-kind", "how it breaks", "118px")
        self.times = field(widgets.BoundedIntText(1, min=1, max=99), "room-times", "how many times", "56px")
        self.arm = button("Arm", "room-arm", "It fires when a run comes to this point")
        self.clear = button("Clear", "room-clear", "Nothing is armed any more")
        panel.on(self.arm, lambda: panel.do(panel.room.arm, self.point.value, self.kind.value, self.times.value))
        panel.on(self.clear, lambda: panel.do(panel.room.clear_faults))
        rows = line(self.point, self.kind), line(html("etl-word", "times"), self.times, self.arm, self.clear)
        super().__init__(panel, "room-armed", "Break it on purpose", "once, or more often", *rows)

    def paint(self, view: View) -> None:
        armed = map(escape, view.armed)
        chips = "".join(f'<span class="chip" data-fault="{fault}">{fault}</span>' for fault in armed)
        told = f'<div class="etl-note">armed, for any process of this state folder: {chips}</div>'
        self.told.value = told if chips else note("nothing is armed")
        self.clear.disabled = not view.armed


class LandingCard(Card):
    """Hidden while the room has no delivery."""

    def __init__(self, panel: Panel) -> None:
        rates = widgets.Dropdown(options=[("off", 0)], value=0)
        self.rate = field(rates, "room-rate", "days that land by themselves", "170px")
        super().__init__(panel, "room-landing", "Landing", "the world does not wait", line(self.rate))
        self.rate.observe(panel.guarded(self._chosen), "value")

    def paint(self, view: View) -> None:
        delivery = self.panel.room.delivery
        show(self.box, delivery)
        if delivery is None:
            return
        steps = sorted({1, 3, 10, 31, delivery.days} - {0})
        self.rate.options = (("off", 0), *((f"{count(n, 'day')} each {delivery.every:g} s", n) for n in steps))
        self.rate.value = delivery.days
        landed, coming = len(delivery.landed()), delivery.coming()
        told = f"{landed:,} of {count(landed + len(coming), 'day')} have landed; "
        told += f"next {coming[0]}" if coming else "none is left"
        self.told.value = note(delivery.problem or told, bad=delivery.problem is not None)

    def _chosen(self, change: Any) -> None:
        if not self.panel.painter.at_work():
            self.panel.room.delivery.days = change["new"]


def _progress(progress: Progress | None) -> str:
    if progress is None:
        return note("oldest first; what is loaded already is left alone")
    if progress.outcome is not None:
        return note(f"{progress.what}: {progress.outcome}", bad=not progress.ok)
    share = f'<div class="etl-progress"><i style="width: {100 * progress.done / progress.days:.1f}%"></i></div>'
    told = note(f"{progress.what}: {progress.done} of {count(progress.days, 'day')}")
    return f'<div data-done="{progress.done}" data-days="{progress.days}">{share}{told}</div>'

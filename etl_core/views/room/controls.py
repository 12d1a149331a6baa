"""The cards below the headline: backfill, faults, and the landing of days where the room has a delivery.

They hold what is being chosen, never what is true: that is read at every painting, and written below each choice.
"""

from __future__ import annotations

import threading
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from etl_core import faults
from etl_core.views.room.view import View
from etl_core.views.words import count

if TYPE_CHECKING:
    from etl_core.views.room.panel import Panel


def button(text: str, css: str, tip: str, icon: str = "", main: bool = False) -> widgets.Button:
    made = widgets.Button(description=text, tooltip=tip, icon=icon, layout=widgets.Layout(width="auto"))
    made.add_class(css)
    if main:
        made.add_class("main")
    return made


def html(css: str, value: str = "") -> widgets.HTML:
    made = widgets.HTML(value)
    made.add_class(css)
    return made


def named(widget: Any, css: str, width: str = "auto") -> Any:
    widget.add_class(css)
    widget.layout.width = width
    return widget


def line(*children: widgets.Widget) -> widgets.Box:
    return named(widgets.Box(children), "etl-line")


def card(title: str, told: str, *children: widgets.Widget) -> widgets.VBox:
    heading = html("etl-heading", f"<b>{title}</b><span>{told}</span>")
    return named(widgets.VBox([heading, *children]), "etl-card")


def note(text: str, bad: bool = False) -> str:
    return f'<div class="etl-note{" bad" if bad else ""}">{escape(text)}</div>'


class Card:
    """One of the cards: `box` is its widget, `paint` writes what is true below its choices."""

    box: widgets.VBox

    def paint(self, view: View) -> None:
        raise NotImplementedError


class BackfillCard(Card):
    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.first = named(widgets.DatePicker(), "room-first", "118px")
        self.last = named(widgets.DatePicker(), "room-last", "118px")
        self.batch = named(widgets.Dropdown(options=[("by day", "day"), ("by month", "month")]), "room-batch", "96px")
        self.go = button("Backfill", "room-backfill", "Load what is pending of these days, both included")
        self.cancel = button("Cancel", "room-cancel", "Stop after the run at hand")
        self.go.on_click(panel.guarded(lambda _: self._go()))
        self.cancel.on_click(panel.guarded(lambda _: panel.do(panel.model.worker.cancel)))
        self.told = html("room-progress")
        rows = line(self.first, html("etl-word", "to"), self.last), line(self.batch, self.go, self.cancel)
        self.box = card("Backfill", "by hand", *rows, self.told)

    def paint(self, view: View) -> None:
        put, worker = self.panel.painter.put, self.panel.model.worker
        if self.first.value is None and self.last.value is None and view.facts.landed:
            put(self.first, value=view.behind[0] if view.behind else min(view.facts.landed))
            put(self.last, value=max(view.facts.landed))
        put(self.go, disabled=worker.busy)
        put(self.cancel, disabled=not worker.busy)
        put(self.told, value=_progress(worker.progress))

    def _go(self) -> None:
        days = self.first.value, self.last.value
        self.panel.do(self.panel.model.backfill, *days, self.batch.value, self.panel.name)


class FaultsCard(Card):
    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.point = named(widgets.Dropdown(options=faults.POINTS, value="load"), "room-point", "140px")
        kinds = [("kill this kernel" if kind == "kill" else kind, kind) for kind in faults.KINDS]
        self.kind = named(widgets.Dropdown(options=kinds, value="offline"), "room-kind", "118px")
        self.times = named(widgets.BoundedIntText(1, min=1, max=99), "room-times", "56px")
        self.arm = button("Arm", "room-arm", "It fires when a run comes to this point")
        self.clear = button("Clear", "room-clear", "Nothing is armed any more")
        self.arm.on_click(panel.guarded(lambda _: self._arm()))
        self.clear.on_click(panel.guarded(lambda _: panel.do(panel.model.clear_faults)))
        self.told = html("room-armed")
        rows = line(self.point, self.kind), line(html("etl-word", "times"), self.times, self.arm, self.clear)
        self.box = card("Break it on purpose", "once, or more often", *rows, self.told)

    def paint(self, view: View) -> None:
        armed = "".join(
            f'<span class="chip" data-fault="{escape(fault)}">{escape(fault)}</span>' for fault in view.armed
        )
        value = f'<div class="etl-note">armed: {armed}</div>' if armed else note("nothing is armed")
        self.panel.painter.put(self.told, value=value)
        self.panel.painter.put(self.clear, disabled=not view.armed)

    def _arm(self) -> None:
        self.panel.do(self.panel.model.arm, self.point.value, self.kind.value, self.times.value)


class LandingCard(Card):
    """Hidden while the room has no delivery."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.rate = named(widgets.Dropdown(options=[("off", 0)], value=0), "room-rate", "170px")
        self.told = html("room-landing")
        self.box = card("Landing", "the world does not wait", line(self.rate), self.told)
        self.rate.observe(panel.guarded(self._chosen), "value")

    def paint(self, view: View) -> None:
        delivery, put = self.panel.delivery, self.panel.painter.put
        put(self.box.layout, display=None if delivery else "none")
        if delivery is None:
            return
        steps = sorted({1, 3, 10, 31, delivery.days} - {0})
        options = (("off", 0), *((f"{count(n, 'day')} each {delivery.every:g} s", n) for n in steps))
        put(self.rate, options=options)
        put(self.rate, value=delivery.days)
        coming, held = delivery.next_days(), delivery.held()
        told = f"{len(delivery.landed()):,} of {count(delivery.total, 'day')} have landed"
        told += f"; next {coming[0]}" if coming else "; none is left"
        told += f"; kept back: {', '.join(map(str, held))}" if held else ""
        told += "; another process lands them" if delivery.elsewhere else ""
        put(self.told, value=note(delivery.problem or told, bad=delivery.problem is not None))

    def _chosen(self, change: Any) -> None:
        if self.panel.delivery is not None and threading.current_thread().name != "room-painter":
            self.panel.delivery.days = change["new"]


def _progress(progress: Any) -> str:
    if progress is None:
        return note("oldest first; what is loaded already is left alone")
    share = f'<div class="etl-progress"><i style="width: {100 * progress.share:.1f}%"></i></div>'
    told = f"{progress.done} of {count(progress.days, 'day')}"
    if progress.outcome is not None:
        return note(f"{progress.what}: {progress.outcome}", bad=not progress.ok)
    return (
        f'<div data-done="{progress.done}" data-days="{progress.days}">{share}{note(f"{progress.what}: {told}")}</div>'
    )

"""The panel's widgets and where they stand; what they show and do is in panel.py.

Hooks for tests and styles. Classes on widgets: `etl-room` (the whole); buttons `room-start room-stop room-pause
room-resume room-run-now room-set-schedule room-backfill room-cancel room-arm room-clear room-again`, and `room-row`,
one over each row of the table, in its order; choices `room-pipeline room-mode room-seconds room-at room-cron
room-timezone room-limit room-first room-last room-batch room-point room-kind room-times room-rate room-filter`; texts
`room-state room-clock room-message room-problems room-current room-scheduler room-now room-failed room-missed room-type
room-schedule room-progress room-armed room-landing room-timeline room-calendar room-runs-table room-autopsy
room-durations room-log`; `room-events` is what folds.

Attributes in these texts: `data-state` (room-state: running, starting, stopping, stopped, paused, failed, held),
`data-answer` and `data-tone` (the cards: ok, busy, warn, bad, off; the message has `data-tone` too), `data-run-id`,
`data-status`, `data-shown` and `data-day` (rows of the table; `data-shown` may be waiting, blocked, died or overdue),
`data-run-id` and `data-status` (autopsy, bars of timeline and durations), `data-day` and `data-status` (calendar),
`data-retry-at`, `data-event`, `data-band` (timeline), `data-fault` (what is armed), `data-event` (log).
"""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets

from etl_core.views.room.controls import Card, button, html, line, named
from etl_core.views.room.style import STYLE
from etl_core.views.room.table import ROWS

CARDS = ("current", "scheduler", "now", "failed", "missed", "type")
HINT = (
    '<div class="etl-hint">Nothing has failed. Click a run to see what it did: its stages, its attempts, and the '
    "command that does it again.</div>"
)


class Layout:
    """`box` is the whole panel; the rest are its parts by name."""

    def __init__(self, names: Sequence[str], tools: Sequence[Card]) -> None:
        chosen = widgets.Dropdown(options=tuple(names), value=names[0] if names else None)
        self.pipeline = named(chosen, "room-pipeline", "150px")
        self.title, self.state, self.clock = html("room-title"), html("room-state"), html("room-clock")
        self.start = button("Start", "room-start", "Start the scheduler in this kernel", "play", main=True)
        self.stop = button("Stop", "room-stop", "Wait for the run at hand, then stop the scheduler", "stop")
        self.pause = button("Pause", "room-pause", "No ticks and no retries until Resume", "pause")
        self.resume = button("Resume", "room-resume", "Ticks and retries go on", "forward")
        self.run_now = button("Run now", "room-run-now", "Load what is pending now, scheduler or not", "bolt")
        self.message, self.problems = html("room-message"), html("room-problems")
        self.cards = {name: named(html(f"room-{name}"), "etl-card") for name in CARDS}
        self.timeline, self.calendar = html("room-timeline"), html("room-calendar")
        self.durations, self.log = html("room-durations"), html("room-log")
        self.table, self.autopsy = html("room-runs-table"), html("room-autopsy", HINT)
        self.rows = [button("no run", "room-row", "") for _ in range(ROWS)]
        some = widgets.Dropdown(options=[("all runs", "all"), ("failed only", "failed")])
        self.filter = named(some, "room-filter", "120px")
        self.which = html("etl-heading")
        self.again = button("Run these days again", "room-again", "By hand, whatever was loaded before")
        self.box = self._arranged(tools)

    def _arranged(self, tools: Sequence[Card]) -> widgets.VBox:
        head = _box("etl-head", self.title, self.pipeline, self.clock, self.state)
        bar = _box("etl-bar", self.start, self.stop, self.pause, self.resume, self.run_now, self.message)
        cards = _box("etl-cards", *self.cards.values())
        shelf = _box("etl-tools", *(tool.box for tool in tools))
        runs = _box("room-runs", self.table, named(widgets.VBox(self.rows), "room-rows"))
        left = _column(line(html("etl-heading", "<b>Runs</b><span>newest first</span>"), self.filter), runs)
        right = _column(line(self.which, self.again), self.autopsy)
        right.add_class("etl-autopsy-card")
        folded = widgets.Accordion([self.log], titles=["Events of the scheduler"], selected_index=None)
        parts = (
            html("room-style", f"<style>{STYLE}</style>"), head, bar, self.problems, cards, shelf,
            _column(self.timeline), _column(self.calendar), _box("etl-runs-and", left, right), _column(self.durations),
            named(folded, "room-events"),
        )  # fmt: skip
        return named(widgets.VBox(parts), "etl-room", "100%")


def _box(css: str, *children: widgets.Widget) -> widgets.Box:
    return named(widgets.Box(children), css)


def _column(*children: widgets.Widget) -> widgets.VBox:
    return named(widgets.VBox(children), "etl-card")

"""The panel's widgets and where they stand; what they show and do is in panel.py.

Hooks for tests and styles. Classes on widgets: `etl-room` (the whole); buttons `room-start room-stop room-pause
room-resume room-run-now room-set-schedule room-backfill room-cancel room-arm room-clear room-again`, and `room-row`,
one over each row of the table; choices `room-pipeline room-mode room-seconds room-at room-cron room-timezone room-limit
room-first room-last room-batch room-point room-kind room-times room-rate room-filter`; texts `room-state room-clock
room-message room-problems room-current room-scheduler room-now room-failed room-missed room-type room-schedule
room-progress room-armed room-landing room-timeline room-calendar room-runs-table room-autopsy room-again-told
room-durations room-log`; `room-events` is what folds.

Attributes in these texts: `data-state` (room-state: running, starting, stopping, stopped, paused, failed, held),
`data-answer` and `data-tone` (the cards: ok, busy, warn, bad, off; the message has `data-tone` too), `data-run-id`,
`data-status`, `data-shown` and `data-day` (rows of the table; `data-shown` may be waiting, blocked, died or overdue),
`data-run-id` and `data-status` (autopsy, bars of timeline and durations), `data-day` and `data-status` (calendar),
`data-retry-at`, `data-event`, `data-band` (timeline), `data-fault` (what is armed), `data-event` (log).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ipywidgets as widgets

from etl_core.views.room.cards import Card
from etl_core.views.room.controls import box, button, classed, column, field, heading, html, line
from etl_core.views.room.headline import QUESTIONS
from etl_core.views.room.keys import Keys
from etl_core.views.room.table import ROWS

STYLE = Path(__file__).with_name("style.css")


class Layout:
    """`box` is the whole panel; the rest are its parts by name."""

    def __init__(self, names: Sequence[str], tools: Sequence[Card]) -> None:
        self.pipeline = field(widgets.Dropdown(options=tuple(names)), "room-pipeline", "pipeline", "150px")
        self.title, self.state, self.clock = html("room-title"), html("room-state"), html("room-clock")
        self.start = classed(button("Start", "room-start", "Start the scheduler in this kernel", "play"), "main")
        self.stop = button("Stop", "room-stop", "Wait for the run at hand, then stop the scheduler", "stop")
        self.pause = button("Pause", "room-pause", "No ticks and no retries until Resume", "pause")
        self.resume = button("Resume", "room-resume", "Ticks and retries go on", "forward")
        self.run_now = button("Run now", "room-run-now", "Load what is pending now, scheduler or not", "bolt")
        self.message, self.problems = html("room-message"), html("room-problems")
        self.cards = {name: classed(html(f"room-{name}"), "etl-card") for name in QUESTIONS}
        self.timeline, self.calendar = html("room-timeline"), html("room-calendar")
        self.durations, self.log = html("room-durations"), html("room-log")
        self.table, self.autopsy = html("room-runs-table"), html("room-autopsy")
        self.rows = [button("", "room-row", "") for _ in range(2 * ROWS)]
        some = widgets.Dropdown(options=[("all runs", "all"), ("failed only", "failed")])
        self.filter = field(some, "room-filter", "which runs", "120px")
        self.which = html("etl-heading")
        self.again = button("Run these days again", "room-again", "By hand, whatever was loaded before")
        self.told_again = html("room-again-told")
        self.box = self._arranged(tools)

    def _arranged(self, tools: Sequence[Card]) -> widgets.VBox:
        runs = box("room-runs", self.table, column("room-rows", *self.rows))
        folded = widgets.Accordion([self.log], titles=["Events of the scheduler"], selected_index=None)
        return column(
            "etl-room",
            html("room-style", f"<style>{STYLE.read_text(encoding='utf-8')}</style>"),
            box("etl-head", self.title, self.pipeline, self.clock, self.state),
            box("etl-bar", self.start, self.stop, self.pause, self.resume, self.run_now, self.message),
            self.problems,
            box("etl-cards", *self.cards.values()),
            box("etl-tools", *(tool.box for tool in tools)),
            column("etl-card", self.timeline),
            column("etl-card", self.calendar),
            box(
                "etl-runs-and",
                column("etl-card", line(html("etl-heading", heading("Runs", "newest first")), self.filter), runs),
                classed(
                    column("etl-card", line(self.which, self.again, self.told_again), self.autopsy), "etl-autopsy-card"
                ),
            ),
            column("etl-card", self.durations),
            classed(folded, "room-events"),
            Keys(),
        )

"""Small pieces of HTML that the panel shows; all text escaped."""

from __future__ import annotations

from datetime import datetime

from etl_core.errors import EtlError
from etl_core.views.report import explain
from etl_core.views.report_html import as_html
from etl_core.views.room.svg import prose
from etl_core.views.room.view import View

HINT = (
    '<div class="etl-hint">Nothing has failed. Click a run to see what it did: its stages, its attempts, and the '
    "command that does it again.</div>"
)
WHERE = (
    "The commands: in a cell with ! in front, or in a terminal after the line that begins with export, under "
    "“What do I type?”."
)
STATES = {  # tone, shape, words
    "running": ("ok", "", "running"),
    "starting": ("busy", "ring", "starting"),
    "stopping": ("busy", "ring", "stopping"),
    "stopped": ("off", "square", "stopped"),
    "paused": ("warn", "ring", "paused"),
    "failed": ("bad", "square", "failed"),
    "held": ("warn", "ring", "held by another process"),
}


def state_pill(view: View) -> str:
    """The one word on the scheduler, and how many dead runs its start has resolved."""
    tone, shape, words = STATES[view.state]
    if view.recovered and view.state == "running":
        words += f" · {len(view.recovered)} recovered"
    return f'<span class="etl-state {tone} {shape}" data-state="{view.state}"><i></i>{words}</span>'


def message(at: datetime, text: str, tone: str) -> str:
    """What the last command said."""
    said = f"<time>{at:%H:%M:%S}</time>{prose(text)}"
    return f'<div class="etl-message {tone}" data-tone="{tone}" role="status">{said}</div>'


def note(text: str, bad: bool = False) -> str:
    """What is true, below the choices of a card."""
    return f'<div class="etl-note{" bad" if bad else ""}">{prose(text)}</div>'


def autopsy(run_id: str, first: str = "") -> str:
    """The report of a run; of one that was pruned since, that it is gone. `first` is what a terminal needs before its
    commands: the card says it, here it is only said where."""
    try:
        report = explain(run_id)
    except EtlError as error:
        return note(str(error), bad=True)
    told = as_html(report, next_first=True)
    where = note(WHERE) if first else ""
    return f'<div data-run-id="{report.run.run_id}" data-status="{report.state}">{told}{where}</div>'

"""Small pieces of HTML that the panel shows; all text escaped."""

from __future__ import annotations

from datetime import datetime
from html import escape

from etl_core.views.report import explain
from etl_core.views.room.headline import Answer
from etl_core.views.room.view import View

SIGNS = {"ok": "✓", "busy": "▶", "warn": "!", "bad": "✕", "off": "–"}
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
    said = f"<time>{at:%H:%M:%S}</time>{escape(text)}"
    return f'<div class="etl-message {tone}" data-tone="{tone}" role="status">{said}</div>'


def autopsy(run_id: str) -> str:
    report = explain(run_id)
    return f'<div data-run-id="{report.run.run_id}" data-status="{report.state}">{report._repr_html_()}</div>'


def answer_card(answer: Answer) -> str:
    command = f"<code>{escape(answer.command)}</code>" if answer.command else ""
    value = f"<strong><i aria-hidden='true'>{SIGNS[answer.tone]}</i>{escape(answer.value)}</strong>"
    return (
        f'<div class="etl-answer {answer.tone}" data-answer="{answer.name}" data-tone="{answer.tone}">'
        f"<h4>{answer.question}</h4>{value}<p>{escape(answer.detail)}</p>{command}</div>"
    )

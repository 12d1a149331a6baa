"""The newest runs as a table, and the log of events: HTML, all text escaped."""

from __future__ import annotations

from html import escape

from etl_core.history import Event, Run
from etl_core.views.room.svg import MARKS
from etl_core.views.room.view import View
from etl_core.views.words import NONE, count, first_line, interval, number, seconds

ROWS = 16
LOGGED = 60
HEAD = ("run", "day", "began by", "attempt", "state", "started", "took", "rows", "rejected")


def shown(view: View, only_failed: bool = False) -> list[Run]:
    """The runs of the table, newest first."""
    return [run for run in view.facts.runs if not only_failed or run.status in ("failed", "crashed")][:ROWS]


def newest_failure(view: View) -> str | None:
    """The id of the newest run that failed or died, among the newest runs."""
    died = [one.run.run_id for one in view.died]
    return next(iter([*died, *(run.run_id for run in view.facts.runs if run.status in ("failed", "crashed"))]), None)


def state_of(view: View, run: Run) -> str:
    """The status of a run, or waiting, blocked, died, overdue where that says more."""
    state = next((one.state for one in view.working if one.run.run_id == run.run_id), run.status)
    if state == "failed" and run in view.facts.waiting:
        return "waiting"
    if state == "failed" and run.blocked and any(run.run_id == run_id for _, _, run_id in view.blocked):
        return "blocked"
    return state


def runs_table(view: View, runs: list[Run], selected: str | None) -> str:
    """One row a run, always as many rows, so that nothing below moves."""
    head = "".join(f"<th>{name}</th>" for name in HEAD)
    body = "".join(_row(view, run, run.run_id == selected) for run in runs)
    body += '<tr class="empty"><td colspan="9">&nbsp;</td></tr>' * (ROWS - len(runs))
    said = "no run yet" if not view.facts.runs else f"{count(len(runs), 'run')} shown, newest first"
    return f'<table class="etl-runs" aria-label="{said}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def label(view: View, run: Run | None) -> str:
    """What the button over a row is called."""
    return (
        f"{interval(run.interval)}, {state_of(view, run)}: open the autopsy of run {run.run_id[:8]}"
        if run
        else "no run"
    )


def log(view: View) -> str:
    """The newest events of the scheduler and of this pipeline."""
    if not view.facts.events:
        return '<div class="etl-log">no event yet</div>'
    return f'<div class="etl-log">{"".join(map(_event, view.facts.events[:LOGGED]))}</div>'


def pill(state: str, words: str = "") -> str:
    mark = MARKS[state]
    sign = f'<i aria-hidden="true">{mark.sign}</i>' if mark.sign else ""
    return f'<span class="etl-pill {mark.css}">{sign}{escape(words or state)}</span>'


def _row(view: View, run: Run, selected: bool) -> str:
    state = state_of(view, run)
    words = f"retry {run.retry_at:%H:%M:%S}" if state == "waiting" else state
    cells = (
        (f"<code>{run.run_id[:8]}</code>", ""),
        (f"<b>{interval(run.interval)}</b>", ""),
        (run.trigger, ""),
        (str(run.attempt), "n"),
        (pill(state, words), ""),
        (f"{run.started_at:%H:%M:%S}", "n"),
        (seconds(run.duration_s), "n"),
        (number(run.rows_loaded) if run.rows_loaded is not None else NONE, "n"),
        (number(run.rows_rejected) if run.rows_rejected is not None else NONE, "n"),
    )
    inner = "".join(f'<td class="{css}">{value}</td>' for value, css in cells)
    marked = (
        f' data-run-id="{run.run_id}" data-status="{run.status}" data-shown="{state}" data-day="{run.interval_start}"'
    )
    return f'<tr class="{"selected" if selected else ""}"{marked}>{inner}</tr>'


def _event(event: Event) -> str:
    told = f"{event.pipeline}: {event.message}" if event.pipeline else event.message
    return (
        f'<div data-event="{escape(event.kind)}"><time>{event.at:%m-%d %H:%M:%S}</time>'
        f"<b>{escape(event.kind)}</b><span>{escape(first_line(told, 300))}</span></div>"
    )

"""The newest runs as a table, and the log of events: HTML, all text escaped."""

from __future__ import annotations

from datetime import datetime
from html import escape

from etl_core.history import Event, Run
from etl_core.views.room.svg import MARKS
from etl_core.views.room.view import View
from etl_core.views.words import count, first_line, interval, number, seconds

ROWS = 16
LOGGED = 60
HEAD = ("run", "day", "began by", "attempt", "state", "started (UTC)", "took", "rows", "rejected")


def shown(view: View, only_failed: bool = False) -> list[Run]:
    """The runs of the table, newest first."""
    return [run for run in view.facts.runs if not only_failed or run.status in ("failed", "crashed")][:ROWS]


def newest_failure(view: View) -> str | None:
    """The id of the newest run that failed or died, among the newest runs."""
    found = [one.run for one in view.died] or shown(view, only_failed=True)
    return found[0].run_id if found else None


def runs_table(view: View, runs: list[Run], selected: str | None) -> str:
    """One row a run, always as many rows, so that nothing below moves."""
    head = "".join(f"<th>{name}</th>" for name in HEAD)
    body = "".join(_row(view, run, run.run_id == selected) for run in runs)
    body += '<tr class="empty"><td colspan="9">&nbsp;</td></tr>' * (ROWS - len(runs))
    said = "no run yet" if not view.facts.runs else f"{count(len(runs), 'run')} shown, newest first"
    return f'<table class="etl-runs" aria-label="{said}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def label(view: View, run: Run) -> str:
    """What the button over a row is called."""
    return f"{interval(run.interval)}, {view.state_of(run)}: open the autopsy of run {run.run_id[:8]}"


def log(view: View) -> str:
    """The newest events of the scheduler and of this pipeline."""
    told = "".join(map(_event, view.facts.events[:LOGGED]))
    return f'<div class="etl-log">{told or "no event yet"}</div>'


def _row(view: View, run: Run, selected: bool) -> str:
    state = view.state_of(run)
    words = f"retry {_when(view, run.retry_at)}" if state == "waiting" and view.ticking else state
    sign = f'<i aria-hidden="true">{MARKS[state].sign}</i>' if MARKS[state].sign else ""
    cells = (
        f"<code>{run.run_id[:8]}</code>",
        f"<b>{interval(run.interval)}</b>",
        run.trigger,
        run.attempt,
        f'<span class="etl-pill {MARKS[state].css}">{sign}{words}</span>',
        _when(view, run.started_at),
        seconds(run.duration_s),
        number(run.rows_loaded),
        number(run.rows_rejected),
    )
    inner = "".join(f"<td>{value}</td>" for value in cells)
    told = f'data-run-id="{run.run_id}" data-status="{run.status}" data-shown="{state}" data-day="{run.interval_start}"'
    return f'<tr class="{"selected" if selected else ""}" {told}>{inner}</tr>'


def _when(view: View, at: datetime) -> str:
    return view.clock(at).removesuffix(" UTC")


def _event(event: Event) -> str:
    told = f"{event.pipeline}: {event.message}" if event.pipeline else event.message
    return (
        f'<div data-event="{escape(event.kind)}"><time>{event.at:%m-%d %H:%M:%S}</time>'
        f"<b>{escape(event.kind)}</b><span>{escape(first_line(told, 300))}</span></div>"
    )

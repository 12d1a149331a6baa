"""The last minutes: what the scheduler did, which days were run, and each day that needed more than one attempt."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from etl_core.history import Run
from etl_core.views.room.moments import Scale, bands, span
from etl_core.views.room.svg import MARKS, box, key, line, picture, svg, tag, text
from etl_core.views.room.view import View
from etl_core.views.words import count, first_line, interval, seconds

MINUTES = 5
LANE, AXIS = 34, 24  # pixels
TROUBLED = 6  # lanes for days with more than one attempt, at most
NARROW = 1.2  # per cent between two signs
LANES = 4  # at least, so that what is below does not move when a day fails
SIGNS = {"missed": "✕", "skipped": "⊘", "coalesced": "⊕", "recovered": "✚", "alarm restored": "✚"}
_STEPS = (5, 10, 30, 60, 120, 300, 600, 1800, 3600)  # seconds between two marks of the axis


def timeline(view: View, minutes: float = MINUTES) -> str:
    """The last `minutes`, and what is known of the next ones: the next tick, the retries that are stored."""
    scale = span(view, minutes)
    inside = [run for run in view.facts.runs if (run.finished_at or view.at) >= scale.begin]
    inside += [run for run in view.facts.running if run not in inside]
    troubled = _troubled(inside, view)
    shown = dict(list(troubled.items())[:TROUBLED])
    plain = [run for run in inside if _key(run) not in troubled]
    rows = _packed(plain, view.at)
    lanes = [("scheduler", _scheduler(view, scale))]
    lanes += [("runs" if n == 0 else "", _bars(row, scale, view)) for n, row in enumerate(rows or [[]])]
    lanes += [(_label(runs[0]), _attempts(runs, scale, view)) for runs in shown.values()]
    labels = "".join(f'<span style="top: {n * LANE + 9}px">{name}</span>' for n, (name, _) in enumerate(lanes))
    height = max(len(lanes), LANES) * LANE
    drawn = "".join(tag("g", f"{line(0, LANE, 100, LANE, 'grid')}{inner}", transform=f"translate(0 {n * LANE})")
                    for n, (_, inner) in enumerate(lanes))  # fmt: skip
    now = line(scale(view.at), 0, scale(view.at), height, "now")
    said = sentence(view, minutes, len(inside), troubled)
    drawing = svg(height + AXIS, _axis(scale, height) + drawn + now, said)
    more = (
        f'<div class="etl-more">and {len(troubled) - TROUBLED} more days with failures</div>'
        if len(troubled) > TROUBLED
        else ""
    )
    return picture(
        "timeline", said, f'<div class="etl-plot"><div class="etl-days">{labels}</div>{drawing}</div>{more}', _legend()
    )


def sentence(view: View, minutes: float, inside: int, troubled: dict[tuple, list[Run]]) -> str:
    """The message of the picture in words."""
    said = f"The last {minutes:g} minutes: {count(inside, 'run')}"
    if troubled:
        said += f", {count(len(troubled), 'day')} with a failure"
    retries = sorted(run.retry_at for run in view.facts.waiting if run.retry_at)
    if retries:
        said += f"; next retry at {retries[0]:%H:%M:%S}"
    left_out = [one for one in view.facts.events if one.kind in ("missed", "skipped")
                and one.at >= view.at - timedelta(minutes=minutes)]  # fmt: skip
    if left_out:
        said += f"; ticks missed or skipped {count(len(left_out), 'time')}"
    return said


def _troubled(inside: list[Run], view: View) -> dict[tuple, list[Run]]:
    """Interval -> its runs, oldest first, where one failed, died or waits; the newest trouble first."""
    bad = [run for run in inside if run.status in ("failed", "crashed") or run.attempt > 1]
    bad += [run for run in view.facts.waiting if run not in bad]
    found: dict[tuple, list[Run]] = {}
    for run in sorted(bad, key=lambda run: run.started_at, reverse=True):
        found.setdefault(_key(run), [])
    for name, runs in found.items():
        runs += sorted((run for run in {*inside, *bad} if _key(run) == name), key=lambda run: run.started_at)
    return found


def _key(run: Run) -> tuple:
    return run.interval_start, run.interval_end


def _label(run: Run) -> str:
    return interval(run.interval)


def _packed(runs: list[Run], now: datetime) -> list[list[Run]]:
    """Rows in which no run overlaps another, three at most."""
    rows: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: run.started_at):
        free = [row for row in rows if (row[-1].finished_at or now) <= run.started_at]
        if free:
            free[0].append(run)
        elif len(rows) < 3:
            rows.append([run])
        else:
            rows[-1].append(run)
    return rows


def _bars(runs: list[Run], scale: Scale, view: View) -> str:
    return "".join(_bar(run, scale, view) for run in runs)


def _bar(run: Run, scale: Scale, view: View) -> str:
    state = next((one.state for one in view.working if one.run.run_id == run.run_id), run.status)
    end = run.finished_at or (view.at if state != "died" else min(view.at, run.started_at + timedelta(seconds=1)))
    mark = MARKS[state]
    least = 1.4 if mark.sign and state != "running" else 0.4  # per cent: wide enough for its sign, or to be seen
    x, width = scale(run.started_at), max(least, scale(end) - scale(run.started_at))
    took = seconds(run.duration_s) if run.duration_s is not None else seconds((end - run.started_at).total_seconds())
    tip = f"{run.interval}, attempt {run.attempt} ({run.trigger}): {mark.word}, {took}"
    tip += f". {first_line(run.error, 200)}" if run.error else ""
    drawn = box(x, 6, width, LANE - 12, f"bar {mark.css}")
    if mark.sign and state != "running":
        drawn += text(x + width / 2, LANE / 2 + 4, mark.sign, css=f"t sign {mark.css}")
    return tag("g", drawn, title=tip, data_run_id=run.run_id, data_status=state)


def _attempts(runs: list[Run], scale: Scale, view: View) -> str:
    """A day's attempts in one lane, with the waiting between them."""
    drawn = ""
    for run, following in zip(runs, [*runs[1:], None], strict=True):
        if run.finished_at and (following or run.retry_at) and run.status == "failed":
            until = following.started_at if following else run.retry_at
            drawn += line(scale(run.finished_at), LANE / 2, scale(until), LANE / 2, "gap")
        if run.retry_at and scale.shows(run.retry_at) and not following:
            at = f"{run.retry_at:%H:%M:%S}"
            more = {"title": f"attempt {run.attempt + 1} at {at}", "data_retry_at": at}
            drawn += text(scale(run.retry_at), LANE / 2 + 5, "◆", css="t waiting-mark", **more)
    return drawn + _bars(runs, scale, view)


def _scheduler(view: View, scale: Scale) -> str:
    """When a scheduler was running, when it was paused, and what it left out."""
    drawn = ""
    for begin, end, kind in bands(view):
        if end > scale.begin:
            width = scale(end) - scale(begin)
            drawn += box(scale(begin), 12, width, LANE - 24, f"band {kind}", title=kind, data_band=kind)
    last = 100 + NARROW
    for event in view.facts.events:
        if event.kind in SIGNS and scale.shows(event.at):
            last = min(scale(event.at), last - NARROW)  # side by side where several came at once
            more = {"title": f"{event.at:%H:%M:%S} {event.kind}: {event.message}", "data_event": event.kind}
            drawn += text(last, LANE / 2 + 5, SIGNS[event.kind], css="t event", **more)
    if view.due and scale.shows(view.due) and view.due > view.at and view.ticking:
        drawn += text(scale(view.due), LANE / 2 + 5, "◇", css="t faint", title=f"next tick at {view.due:%H:%M:%S}",
                      data_event="next")  # fmt: skip
    return drawn


def _axis(scale: Scale, height: float) -> str:
    length = (scale.end - scale.begin).total_seconds()
    step = next((each for each in _STEPS if length / each <= 10), _STEPS[-1])
    first = math.ceil(scale.begin.timestamp() / step) * step
    drawn = ""
    for n in range(int(length // step) + 1):
        at = datetime.fromtimestamp(first + n * step, tz=scale.begin.tzinfo)
        if at <= scale.end:
            words = f"{at:%H:%M:%S}" if step < 60 else f"{at:%H:%M}"
            drawn += line(scale(at), 0, scale(at), height, "grid")
            drawn += text(scale(at), height + 15, words, css="t faint") if 3 < scale(at) < 97 else ""
    return drawn


def _legend() -> str:
    made = [key("loaded", "", "loaded"), key("blocked", "✕", "failed"), key("crashed", "✕", "process died")]
    made += [key("running", "▶", "running"), key("plain waiting-mark", "◆", "retry stored")]
    made += [key("plain", SIGNS["missed"], "tick missed"), key("plain", SIGNS["skipped"], "skipped")]
    return "".join(
        [*made, key("plain", SIGNS["coalesced"], "rolled into one"), key("plain", SIGNS["recovered"], "recovered")]
    )

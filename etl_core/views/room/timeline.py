"""The last minutes: what the scheduler did, which days were run, and each day that needed more than one attempt."""

from __future__ import annotations

from datetime import datetime, timedelta

from etl_core.history import Run
from etl_core.interval import Interval
from etl_core.scheduling.journal import number_of_ticks
from etl_core.views.room.moments import MINUTES, Scale, bands, span
from etl_core.views.room.svg import MARKS, box, key, line, picture, tag, text
from etl_core.views.room.view import View
from etl_core.views.words import count, first_line, interval, seconds

LANE, AXIS = 34, 24  # pixels
TROUBLED = 6  # lanes for days with more than one attempt, at most
NARROW = 1.2  # per cent between two signs
SEEN, SIGN = 0.4, 1.4  # per cent: wide enough to be seen, or for its sign
LANES = 4  # at least, so that what is below does not move when a day fails
SIGNS = {"missed": "✕", "skipped": "⊘", "coalesced": "⊕", "recovered": "✚", "alarm restored": "◆"}
_LEGEND = "".join(
    key(css, sign, words)
    for css, sign, words in (
        ("loaded", "", "loaded"),
        ("blocked", "✕", "failed"),
        ("crashed", "✕", "process died"),
        ("running", "", "running"),
        ("gap-key", "", "waits for its retry"),
        ("plain waiting-mark", "◆", "retry stored"),
        ("plain", SIGNS["missed"], "tick missed"),
        ("plain", SIGNS["skipped"], "skipped"),
        ("plain", SIGNS["coalesced"], "coalesced"),
        ("plain", SIGNS["recovered"], "recovered"),
    )
)


def timeline(view: View) -> str:
    """The last minutes, and what is known of the next ones: the next tick, the retries that are stored."""
    scale = span(view)
    inside = [run for run in view.facts.runs if (run.finished_at or view.at) >= scale.begin]
    inside += [run for run in view.facts.running if run not in inside]
    troubled = _troubled(inside, view)
    lanes = [("scheduler", _scheduler(view, scale))]
    for n, row in enumerate(_packed([run for run in inside if run.interval not in troubled], view.at)):
        lanes.append(("" if n else "runs", "".join(_bar(run, scale, view) for run in row)))
    for days, runs in list(troubled.items())[:TROUBLED]:
        lanes.append((interval(days), _attempts(runs, scale, view)))
    height = max(len(lanes), LANES) * LANE
    drawn = _axis(scale, height)
    for n, (_, lane) in enumerate(lanes):
        drawn += tag("g", line(0, LANE, 100, LANE, "grid") + lane, transform=f"translate(0 {n * LANE})")
    drawn += line(scale(view.at), 0, scale(view.at), height, "now")
    labels = [(n * LANE + 9, name) for n, (name, _) in enumerate(lanes)]
    return picture("timeline", sentence(view, len(inside), len(troubled)), height + AXIS, drawn, labels, _LEGEND)


def sentence(view: View, inside: int, troubled: int) -> str:
    """The message of the picture in words."""
    said = f"The last {MINUTES} minutes: {count(inside, 'run')}"
    if troubled:
        said += f", {count(troubled, 'day')} with a failure"
        said += f" (the newest {TROUBLED} are shown)" if troubled > TROUBLED else ""
    if view.next_retry:
        said += f"; next retry at {view.clock(view.next_retry.retry_at)}" if view.ticking else "; a retry waits"
    since = view.at - timedelta(minutes=MINUTES)
    left_out = [one for one in view.facts.events if one.kind in ("missed", "skipped") and one.at >= since]
    ticks = number_of_ticks(left_out)
    return said + (f"; {count(ticks, 'tick')} missed or skipped" if ticks else "")


def _troubled(inside: list[Run], view: View) -> dict[Interval, list[Run]]:
    """Interval -> its runs, oldest first, where one failed, died or waits; the newest trouble first."""
    bad = [run for run in inside if run.status in ("failed", "crashed") or run.attempt > 1]
    bad += [run for run in view.facts.waiting if run not in bad]
    found: dict[Interval, list[Run]] = {}
    for run in sorted(bad, key=lambda run: run.started_at, reverse=True):
        found.setdefault(run.interval, [])
    for run in sorted({*inside, *bad}, key=lambda run: run.started_at):
        if run.interval in found:
            found[run.interval].append(run)
    return found


def _packed(runs: list[Run], now: datetime) -> list[list[Run]]:
    """Rows in which no run overlaps another; one at least, three at most."""
    rows: list[list[Run]] = [[]]
    for run in sorted(runs, key=lambda run: run.started_at):
        free = [row for row in rows if not row or (row[-1].finished_at or now) <= run.started_at]
        if free:
            free[0].append(run)
        elif len(rows) < 3:
            rows.append([run])
        else:
            rows[-1].append(run)
    return rows


def _bar(run: Run, scale: Scale, view: View, following: Run | None = None) -> str:
    """Wide enough for its sign, but where the next one of its lane begins."""
    state = view.status_of(run)
    end = run.finished_at or view.at
    if state == "died" or (run.finished_at and run.duration_s is None):  # nobody saw its end; found out is later
        end = min(end, run.started_at + timedelta(seconds=1))
    mark = MARKS[state]
    least = SIGN if mark.sign and state != "running" else SEEN
    width = max(least, scale(end) - scale(run.started_at))
    if following is not None:
        width = max(SEEN, min(width, scale(following.started_at) - scale(run.started_at)))
    x = min(scale(run.started_at), max(0, scale(view.at) - width))  # nothing was later than now
    took = run.duration_s if run.duration_s is not None else (end - run.started_at).total_seconds()
    tip = f"{run.interval}, attempt {run.attempt} ({run.trigger}): {mark.word}, {seconds(took)}"
    tip += f". {first_line(run.error, 200)}" if run.error else ""
    drawn = box(x, 6, width, LANE - 12, f"bar {mark.css}")
    if mark.sign and state != "running" and width >= SIGN:
        drawn += text(x + width / 2, LANE / 2 + 4, mark.sign, css=f"t sign {mark.css}")
    return tag("g", drawn, title=tip, data_run_id=run.run_id, data_status=state)


def _attempts(runs: list[Run], scale: Scale, view: View) -> str:
    """A day's attempts in one lane, with the waiting between them."""
    drawn = bars = ""
    for run, following in zip(runs, [*runs[1:], None], strict=True):
        bars += _bar(run, scale, view, following)
        if run.finished_at and run.retry_at and run.status == "failed":
            until = following.started_at if following else run.retry_at
            drawn += line(scale(run.finished_at), LANE / 2, scale(until), LANE / 2, "gap")
        if run.retry_at and scale.shows(run.retry_at) and not following:
            at = f"{run.retry_at:%H:%M:%S}"
            more = {"title": f"attempt {run.attempt + 1} at {at}", "data_retry_at": at}
            drawn += text(scale(run.retry_at), LANE / 2 + 5, "◆", css="t waiting-mark", **more)
    return drawn + bars


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
    if view.ticking and view.due and view.at < view.due <= scale.end:
        more = {"title": f"next tick at {view.clock(view.due)}", "data_event": "next"}
        drawn += text(scale(view.due), LANE / 2 + 5, "◇", css="t faint", **more)
    return drawn


def _axis(scale: Scale, height: float) -> str:
    """A line each whole minute."""
    drawn, at = "", scale.begin.replace(second=0, microsecond=0)
    while (at := at + timedelta(minutes=1)) <= scale.end:
        drawn += line(scale(at), 0, scale(at), height, "grid")
        drawn += text(scale(at), height + 15, f"{at:%H:%M}", css="t faint") if 3 < scale(at) < 97 else ""
    return drawn

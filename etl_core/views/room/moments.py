"""Times on the timeline: from where to where it goes, and when a scheduler was there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from etl_core.views.room.view import View

MINUTES = 5


@dataclass(frozen=True)
class Scale:
    """Instants as per cent of the picture's width."""

    begin: datetime
    end: datetime

    def __call__(self, at: datetime) -> float:
        return 100 * min(1.0, max(0.0, (at - self.begin) / (self.end - self.begin)))

    def shows(self, at: datetime) -> bool:
        return self.begin <= at <= self.end


def span(view: View) -> Scale:
    """From MINUTES ago to a little after what comes next, at most half as much ahead."""
    window = timedelta(minutes=MINUTES)
    ahead = [run.retry_at for run in view.facts.waiting] + ([view.due] if view.due else [])
    soon = [at + window / 25 for at in ahead if view.at < at < view.at + window / 2]
    return Scale(view.at - window, max([view.at + window / 12, *soon]))


def bands(view: View) -> list[tuple[datetime, datetime, str]]:
    """Begin, end and kind (on, paused) of the times in which a scheduler was there, as the events tell them."""
    found: list[tuple[datetime, datetime, str]] = []
    since: datetime | None = None
    before, kind = view.at, "on"
    for event in reversed(view.facts.events):
        if since is not None and event.kind == "started":  # the one before died unseen, after its last sign of life
            found.append((since, _last_sign(view, before, event.at), kind))
        elif since is not None and event.kind in ("stopped", "paused", "resumed"):
            found.append((since, event.at, kind))
        if event.kind in ("started", "resumed", "paused", "stopped"):
            since = None if event.kind == "stopped" else event.at
            kind = {"resumed": "on", "paused": "paused"}.get(event.kind, kind)
        before = event.at
    if since is not None:
        alive = view.state in ("running", "paused", "starting", "stopping", "held")
        found.append((since, view.at if alive else _last_sign(view, before, view.at), kind))
    return found


def _last_sign(view: View, event: datetime, before: datetime) -> datetime:
    """When something last began before an instant: an event or a run."""
    return max([event, *(run.started_at for run in view.facts.runs if run.started_at < before)])

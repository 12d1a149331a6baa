"""What the scheduler says: events in the history, lines for the log file and for an operator.

Nothing here raises: a history that is locked must not stop the scheduler, so what cannot be recorded is at least
logged. The kinds of events, as `etl history --events` shows them:

started, stopped, failed, lock refused   of the scheduler
schedule added, changed, removed; paused, resumed; schedules lost, job kept, clock moved
missed, coalesced, skipped               ticks that did not run at their time, or not at all
tick failed, overdue, timed out, notebook failed
retry stored, alarm restored, alarm lost, retry put off, retry given up
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from etl_core import history
from etl_core.logs import log


def logger() -> logging.Logger:
    """Lines for an operator; they go to `logs/etl.log`, and to whatever handler is added here."""
    return log().getChild("scheduler")


def say(message: str, *, error: bool = False) -> None:
    logger().log(logging.ERROR if error else logging.INFO, "%s", message)


def note(kind: str, message: str, pipeline: str | None = None, run_id: str | None = None, error: bool = False) -> None:
    """Record an event and say it."""
    say(f"{kind}: {f'{pipeline}: ' if pipeline else ''}{message}", error=error)
    record(kind, message, pipeline, run_id)


def record(kind: str, message: str, pipeline: str | None = None, run_id: str | None = None) -> None:
    """Record an event; that it could not be recorded is said."""
    try:
        history.record_event(kind, message, pipeline, run_id)
    except Exception as problem:
        say(f"the event could not be recorded: {problem}", error=True)


def ticks(times: Sequence[datetime]) -> str:
    """Which ticks, for the message of an event."""
    first = f"{times[0].astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if len(times) == 1:
        return f"the tick of {first} UTC"
    return f"{len(times)} ticks ({first} to {times[-1].astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC)"


def number_of_ticks(events: Iterable[history.Event]) -> int:
    """How many ticks these events speak of: one may be of several."""
    several = (re.match(r"(\d+) ticks ", event.message) for event in events)
    return sum(int(found[1]) if found else 1 for found in several)

"""The drills of lesson 09: a pipeline that fails and heals while you watch, waiting, and what the history says of each.

Whether a drill is done is read from the history, so it counts however it was done: by a button, in a cell, or by a
kernel that is no more.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import etl_core
from etl_core import RetryPolicy, history, settings
from etl_core.history import Run
from etl_core.stages.landing import day_of
from etl_core.views.room.headline import headline
from etl_core.views.words import count, first_line
from exercises import view
from exercises.told import Told

if TYPE_CHECKING:
    from etl_core.views.control_room import ControlRoom

GLANCE = 1  # seconds: so long nobody may be there, as while a button is pressed
COARSE = timedelta(seconds=0.1)  # a file system's clock may be so much behind
BLOCKED = 8  # seconds after which a day that is blocked is not about to be tried with a corrected file

# The flights, with one attempt a stage and seconds instead of minutes between the attempts of a run.
flights = replace(
    etl_core.flights,
    stage_retry=RetryPolicy(attempts=1, base=0, cap=0),
    run_retry=RetryPolicy(attempts=4, base=3, cap=6),
    target="exercises.tools.drills:flights",
)


def until(
    condition: Callable[[], object],
    room: ControlRoom,
    pipeline: str | None = None,
    seconds: float = 90,
    what: Callable[[], str] = lambda: "it has not come about",
) -> None:
    """Wait for something that the room's scheduler brings about.

    Told says why it will not be: after a second where no tick will come, such as of a schedule that is paused; else
    after `seconds`, with `what` is still amiss.
    """
    began = since = time.monotonic()
    while not condition():
        now, why = time.monotonic(), _idle(room, pipeline)
        since = since if why else now
        if why and now - since > GLANCE:
            raise Told(f"{what()}, and {why}")
        if now - began > seconds:
            raise Told(f"{what()}, after {seconds:g} s. Look at the panel: what does it say of this?")
        time.sleep(0.05)


def wait_for(
    room: ControlRoom, days: list[date], status: str, pipeline: str | None = None, seconds: float = 90
) -> None:
    """Wait until all these days are loaded, pending, waiting or blocked, as the room's calendar shows them.

    Told as by `until`, and of a day that is blocked, which no tick tries again.
    """
    began = time.monotonic()

    def there() -> bool:
        found = room.view(pipeline)
        stuck = [one for one in found.blocked if one[0] in days and status != "blocked"]
        if stuck and time.monotonic() - began > BLOCKED:  # a tick may be on its way to a corrected file
            raise Told(f"{stuck[0][0]} is blocked, and no tick tries it again: {first_line(stuck[0][1], 160)}")
        return all(found.days.get(day) == status for day in days)

    def amiss() -> str:
        found = room.view(pipeline).days
        return next(
            (f"{day} is {found.get(day, 'not there')}" for day in days if found.get(day) != status), "it took long"
        )

    until(there, room, pipeline, seconds, amiss)


def _idle(room: ControlRoom, pipeline: str | None) -> str:
    """Why no tick and no retry will come, if none will; nothing while somebody is at work."""
    found = room.view(pipeline)
    if found.ticking or found.at_work or found.problems or room.worker.busy:
        return ""
    if found.state == "failed":
        return "the scheduler has failed: press Start"
    if found.schedule is None:
        return "there is no schedule: press Start"
    return "the schedule is paused: press Resume" if found.schedule.paused else "the scheduler is stopped: press Start"


def figures(room: ControlRoom, *names: str) -> dict[str, str]:
    """Some of the answers on the cards of the room's panel, of the flights."""
    return {one.name: one.value for one in headline(room.view("flights")) if one.name in names}


def drills() -> None:
    """A line for each drill: what the history has of it, or that it is not done yet."""
    for name, said in done().items():
        view.note(f"✓ {name}: {said}" if said else f"· {name}: not done yet")


def done() -> dict[str, str]:
    """Each drill -> what the history has of it; empty where it is not done yet."""
    runs, events = history.newest_runs(pipeline="flights"), history.newest_events()
    return {name: found(runs, events) for name, found in _DRILLS.items()}


def _stale(runs: list[Run], events: list[history.Event]) -> str:
    """Days whose files came between a pause and the resume after it, and which were first loaded after that.

    Other days may have been run meanwhile, by hand or by a tick that was under way.
    """
    came = _came()
    switched = [event for event in events if event.kind in ("paused", "resumed") and event.pipeline == "flights"]
    for resumed, paused in pairwise(switched):  # newest first
        if (resumed.kind, paused.kind) == ("resumed", "paused"):
            meanwhile = [day for day, at in came.items() if paused.at - COARSE < at < resumed.at]
            days = [day for day in meanwhile if _first_loaded(runs, day, came[day]) > resumed.at]
            if days:
                return f"{count(len(days), 'day')} landed while the schedule was paused, loaded after it"
    return ""


def _came() -> dict[date, datetime]:
    """When the flights of each day came that lies in the landing zone, a folder."""
    files = Path(settings.current().landing, "flights").glob("*.csv")
    found = {day_of(file.name): datetime.fromtimestamp(file.stat().st_mtime, UTC) for file in files}
    return {day: at for day, at in found.items() if day}


def _first_loaded(runs: list[Run], day: date, since: datetime) -> datetime:
    """When the first run began that has loaded the day since then; long ago where there is none."""
    loaded = [run.started_at for run in runs if run.status == "succeeded" and day in run.interval.days]
    return min((at for at in loaded if at > since - COARSE), default=datetime.min.replace(tzinfo=UTC))


def _killed(runs: list[Run], events: list[history.Event]) -> str:
    """The end of a dead run is written by others: a success without a duration, for nobody was there to measure it."""
    found = next((run for run in runs if run.status == "succeeded" and run.duration_s is None), None)
    return f"the run of {found.interval} died, and counts as succeeded" if found else ""


def _bad_file(runs: list[Run], events: list[history.Event]) -> str:
    for bad in runs:
        if bad.permanent and bad.blocked:
            others = {
                run.interval_start for run in runs if run.status == "succeeded" and run.started_at > bad.started_at
            }
            if others - {bad.interval_start}:
                return f"{bad.interval} was tried {_times(runs, bad)}, and other days went on"
    return ""


def _twice(runs: list[Run], events: list[history.Event]) -> str:
    found = next((run for run in runs if run.status == "succeeded" and run.attempt == 3), None)
    return f"{found.interval} was loaded by its third attempt" if found else ""


def _corrected(runs: list[Run], events: list[history.Event]) -> str:
    """A day that two scheduled runs have loaded, with another number of rows."""
    loaded = [run for run in runs if run.status == "succeeded" and run.trigger in ("scheduled", "retry")]
    for run in loaded:
        before = [each for each in loaded if each.interval == run.interval and each.started_at < run.started_at]
        if before and before[0].rows_loaded != run.rows_loaded:
            return f"{run.interval} went from {before[0].rows_loaded} rows to {run.rows_loaded}"
    return ""


def _second_room(runs: list[Run], events: list[history.Event]) -> str:
    found = next((event for event in events if event.kind == "lock refused"), None)
    who = re.search(r"pid \d+", found.message) if found else None
    return f"it was refused, and told who is there: {who[0]}" if who else ""


def _times(runs: list[Run], bad: Run) -> str:
    same = [run for run in runs if run.interval == bad.interval and run.error == bad.error]
    return "once" if len(same) == 1 else f"{len(same)} times"


_DRILLS: dict[str, Callable[[list[Run], list[history.Event]], str]] = {
    "six days over the holidays": _stale,
    "a process that dies": _killed,
    "a bad file": _bad_file,
    "a locked database": _twice,
    "corrections": _corrected,
    "a second room": _second_room,
}

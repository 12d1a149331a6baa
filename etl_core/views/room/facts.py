"""What the room knows, read from the history, the warehouse, the landing zone and the job store, and nowhere else.

Reading is skipped while nothing was written: the files of the databases (with their `-wal`) are looked at first, which
costs a fraction of a millisecond. A database that is no such file (PostgreSQL) is read at every look.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

import sqlalchemy as sa

from etl_core import history, running, settings
from etl_core.backlog import PendingDay, pending_days
from etl_core.history import Event, Run, StageRun, events, stage_runs
from etl_core.pipeline import Pipeline
from etl_core.scheduling import holder, recovery, store
from etl_core.views.words import told
from etl_core.warehouse import receipts_of

Found = TypeVar("Found")

RUNS = 60  # newest runs that are read; the pictures and the table show fewer
EVENTS = 400
PATIENCE = 50  # a look at a landing zone that took t seconds is repeated after 50 t at the earliest,
CHEAP = 0.005  # seconds: or at once
_FRESH = 50_000_000  # ns: a file as new as this may be written again within the same tick of its clock


@dataclass(frozen=True, eq=False)  # two looks are the same only if nothing was read in between
class Facts:
    """One look. `problems` are sentences on what could not be read; the rest then says nothing about it."""

    landed: Mapping[date, str] = field(default_factory=dict)
    loaded: frozenset[date] = frozenset()
    pending: tuple[PendingDay, ...] = ()
    newest: Mapping[date, str] = field(default_factory=dict)  # day -> the id of its newest run
    runs: tuple[Run, ...] = ()  # newest first
    running: tuple[Run, ...] = ()  # that the history calls so
    alive: Mapping[str, bool] = field(default_factory=dict)  # id of each of those -> does whoever runs it still exist?
    waiting: tuple[Run, ...] = ()
    stages: Mapping[str, tuple[StageRun, ...]] = field(default_factory=dict)
    events: tuple[Event, ...] = ()  # newest first
    started: Event | None = None  # the newest start of a scheduler
    stored: tuple[store.Stored, ...] = ()
    problems: tuple[str, ...] = ()


class Reader:
    """Reads the facts of one pipeline again only if something has changed since."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._facts = Facts()
        self._seen: tuple | None = None
        self._landed: Mapping[date, str] = {}
        self._look_again = 0.0

    def read(self, patient: bool = False) -> Facts:
        """The facts of this moment; with `patient`, a landing zone that takes long to look at is looked at less often.

        A run writes its end before it gives its lock back, so one that was found dead is dead only if the history, read
        after that, still says running. And a process that died writes nothing: its death is reason to read again.
        """
        problems: list[str] = []
        landed = _or(problems, {}, lambda: self._look_at_landing(patient))
        alive = self._facts.alive
        while True:
            seen = None if problems else _seen(tuple(landed.items()), tuple(alive.items()))
            if seen is None or seen != self._seen:
                self._facts = self._read(landed, alive, list(problems))
                self._seen = None if self._facts.problems else seen  # of before: what is written meanwhile is read next
            now = {run.run_id: running.is_alive(run.run_id) for run in self._facts.running}
            if now == alive:
                return self._facts
            alive = now

    def _read(self, landed: Mapping[date, str], alive: Mapping[str, bool], problems: list[str]) -> Facts:
        stored = _or(problems, (), lambda: tuple(store.stored_schedules()))
        found = _or(problems, {}, lambda: self._recorded(landed))
        return Facts(landed=landed, alive=alive, stored=stored, problems=tuple(dict.fromkeys(problems)), **found)

    def _recorded(self, landed: Mapping[date, str]) -> dict[str, object]:
        name = self.pipeline.name
        runs = history.newest_runs(RUNS, name)
        at_work = history.newest_runs(None, name, "running")
        return {
            "runs": tuple(runs),
            "running": tuple(at_work),
            "waiting": tuple(run for run in recovery.waiting_runs() if run.pipeline == name),
            "newest": history.newest_of_days(name),
            "stages": _stages([run.run_id for run in {*runs, *at_work}]),
            "events": tuple(_events(name)),
            "started": holder.last_start(),
            "pending": tuple(pending_days(self.pipeline, landed)) if landed else (),
            "loaded": frozenset(receipts_of(name)),
        }

    def _look_at_landing(self, patient: bool) -> Mapping[date, str]:
        began = time.monotonic()
        if began >= self._look_again or not patient:
            self._landed = self.pipeline.listing()
            took = time.monotonic() - began
            self._look_again = began + (PATIENCE * took if took > CHEAP else 0)
        return self._landed


def _or(problems: list[str], otherwise: Found, work: Callable[[], Found]) -> Found:
    """What `work` returns; if it fails, that is a problem to be shown: a pipeline's own `landed` may raise anything."""
    try:
        return work()
    except Exception as error:
        problems.append(told(error))
        return otherwise


def _stages(run_ids: list[str]) -> dict[str, tuple[StageRun, ...]]:
    chosen = sa.select(stage_runs).where(stage_runs.c.run_id.in_(run_ids)).order_by(stage_runs.c.started_at)
    found: dict[str, tuple[StageRun, ...]] = {}
    for stage in history.read(chosen, StageRun):
        found[stage.run_id] = (*found.get(stage.run_id, ()), stage)
    return found


def _events(pipeline: str) -> list[Event]:
    """The newest events of this pipeline and of the scheduler."""
    mine = events.c.pipeline.is_(None) | (events.c.pipeline == pipeline)
    return history.read(sa.select(events).where(mine).order_by(events.c.id.desc()).limit(EVENTS), Event)


def _seen(*more: object) -> tuple | None:
    """What tells that nothing was written since; None where it cannot be told."""
    now, found = settings.current(), []
    for url in (now.history_url, now.warehouse_url, f"sqlite:///{store.path()}"):
        if not url.startswith("sqlite:///"):
            return None
        path = url.removeprefix("sqlite:///")
        found += [_file(path), _file(f"{path}-wal")]
    newest = max((one[-1] for one in found if one), default=0)
    return None if time.time_ns() - newest < _FRESH else (*found, *more)


def _file(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns

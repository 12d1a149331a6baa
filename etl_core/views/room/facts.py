"""What the room knows, read from the history, the warehouse, the landing zone and the job store, and nowhere else.

Reading is skipped while nothing was written: the files of the databases (with their `-wal`) and of the landing zone
are looked at first, which costs a few milliseconds. What has no such files (PostgreSQL, a landing zone behind a URL) is
read at every look, or as often as its own slowness allows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from etl_core import history, settings
from etl_core.backlog import PendingDay, pending_days
from etl_core.database import reading
from etl_core.errors import EtlError
from etl_core.history import Event, Run, StageRun, events, stage_runs
from etl_core.pipeline import Pipeline
from etl_core.scheduling import holder, recovery, store
from etl_core.stages import landing
from etl_core.warehouse import receipts_of

RUNS = 60  # newest runs that are read; the pictures and the table show fewer
EVENTS = 400
PATIENCE = 20  # a look at a landing zone that took t seconds is repeated after 20 t at the earliest,
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
        self._facts: Facts | None = None
        self._seen: tuple | None = None
        self._landed: tuple[Mapping[date, str], float, tuple | None] | None = None  # days, seconds it took, files

    def read(self, alive: tuple[bool, ...] = ()) -> Facts:
        """The facts of this moment. `alive`: which running runs are; a process that died writes nothing."""
        problems: list[str] = []
        landed = _or(problems, {}, self._look_at_landing)
        seen = None if problems else _seen(tuple(landed.items()), alive)
        if self._facts is None or seen is None or seen != self._seen:
            self._seen = seen  # of before the reading: what is written meanwhile is read next time
            self._facts = self._read(landed, problems)
            if self._facts.problems:
                self._seen = None
        return self._facts

    def _read(self, landed: Mapping[date, str], problems: list[str]) -> Facts:
        name = self.pipeline.name
        stored = _or(problems, [], store.stored_schedules)
        try:
            runs = history.newest_runs(RUNS, name)
            running = history.newest_runs(None, name, "running")
            found = {
                "runs": tuple(runs),
                "running": tuple(running),
                "waiting": tuple(run for run in recovery.waiting_runs() if run.pipeline == name),
                "newest": history.newest_of_days(name),
                "stages": _stages([run.run_id for run in {*runs, *running}]),
                "events": tuple(_events(name)),
                "started": holder.last_start(),
            }
            found["pending"] = tuple(pending_days(self.pipeline, landed)) if landed else ()
            found["loaded"] = frozenset(receipts_of(name))
        except EtlError as error:
            problems.append(str(error))
            found = {}
        return Facts(landed=landed, stored=tuple(stored), problems=tuple(dict.fromkeys(problems)), **found)

    def _look_at_landing(self) -> Mapping[date, str]:
        began = time.monotonic()
        files = _landing_files() if self.pipeline.landed is landing.landed else None
        if self._landed is not None:
            landed, took_until, before = self._landed
            if (files is not None and files == before) or (files is None and began < took_until):
                return landed
        landed = self.pipeline.landed()
        took = time.monotonic() - began
        self._landed = landed, began + (PATIENCE * took if took > CHEAP else 0), files
        return landed


def _or(problems: list[str], otherwise: object, work: Callable[[], object]) -> object:
    """What `work` returns; if it fails, that is a problem to be shown."""
    try:
        return work()
    except EtlError as error:
        problems.append(str(error))
    except Exception as error:  # a pipeline's own `landed` may raise anything
        problems.append(f"{type(error).__name__}: {error}")
    return otherwise


def _stages(run_ids: list[str]) -> dict[str, tuple[StageRun, ...]]:
    chosen = sa.select(stage_runs).where(stage_runs.c.run_id.in_(run_ids)).order_by(stage_runs.c.started_at)
    found: dict[str, list[StageRun]] = {}
    with reading(history.open_history()) as conn:
        for row in conn.execute(chosen):
            found.setdefault(row.run_id, []).append(StageRun(**row._mapping))
    return {run_id: tuple(stages) for run_id, stages in found.items()}


def _events(pipeline: str) -> list[Event]:
    """The newest events of this pipeline and of the scheduler."""
    mine = events.c.pipeline.is_(None) | (events.c.pipeline == pipeline)
    with reading(history.open_history()) as conn:
        rows = conn.execute(sa.select(events).where(mine).order_by(events.c.id.desc()).limit(EVENTS))
        return [Event(**row._mapping) for row in rows]


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


def _file(path: str | Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _landing_files() -> tuple | None:
    """Names, sizes and times of what is in a landing zone of files; None where it is another kind."""
    place = settings.current().landing
    if landing.is_url(place):
        return None
    found: list[object] = [place]
    newest = 0
    for kind in ("flights", "weather"):
        try:
            with os.scandir(Path(place) / kind) as entries:
                for entry in entries:
                    stat = entry.stat()
                    newest = max(newest, stat.st_mtime_ns, stat.st_ctime_ns)
                    found.append((kind, entry.name, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
        except OSError:
            found.append((kind, None))
    return None if time.time_ns() - newest < _FRESH else tuple(found)

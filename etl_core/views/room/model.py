"""The control room without its widgets: one look (`view`), and the commands behind the buttons.

Each command may be given in every state, twice in a row, and by several threads at once: it does what was asked, says
that there is nothing to do, or raises an EtlError whose text is for the operator. Commands take turns; looking waits
for none of them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import wraps
from pathlib import Path
from typing import TypeVar

from etl_core import faults, history, running, settings
from etl_core.backlog import pending_days
from etl_core.errors import BadParameter, EtlError, Refused
from etl_core.interval import Interval
from etl_core.pipeline import Pipeline, find_pipeline
from etl_core.scheduling import get_scheduler, holder
from etl_core.scheduling.store import Stored
from etl_core.views.room.choice import Choice, choice_of
from etl_core.views.room.facts import Facts, Reader
from etl_core.views.room.terminal import exports
from etl_core.views.room.view import View
from etl_core.views.room.work import Worker
from etl_core.views.words import count, told

Command = TypeVar("Command", bound=Callable[..., str])


def command(work: Command) -> Command:
    """A method that takes its turn, works on this room's state folder or not at all, and raises EtlErrors only."""

    @wraps(work)
    def taken(self: Model, *given: object, **named: object) -> str:
        with self._turn:
            self._same_home()
            try:
                return work(self, *given, **named)
            except EtlError:
                raise
            except Exception as error:
                raise EtlError(told(error)) from error

    return taken


class Model:
    """The room of one process and state folder; pipelines by name, in the order they were added."""

    def __init__(self) -> None:
        self.home: Path = settings.current().home
        self.pipelines: dict[str, Pipeline] = {}
        self.worker = Worker()
        self._readers: dict[str, Reader] = {}
        self._turn, self._look = threading.RLock(), threading.Lock()

    def add(self, *pipelines: Pipeline) -> None:
        """Take pipelines in; one of the same name is replaced (its cell was run again)."""
        for pipeline in pipelines:
            if not isinstance(pipeline, Pipeline):
                found = type(pipeline).__name__
                raise BadParameter(f"pipeline: found {found}, expected a Pipeline, such as etl_core.flights")
            if self.pipelines.get(pipeline.name) != pipeline:
                self.pipelines[pipeline.name] = pipeline
                self._readers[pipeline.name] = Reader(pipeline)

    def view(self, pipeline: str | None = None, patient: bool = False) -> View:
        """Everything there is to know at this moment about one pipeline (default: the first). What cannot be read is
        in its `problems`; this raises only for a pipeline that is not here. `patient`: see `Reader.read`."""
        chosen = self._pipeline(pipeline)
        with self._look:
            at, problem, first = datetime.now(UTC), (), ""
            try:
                self._same_home()
                first = exports(chosen)
                facts = self._readers[chosen.name].read(patient)
                armed = tuple(map(str, faults.armed()))
                who = holder.mine() if get_scheduler().state in ("running", "stopping", "failed") else holder.holding()
            except EtlError as error:
                facts, armed, who, problem = Facts(), (), None, (str(error),)
        scheduler = get_scheduler()
        state, why = scheduler.state, None
        if state == "failed":
            why = scheduler.failed or "its thread has died; start it again"
        elif state == "stopped" and who is not None:
            state = "held"
        elif state == "running" and any(one.id == chosen.name and one.paused for one in facts.stored):
            state = "paused"
        return View(at, chosen, state, facts, who, why, armed, (*problem, *facts.problems), first)

    # ---- commands; each returns a sentence

    @command
    def start(self, pipeline: str | None = None, choice: Choice | None = None) -> str:
        """Start the scheduler; `choice` becomes this pipeline's schedule, or one is stored if it has none."""
        chosen, scheduler = self._pipeline(pipeline), get_scheduler()
        said = "the scheduler runs already" if scheduler.state == "running" else "started"
        scheduler.start()
        stored = "unchanged"
        there = self._schedule(chosen)
        if choice is not None or there is None:
            stored = self._store(chosen, choice or Choice())
        elif there.target != chosen.target:  # stored meanwhile by `etl schedule`, for another pipeline of this name
            stored = self._store(chosen, choice_of(there))
        return said if stored == "unchanged" else f"{said}; schedule {stored}"

    @command
    def stop(self, wait: float = 5.0) -> str:
        """Start nothing more, wait up to `wait` seconds for what is running, and give the lock back."""
        if get_scheduler().state == "stopped":
            self._not_elsewhere("stop")
            return "the scheduler is stopped already"
        if get_scheduler().stop(wait) == "abandoned":
            return "stopped; a run is still at work in this process, and goes on until it ends"
        return "stopped"

    @command
    def pause(self, pipeline: str | None = None) -> str:
        """No ticks and no retries of this pipeline until `resume`, restarts included."""
        return self._pause(self._pipeline(pipeline), True)

    @command
    def resume(self, pipeline: str | None = None) -> str:
        """Ticks and retries of this pipeline go on."""
        return self._pause(self._pipeline(pipeline), False)

    @command
    def run_now(self, pipeline: str | None = None) -> str:
        """One tick at once. With no scheduler here, the oldest pending days are run by hand, as `etl run` would."""
        chosen = self._pipeline(pipeline)
        running.resolve_dead()
        stored, pending = self._schedule(chosen), pending_days(chosen)
        todo = [one.day for one in pending if one.reason not in ("waiting", "blocked")]
        if not todo:
            left = ", ".join(f"{n} {reason}" for reason, n in Counter(one.reason for one in pending).items())
            return f"there is nothing to load now: {left}" if left else "nothing is pending"
        if get_scheduler().alive and stored is not None:
            get_scheduler().run_now(chosen.name)
            return "a tick was asked for"
        limit = stored.limit if stored is not None else Choice().limit
        return self.worker.once(chosen, [Interval.of(day) for day in todo[:limit]])

    @command
    def run_again(self, run_id: str) -> str:
        """The days of a run once more, by hand, whatever was loaded before."""
        run = history.find(run_id)
        return self.worker.once(self._pipeline(run.pipeline), [run.interval])

    @command
    def backfill(self, first: date | str, last: date | str, batch: str = "day", pipeline: str | None = None) -> str:
        """Begin to load what is pending of a range, both ends included; `worker.progress` says how far it is."""
        return self.worker.backfill(self._pipeline(pipeline), first, last, batch)

    @command
    def set_schedule(self, choice: Choice, pipeline: str | None = None) -> str:
        """Store a schedule: it is kept over restarts. Needs the scheduler to run here."""
        chosen, when = self._pipeline(pipeline), choice.when()
        if not get_scheduler().alive:
            self._not_elsewhere("change its schedule")
            raise EtlError("the schedule is stored by the scheduler, which is not running: press Start")
        return f"schedule {self._store(chosen, choice)}: {when}, {count(choice.limit, 'day')} a tick"

    @command
    def arm(self, point: str, kind: str, times: int = 1) -> str:
        """Break something on purpose: see etl_core.faults."""
        [fault] = faults.inject(f"{point}={kind}*{times}")
        return f"armed: {fault}"

    @command
    def clear_faults(self) -> str:
        """Nothing is armed any more, but for ETL_FAULTS, which counts anew."""
        faults.clear()
        left = ", ".join(map(str, faults.armed()))
        return f"cleared; ETL_FAULTS counts anew: {left}" if left else "no fault is armed"

    # ---- inside

    def _pipeline(self, name: str | None) -> Pipeline:
        if not self.pipelines:
            raise EtlError("this room has no pipeline: add one with room.add(…)")
        found = self.pipelines.get(next(iter(self.pipelines)) if name is None else name)
        if found is None:
            there = ", ".join(self.pipelines)
            raise BadParameter(f"pipeline: there is none named {name!r} in this room; there are {there}")
        return found

    def _schedule(self, pipeline: Pipeline) -> Stored | None:
        return next((one for one in get_scheduler().schedules() if one.id == pipeline.name), None)

    def _store(self, pipeline: Pipeline, choice: Choice) -> str:
        if pipeline.target and find_pipeline(pipeline.target).name != pipeline.name:
            raise BadParameter(f"pipeline {pipeline.name}: {pipeline.target} is another one")
        return get_scheduler().add_schedule(pipeline, limit=choice.limit, **choice.given)

    def _pause(self, pipeline: Pipeline, pause: bool) -> str:
        scheduler, word = get_scheduler(), "pause" if pause else "resume"
        if not scheduler.alive:
            self._not_elsewhere(word)
            raise EtlError(f"nothing to {word}: the scheduler is not running here; press Start")
        stored = self._schedule(pipeline)
        if stored is None:
            raise EtlError(f"nothing to {word}: {pipeline.name} has no schedule; press Start")
        if stored.paused == pause:
            return f"{pipeline.name} {'is paused already' if pause else 'is not paused'}"
        (scheduler.pause if pause else scheduler.resume)(pipeline.name)
        return f"{pipeline.name}: {word}d"

    def _not_elsewhere(self, verb: str) -> None:
        who = holder.holding() if get_scheduler().state == "stopped" else None
        if who is not None:
            held = f"another process has the scheduler of {self.home} ({who})"
            raise Refused(f"{held}: {verb} it there, or stop that one and press Start here")

    def _same_home(self) -> None:
        now = settings.current().home
        if now != self.home:
            raise EtlError(f"this room belongs to {self.home}, but ETL_HOME is now {now}: call control_room() again")

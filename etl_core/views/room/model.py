"""The control room without its widgets: one look (`view`), and the commands behind the buttons.

Each command may be given in every state, twice in a row, and by several threads at once: it does what was asked, says
that there is nothing to do, or raises an EtlError whose text is for the operator. Commands take turns; looking waits
for none of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypeVar

from etl_core import faults, history, settings
from etl_core.errors import BadParameter, EtlError, Refused
from etl_core.interval import Interval
from etl_core.pipeline import Pipeline, find_pipeline
from etl_core.scheduling import get_scheduler, holder
from etl_core.views.room import view as looking
from etl_core.views.room.choice import Choice
from etl_core.views.room.facts import Facts, Reader
from etl_core.views.room.view import View
from etl_core.views.room.work import Worker

Result = TypeVar("Result")


class Model:
    """The room of one process and state folder; pipelines by name, in the order they were added."""

    def __init__(self) -> None:
        self.home: Path = settings.current().home
        self.pipelines: dict[str, Pipeline] = {}
        self.worker = Worker()
        self._readers: dict[str, Reader] = {}
        self._last: dict[str, Facts] = {}
        self._dead: dict[str, set[str]] = {}  # runs that were found without a lock before the facts were read
        self._turn = threading.RLock()
        self._look = threading.Lock()

    def add(self, pipeline: Pipeline) -> None:
        """Take a pipeline in; one of the same name is replaced (its cell was run again)."""
        if not isinstance(pipeline, Pipeline):
            raise BadParameter(
                f"pipeline: found {type(pipeline).__name__}, expected a Pipeline, such as etl_core.flights"
            )
        if self.pipelines.get(pipeline.name) != pipeline:
            self.pipelines[pipeline.name] = pipeline
            self._readers[pipeline.name] = Reader(pipeline)

    def view(self, name: str | None = None) -> View:
        """Everything there is to know at this moment about one pipeline (default: the first). What cannot be read is
        in its `problems`; this raises only for a pipeline that is not here."""
        pipeline = self._pipeline(name)
        with self._look:
            at, problems = looking.now(), []
            try:
                self._same_home()
                facts, alive = self._facts(pipeline.name)
                armed = tuple(map(str, faults.armed()))
                who = self._holder()
            except EtlError as error:
                facts, alive, armed, who = Facts(), {}, (), None
                problems.append(str(error))
        schedule = next((one for one in facts.stored if one.id == pipeline.name), None)
        state, why = self._state(who, schedule is not None and schedule.paused)
        return View(
            at=at,
            pipeline=pipeline,
            state=state,
            why=why,
            facts=facts,
            holder=who,
            schedule=schedule,
            working=looking.working(facts, alive, pipeline.run_timeout, at),
            armed=armed,
            problems=(*problems, *facts.problems),
        )

    # ---- commands; each returns a sentence

    def start(self, name: str | None = None, choice: Choice | None = None) -> str:
        """Start the scheduler; `choice` becomes this pipeline's schedule, or one is stored if it has none."""
        pipeline = self._pipeline(name)

        def work() -> str:
            scheduler = get_scheduler()
            before = scheduler.state
            scheduler.start()
            stored = {one.id for one in scheduler.schedules() if one.kind == "schedule"}
            changed = None
            if choice is not None or pipeline.name not in stored:
                changed = self._store(pipeline, choice or Choice())
            told = "the scheduler runs already" if before == "running" else "started"
            return f"{told}; schedule {changed}" if changed not in (None, "unchanged") else told

        return self._command(work)

    def stop(self, wait: float = 5.0) -> str:
        """Start nothing more, wait up to `wait` seconds for what is running, and give the lock back."""

        def work() -> str:
            scheduler = get_scheduler()
            if scheduler.state == "stopped":
                self._not_elsewhere("stop")
                return "the scheduler is stopped already"
            outcome = scheduler.stop(wait)
            abandoned = "; a run is still at work in this process, and goes on until it ends"
            return "stopped" + (abandoned if outcome == "abandoned" else "")

        return self._command(work)

    def pause(self, name: str | None = None) -> str:
        """No ticks and no retries of this pipeline until `resume`, restarts included."""
        return self._command(lambda: self._pause(self._pipeline(name), True))

    def resume(self, name: str | None = None) -> str:
        return self._command(lambda: self._pause(self._pipeline(name), False))

    def run_now(self, name: str | None = None) -> str:
        """One tick at once. With no scheduler here, the oldest pending days are run by hand, as `etl run` would."""
        pipeline = self._pipeline(name)

        def work() -> str:
            scheduler = get_scheduler()
            stored = {one.id: one for one in scheduler.schedules()}
            if scheduler.alive and pipeline.name in stored:
                scheduler.run_now(pipeline.name)
                return "a tick was asked for"
            look = self.view(pipeline.name)
            limit = stored[pipeline.name].limit if pipeline.name in stored else Choice().limit
            todo = [one.day for one in look.facts.pending if one.reason in ("new", "changed", "crashed")][:limit]
            if look.problems:
                raise EtlError(look.problems[0])
            return self.worker.once(pipeline, [Interval.of(day) for day in todo]) if todo else "nothing is pending"

        return self._command(work)

    def run_again(self, run_id: str) -> str:
        """The days of a run once more, by hand, whatever was loaded before."""

        def work() -> str:
            run = history.find(run_id)
            return self.worker.once(self._pipeline(run.pipeline), [run.interval])

        return self._command(work)

    def backfill(self, first: date | str, last: date | str, batch: str = "day", name: str | None = None) -> str:
        """Begin to load what is pending of a range, both ends included; `worker.progress` says how far it is."""
        return self._command(lambda: self.worker.backfill(self._pipeline(name), first, last, batch))

    def set_schedule(self, choice: Choice, name: str | None = None) -> str:
        """Store a schedule: it is kept over restarts. Needs the scheduler to run here."""
        pipeline = self._pipeline(name)

        def work() -> str:
            choice.when()
            if not get_scheduler().alive:
                self._not_elsewhere("change its schedule")
                raise EtlError("the schedule is stored by the scheduler, which is not running: press Start")
            return f"schedule {self._store(pipeline, choice)}: {choice.when()}, {choice.limit} days a tick"

        return self._command(work)

    def arm(self, point: str, kind: str, times: int = 1) -> str:
        """Break something on purpose: see etl_core.faults."""
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            raise BadParameter(f"times: found {times!r}, expected a number, at least 1")
        [fault] = self._command(lambda: faults.inject(f"{point}={kind}*{times}"))
        return f"armed: {fault}"

    def clear_faults(self) -> str:
        self._command(faults.clear)
        left = ", ".join(map(str, faults.armed()))
        return f"cleared; ETL_FAULTS counts anew: {left}" if left else "no fault is armed"

    # ---- inside

    def _facts(self, name: str) -> tuple[Facts, dict[str, bool]]:
        """The facts, and which of the running runs are alive. One that ends gives its lock back when it has written
        its end, so what was found without a lock is dead only if the history, read after that, still says running."""
        reader, dead = self._readers[name], self._dead.setdefault(name, set())
        facts = reader.read(tuple(looking.liveness(self._last.get(name, Facts())).values()))
        while True:
            alive = looking.liveness(facts)
            found = {run_id for run_id, lives in alive.items() if not lives}
            if found <= dead:
                break
            dead |= found
            facts = reader.read(tuple(alive.values()))
        dead.intersection_update(alive)
        self._last[name] = facts
        return facts, alive

    def _command(self, work: Callable[[], Result]) -> Result:
        with self._turn:
            self._same_home()
            try:
                return work()
            except EtlError:
                raise
            except Exception as error:
                raise EtlError(f"{type(error).__name__}: {error}") from error

    def _pipeline(self, name: str | None) -> Pipeline:
        if not self.pipelines:
            raise EtlError("this room has no pipeline: add one with room.add(…)")
        if name is None:
            return next(iter(self.pipelines.values()))
        if name not in self.pipelines:
            raise BadParameter(
                f"pipeline: there is none named {name!r} in this room; there are {', '.join(self.pipelines)}"
            )
        return self.pipelines[name]

    def _store(self, pipeline: Pipeline, choice: Choice) -> str:
        if pipeline.target and find_pipeline(pipeline.target).name != pipeline.name:
            raise BadParameter(f"pipeline {pipeline.name}: {pipeline.target} is another one")
        return get_scheduler().add_schedule(pipeline, limit=choice.limit, **choice.given)

    def _pause(self, pipeline: Pipeline, pause: bool) -> str:
        scheduler, word = get_scheduler(), "pause" if pause else "resume"
        if not scheduler.alive:
            self._not_elsewhere(word)
            raise EtlError(f"nothing to {word}: the scheduler is not running here; press Start")
        stored = {one.id: one for one in scheduler.schedules() if one.kind == "schedule"}
        if pipeline.name not in stored:
            raise EtlError(f"nothing to {word}: {pipeline.name} has no schedule; press Start")
        if stored[pipeline.name].paused == pause:
            return f"{pipeline.name} {'is paused already' if pause else 'is not paused'}"
        (scheduler.pause if pause else scheduler.resume)(pipeline.name)
        return f"{pipeline.name}: {word}d"

    def _not_elsewhere(self, verb: str) -> None:
        who = holder.holding() if get_scheduler().state == "stopped" else None
        if who is not None:
            raise Refused(f"another process has the scheduler of {self.home} ({who}): {verb} it there")

    def _holder(self) -> holder.Holder | None:
        return holder.mine() if get_scheduler().state in ("running", "stopping", "failed") else holder.holding()

    def _state(self, who: holder.Holder | None, paused: bool) -> tuple[str, str | None]:
        scheduler = get_scheduler()
        state = scheduler.state
        if state == "failed":
            return state, scheduler.failed or "its thread has died; start it again"
        if state == "running" and paused:
            return "paused", None
        return ("held" if state == "stopped" and who is not None else state), None

    def _same_home(self) -> None:
        now = settings.current().home
        if now != self.home:
            raise EtlError(f"this room belongs to {self.home}, but ETL_HOME is now {now}: call control_room() again")

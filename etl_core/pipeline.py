"""A pipeline: four functions, run in sequence, each attempt timed, tried again where that helps, and recorded.

flights.run("2013-01-15")                 # all of it

run = flights.start("2013-01-15")         # the same in steps, recorded the same
run.extract()
run.transform()
run.load()
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from importlib import import_module
from inspect import signature
from pathlib import Path
from traceback import extract_tb
from typing import Any

import sqlalchemy as sa

from etl_core import faults, history, retry, running
from etl_core.active_run import ActiveRun, open_runs
from etl_core.errors import BadParameter, EtlError, NotLanded, PermanentError, TransientError
from etl_core.history import Run
from etl_core.interval import Interval
from etl_core.retry import RetryPolicy

ASKED = "ETL_RUN"  # JSON: run_id, trigger, attempt, retry_of, after; for the first run of a process
TRIGGERS = ("manual", "scheduled", "retry", "backfill")


@dataclass(frozen=True)
class Pipeline:
    """Four functions under one name; retries, history, schedules and the control room come with it.

    `landed() -> {day: content hash}` may have a parameter `days`, to save hashing the others; a hash is text.
    `extract(interval)` and `transform(extracted)` hand on what they like, but None or a generator: a stage that is
    tried again gets the same object again, so it must not change it. The rows of a result are counted by its `rows` (a
    number, or something with a length) and `rejected`, or by its own length where it is a DataFrame or a list; a
    transformed result's list `notes` goes into the history. `load(transformed, warehouse, run_id)` commits data and
    receipts (`warehouse.write_receipts`) in one transaction of the engine it is given, and may be done again.
    `on_failure` is a function, or a command without a shell. `verify()` returns what it found wrong:
    `stages.verify.Difference`s, or sentences.
    """

    name: str
    landed: Callable[..., dict[date, str]]
    extract: Callable[[Interval], Any]
    transform: Callable[[Any], Any]
    load: Callable[[Any, sa.Engine, str], Any]
    stage_retry: RetryPolicy = RetryPolicy(attempts=3, base=0.5, cap=10)
    run_retry: RetryPolicy = RetryPolicy(attempts=4, base=60, cap=900)
    run_timeout: float = 900  # seconds after which a run is overdue
    on_failure: Callable[[Run], None] | str | None = None  # when a day becomes blocked; a command gets JSON on stdin
    verify: Callable[[], Any] | None = None  # compares the warehouse with the landing zone
    target: str | None = None  # MODULE:NAME, by which another process imports it

    def __post_init__(self) -> None:
        wrong = [name for name in ("landed", "extract", "transform", "load") if not callable(getattr(self, name))]
        if wrong:
            found = type(getattr(self, wrong[0])).__name__
            raise BadParameter(f"pipeline {self.name!r}: {wrong[0]}: found {found}, expected a function")
        for name in ("stage_retry", "run_retry"):
            if not isinstance(given := getattr(self, name), RetryPolicy):
                raise BadParameter(f"pipeline {self.name!r}: {name}: found {given!r}, expected RetryPolicy(attempts=…)")

    def hashes(self, days: Sequence[date]) -> dict[date, str]:
        """The content hashes of those of `days` that have landed; a transient error is tried again as in a stage."""
        found = retry.call(lambda _: self.listing(days), self.stage_retry)
        return {day: found[day] for day in days if day in found}

    def listing(self, days: Sequence[date] | None = None) -> Mapping[date, str]:
        """What has landed, of `days` alone where `landed` can be asked so.

        TransientError or PermanentError where it fails (in its own words if it is one of these), PermanentError where
        that is no mapping of days to hashes.
        """
        some = days is not None and "days" in signature(self.landed).parameters
        named = f"landed of pipeline {self.name!r}"
        try:
            found = self.landed(days) if some else self.landed()
        except EtlError:
            raise
        except Exception as error:
            kind = TransientError if retry.is_transient(error) else PermanentError
            inside = extract_tb(error.__traceback__)[1:2]  # the line of `landed` itself
            where = "".join(f" ({Path(frame.filename).name}:{frame.lineno})" for frame in inside)
            raise kind(f"{named}: {type(error).__name__}: {error}{where}") from error
        if not isinstance(found, Mapping):
            raise PermanentError(f"{named}: found {type(found).__name__}, expected a dict of day -> hash")
        for day, content in found.items():
            if type(day) is not date or not (isinstance(content, str) and content):
                raise PermanentError(f"{named}: found {day!r}: {content!r}, expected datetime.date -> hash as text")
        return found

    @contextmanager
    def refusals_recorded(self) -> Iterator[None]:
        """What is asked wrongly within, a BadParameter, is an event in the history: there is no run to tell it."""
        try:
            yield
        except BadParameter as error:
            with suppress(EtlError):
                history.record_event("refused", str(error), self.name)
            raise

    def start(self, first: Interval | date | str, until: date | str | None = None, **given: Any) -> ActiveRun:
        """Begin a run to be taken step by step. Keywords: trigger, attempt, retry_of, notebook.

        BadParameter for a day that has not landed, Overlap where another run has one of the days: recorded as events.
        An earlier run of the same interval, still open in this process, is closed as abandoned.
        """
        run = self._begin(first, until, **given)
        open_runs[run.run_id] = run
        return run

    def run(self, first: Interval | date | str, until: date | str | None = None, **given: Any) -> Run:
        """All three stages. Returns the record; what a stage raises is raised when it has been recorded."""
        run = self._begin(first, until, **given)
        run.finish()
        return run.record()

    def attempt(self, interval: Interval, **given: Any) -> Run:
        """As `run`, but the returned record tells whether it failed."""
        run = self._begin(interval, **given)
        try:
            run.finish()
        except Exception:
            if not run.closed:
                raise
        return run.record()

    def _begin(self, first: Interval | date | str, until: date | str | None = None, **given: Any) -> ActiveRun:
        asked = json.loads(os.environ.pop(ASKED, "{}"))  # a scheduler that started this process says what the run is
        faults.armed()  # a malformed ETL_FAULTS is an error before there is a run
        with self.refusals_recorded():
            return self._begin_as(Interval.of(first, until), **{**given, **asked})

    def _begin_as(
        self, interval: Interval, trigger: str = "manual", after: str | None = None, **given: Any
    ) -> ActiveRun:
        if trigger not in TRIGGERS:
            raise BadParameter(f"trigger: found {trigger!r}, expected one of {', '.join(TRIGGERS)}")
        hashes = self.hashes(interval.days)
        missing = [day for day in interval.days if day not in hashes]
        if missing:
            named = ", ".join(map(str, missing[:3])) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
            has = "has" if len(missing) == 1 else "have"
            raise NotLanded(f"day: {named} {has} not landed; `etl pending` lists what can be loaded")
        for earlier in list(open_runs.values()):
            if (earlier.pipeline.name, earlier.interval) == (self.name, interval):
                earlier.abandon("abandoned: the same interval was started again")
        row = Run(
            pipeline=self.name,
            target=self.target,
            interval_start=interval.start,
            interval_end=interval.end,
            trigger=trigger,
            **given,
        )
        lock, known_bad = running.begin(row, hashes, after)
        return ActiveRun(self, row, lock, known_bad)


def find_pipeline(target: str) -> Pipeline:
    """The Pipeline that MODULE:NAME names, knowing its target. BadParameter says why there is none."""
    module_name, _, name = target.partition(":")
    if not name or not all(part.isidentifier() for part in [*module_name.split("."), name]):
        raise BadParameter(f"found {target!r}, expected MODULE:NAME, for example weather_pipeline:weather")
    try:
        module = import_module(module_name)
        found = getattr(module, name, None)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise BadParameter(f"{module_name} cannot be imported, it needs {error.name!r}") from error
        where = f"in {os.getcwd()} or among what is installed"
        raise BadParameter(f"there is no module {module_name!r} {where}") from None
    except Exception as error:
        raise BadParameter(f"importing {module_name} fails: {type(error).__name__}: {error}") from error
    if not isinstance(found, Pipeline):
        names = ", ".join(key for key, value in vars(module).items() if isinstance(value, Pipeline)) or "none"
        raise BadParameter(f"{module_name} has no pipeline {name!r}; pipelines in it: {names}")
    return found if found.target else replace(found, target=target)


def lazy(target: str) -> Callable[..., Any]:
    """The function MODULE:NAME, imported at its first call: what is not run need not be loaded."""
    module, _, name = target.partition(":")

    def function(*values: Any, **named: Any) -> Any:
        return getattr(import_module(module), name)(*values, **named)

    return function

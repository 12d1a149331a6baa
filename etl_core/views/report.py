"""The autopsy of one run: what it did and when, what went wrong, what to do next, how to see it again.

    from etl_core.views.report import explain
    explain("last")

The report is built from the history (and, for rejected lines, the warehouse) and changes nothing. A notebook shows it
as HTML, a terminal as text: report_html.py and report_text.py.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from etl_core import history, running, warehouse
from etl_core.database import reading
from etl_core.errors import EtlError
from etl_core.history import Event, Run, StageRun, runs
from etl_core.pipeline import Pipeline
from etl_core.views.frames import Frame, frames_that_matter

if TYPE_CHECKING:
    from rich.console import RenderableType

FLIGHTS = "flights"
LONGEST = 2000  # characters of a rejected line that a report keeps
_VALUE = re.compile(r"'.*'|-?\b\d[\d,.:-]*")


@dataclass(frozen=True)
class Rejected:
    """Rejected lines of one kind of reason, and the first of them: flight_date, source_line, reason, row (its text)."""

    reason: str
    count: int
    example: dict[str, Any]

    @property
    def told(self) -> str:
        """The reason: with its value where it is the only one."""
        return self.reason if self.count > 1 else self.example["reason"]


@dataclass(frozen=True)
class Bar:
    """One attempt of a stage on the timeline; `begin` and `end` are shares of the run's time, 0 to 1."""

    stage: StageRun
    begin: float
    end: float


@dataclass(frozen=True, repr=False)
class Report:
    """One run explained. `state` is its status, or 'died' or 'overdue' where it is called running."""

    run: Run
    state: str
    stages: list[StageRun]
    events: list[Event]
    rejected: list[Rejected]
    rejected_replaced: bool  # a later load of the same days has replaced the rejected lines of this run
    attempts: list[Run]  # this run and its retries before and after, oldest first
    loaded_by: Run | None  # a later run that has loaded the same days

    @cached_property
    def duration(self) -> float | None:
        """Seconds; of a run that has not ended, until now; None of one whose end nobody saw."""
        if self.run.duration_s is None and self.state in ("running", "overdue"):
            return (datetime.now(UTC) - self.run.started_at).total_seconds()
        return self.run.duration_s

    @cached_property
    def timeline(self) -> list[Bar]:
        """The attempts of the stages, in the order they began, as shares of the run's time."""
        ends = [stage.started_at + timedelta(seconds=stage.duration_s or 0) for stage in self.stages]
        whole = max([self.duration or 0, *((end - self.run.started_at).total_seconds() for end in ends)])
        if whole <= 0:
            return [Bar(stage, 0, 1) for stage in self.stages]
        bars = []
        for stage, end in zip(self.stages, ends, strict=True):
            begin = min(1.0, max(0.0, (stage.started_at - self.run.started_at).total_seconds() / whole))
            still = stage.duration_s is None
            bars.append(
                Bar(stage, begin, 1 if still else max(begin, (end - self.run.started_at).total_seconds() / whole))
            )
        return bars

    @cached_property
    def frames(self) -> list[Frame]:
        """The few lines of the traceback that are the reader's or this package's."""
        return frames_that_matter(self.run.traceback or "")

    @property
    def commands(self) -> dict[str, str]:
        """What does the same again: the command, and where a notebook was written the one that writes it again."""
        run = self.run
        days = str(run.interval.start) + (f" {run.interval.last}" if len(run.interval.days) > 1 else "")
        found = {}
        if run.target or run.pipeline == FLIGHTS:
            option = "" if run.pipeline == FLIGHTS else f"--pipeline {shlex.quote(run.target or '')} "
            found["etl"] = f"etl {option}run {days}"
        else:
            found["python"] = f"{run.pipeline}.run({', '.join(repr(day) for day in days.split())})"
        if run.notebook and run.pipeline == FLIGHTS:
            until = f" -p until {run.interval.last}" if len(run.interval.days) > 1 else ""
            found["papermill"] = (
                f"papermill notebooks/run_pipeline.ipynb {shlex.quote(run.notebook)} --inject-output-path "
                f"-p day {run.interval.start}{until}"
            )
        return found

    @cached_property
    def advice(self) -> list[tuple[str, str]]:
        """What to do next: sentences, each with the command or the SQL that does it, or ''."""
        from etl_core.views.advice import advice

        return advice(self)

    def as_json(self) -> dict[str, Any]:
        return {
            "run": self.run.as_json(),
            "stages": [stage.as_json() for stage in self.stages],
            "events": [event.as_json() for event in self.events],
            "rejected": [vars(each) for each in self.rejected],
        }

    def __rich__(self) -> RenderableType:
        from etl_core.views.report_text import as_text

        return as_text(self)

    def __repr__(self) -> str:
        from rich.console import Console

        console = Console(width=110, color_system=None, markup=False, highlight=False, emoji=False)
        with console.capture() as captured:
            console.print(self)
        return "\n".join(line.rstrip() for line in captured.get().splitlines())

    def _repr_html_(self) -> str:
        from etl_core.views.report_html import as_html

        return as_html(self)


def explain(run: str | Run = "last") -> Report:
    """The report of a run: its id or the beginning of it, "last" for the newest, or its record."""
    found = history.find(run) if isinstance(run, str) else run
    state = state_of(found)
    if state not in (found.status, "died", "overdue"):
        found = history.find(found.run_id)
    receipts = _receipts(found)
    loaded_by = None
    if len(receipts) == len(found.interval.days) and found.run_id not in {r.run_id for r in receipts.values()}:
        newest = max(receipts.values(), key=lambda receipt: receipt.loaded_at)
        loaded_by = _read(runs.c.run_id == newest.run_id, runs.c.started_at > found.started_at)
    rejected = _rejected(found) if found.pipeline == FLIGHTS and found.rows_rejected else []
    return Report(
        run=found,
        state=state,
        stages=history.stages_of(found.run_id),
        events=history.newest_events(limit=50, run_id=found.run_id)[::-1],
        rejected=rejected,
        rejected_replaced=sum(each.count for each in rejected) < (found.rows_rejected or 0)
        and found.pipeline == FLIGHTS,
        attempts=_attempts(found),
        loaded_by=loaded_by[0] if loaded_by else None,
    )


def state_of(run: Run, timeout: float = Pipeline.run_timeout) -> str:
    """The status of a run; of one that is called running, 'overdue' (past `timeout` seconds) or 'died' if it is so."""
    if run.status != "running":
        return run.status
    if running.is_alive(run.run_id):
        return "overdue" if (datetime.now(UTC) - run.started_at).total_seconds() > timeout else "running"
    status = history.find(run.run_id).status  # it may have ended between the two looks
    return "died" if status == "running" else status


def _read(*conditions: sa.ColumnElement[bool]) -> list[Run]:
    with reading(history.open_history()) as conn:
        found = conn.execute(sa.select(runs).where(*conditions).order_by(runs.c.started_at).limit(100))
        return [Run(**row._mapping) for row in found]


def _attempts(run: Run) -> list[Run]:
    """The run, what it is a retry of, and its retries: `retry_of` names the attempt before, or the first one."""
    chain = {run.run_id: run}
    before = run.retry_of
    while before and before not in chain:
        earlier = _read(runs.c.run_id == before)
        chain |= {each.run_id: each for each in earlier}
        before = earlier[0].retry_of if earlier else None
    new = list(chain)
    while new:
        later = _read(runs.c.retry_of.in_(new), runs.c.run_id.not_in(list(chain)))
        new = [each.run_id for each in later]
        chain |= {each.run_id: each for each in later}
    return sorted(chain.values(), key=lambda each: each.started_at)


def _receipts(run: Run) -> dict[Any, warehouse.Receipt]:
    try:
        return warehouse.receipts_of(run.pipeline, run.interval.days)
    except EtlError:
        return {}  # the history can be read where the warehouse cannot, and may say why


def _rejected(run: Run) -> list[Rejected]:
    """The rejected lines of a run that are still there, by the kind of reason (its words before the colon)."""
    table = warehouse.metadata.tables["rejected_flights"]
    here = (
        table.c.run_id == run.run_id,
        table.c.flight_date >= run.interval_start,
        table.c.flight_date < run.interval_end,
    )
    columns = [table.c.flight_date, table.c.source_line, table.c.reason, sa.func.substr(table.c.row, 1, LONGEST)]
    chosen = sa.select(*columns).where(*here).order_by(table.c.flight_date, table.c.source_line)
    found: dict[str, Rejected] = {}
    try:
        with reading(warehouse.open_warehouse()) as conn:
            for day, line, reason, row in conn.execute(chosen):
                example = {"flight_date": str(day), "source_line": line, "reason": reason, "row": row}
                before = found.get(_kind(reason), Rejected(_kind(reason), 0, example))
                found[before.reason] = replace(before, count=before.count + 1)
    except EtlError:
        return []
    return sorted(found.values(), key=lambda each: -each.count)


def _kind(reason: str) -> str:
    """A reason without the value that was found: 'dep_time: found …, expected a time of day as HHMM, …'."""
    found, expected, more = reason.partition(", expected")
    return _VALUE.sub("…", found) + expected + more

"""The autopsy of one run: what it did and when, what went wrong, what to do next, how to see it again.

    from etl_core.views.report import explain
    explain("last")

The report is built from the history (and, for rejected lines, the warehouse) and changes nothing. A notebook shows it
as HTML, a terminal as text: report_html.py and report_text.py.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from etl_core import history
from etl_core.history import Event, Run, StageRun
from etl_core.views.advice import advice
from etl_core.views.evidence import Rejected, attempts_of, committed_by, loaded_by, rejected_lines, state_of
from etl_core.views.frames import Frame, frames_that_matter
from etl_core.views.words import FLIGHTS, etl, number, seconds

if TYPE_CHECKING:
    from rich.console import RenderableType

NUMBERS = ("time", "in", "out", "rejected")  # of a stage


@dataclass(frozen=True)
class Bar:
    """One attempt of a stage on the timeline; `begin` and `end` are shares of the run's time, 0 to 1. Its number is in
    the `name` where there were several."""

    stage: StageRun
    name: str
    begin: float
    end: float

    @property
    def numbers(self) -> list[str]:
        """What stands behind the bar, under NUMBERS."""
        stage = self.stage
        return [seconds(stage.duration_s), *map(number, (stage.rows_in, stage.rows_out, stage.rows_rejected))]


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
    def committed(self) -> dict[str, Any]:
        """Of a run that died, the rows that its receipts tell of; empty where its load was not committed."""
        return committed_by(self.run) if self.state == "died" else {}

    @cached_property
    def timeline(self) -> list[Bar]:
        """The attempts of the stages, in the order they began, as shares of the run's time."""
        begins = [(stage.started_at - self.run.started_at).total_seconds() for stage in self.stages]
        ends = [begin + (stage.duration_s or 0) for stage, begin in zip(self.stages, begins, strict=True)]
        whole = max([self.duration or 0, *ends])
        bars = []
        for stage, begin, end in zip(self.stages, begins, ends, strict=True):
            again = any(one.attempt > 1 for one in self.stages if one.stage == stage.stage)
            name = f"{stage.stage} {stage.attempt}" if again else stage.stage
            left = min(1.0, max(0.0, begin / whole)) if whole > 0 else 0.0
            still = stage.duration_s is None or whole <= 0
            bars.append(Bar(stage, name, left, 1.0 if still else max(left, end / whole)))
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
            found["etl"] = f"{etl(run.pipeline, run.target)} run {days}"
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
    rejected = rejected_lines(found) if found.pipeline == FLIGHTS and found.rows_rejected else []
    return Report(
        run=found,
        state=state,
        stages=history.stages_of(found.run_id),
        events=history.newest_events(limit=50, run_id=found.run_id)[::-1],
        rejected=rejected,
        rejected_replaced=sum(each.count for each in rejected) < (found.rows_rejected or 0)
        and found.pipeline == FLIGHTS,
        attempts=attempts_of(found),
        loaded_by=loaded_by(found),
    )

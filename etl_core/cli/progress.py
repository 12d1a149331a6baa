"""What is seen while runs are at work: lines a stage or a run, or a progress bar."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from etl_core.cli.printing import console, note
from etl_core.views.words import clean, first_line, number, seconds

if TYPE_CHECKING:
    from etl_core.active_run import ActiveRun
    from etl_core.history import Run


def all_stages(active: ActiveRun) -> None:
    """The stages in order; on a terminal each gets a spinner, then a line."""
    terminal = console(err=True) if sys.stderr.isatty() else None
    with _telling(terminal.print if terminal else note):
        for stage, work in (("extract", active.extract), ("transform", active.transform), ("load", active.load)):
            if terminal is None:
                work()
                continue
            with terminal.status(f"{active.interval}: {stage}"):
                work()
            terminal.print(_stage_line(active.run_id))


@contextmanager
def _telling(tell: Callable[[str], object]) -> Iterator[None]:
    """An attempt that failed and is tried again is told when it happens, as the log says it."""
    from etl_core.logs import log

    teller = logging.Handler(logging.WARNING)
    teller.emit = lambda record: tell(clean(record.getMessage()))
    log().addHandler(teller)
    try:
        yield
    finally:
        log().removeHandler(teller)


def _stage_line(run_id: str) -> str:
    from etl_core.history import stages_of

    stage = stages_of(run_id)[-1]
    rejected = f", {stage.rows_rejected:,} rejected" if stage.rows_rejected else ""
    return f"  ✓ {stage.stage:<9} {number(stage.rows_out):>8} rows  {seconds(stage.duration_s):>8}{rejected}"


@contextmanager
def progress(days: int) -> Iterator[Callable[[Run], None]]:
    """A function to call with each run: on a terminal it moves a bar and names what failed, elsewhere a line a run."""
    if not sys.stderr.isatty():
        with _telling(note):
            yield lambda run: click.echo(success(run) if run.status == "succeeded" else failure(run))
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from etl_core.backlog import tried_singly

    rows = 0
    counts = TextColumn("days  {task.fields[rows]:,} rows "), TimeRemainingColumn(), TextColumn("left")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *counts)
    with Progress(*columns, console=console(err=True)) as bar, _telling(bar.console.print):
        task = bar.add_task("loading", total=days, rows=0)

        def show(run: Run) -> None:
            nonlocal rows
            rows += (run.rows_loaded or 0) if run.status == "succeeded" else 0
            advance = 0 if tried_singly(run) else len(run.interval.days)
            bar.update(task, advance=advance, rows=rows, description=str(run.interval.last))
            if run.status != "succeeded":
                bar.console.print(failure(run), style="red")

        yield show


def success(run: Run) -> str:
    """In one line: what was loaded."""
    return (
        f"{run.interval}: {number(run.rows_loaded)} rows loaded, {number(run.rows_rejected)} rejected, "
        f"in {seconds(run.duration_s)} (run {run.run_id[:8]})"
    )


def failure(run: Run, backfill: bool = True) -> str:
    """In one line: what failed, and the command that tells more."""
    from etl_core.backlog import tried_singly

    singly = backfill and tried_singly(run)
    what = "failed, its days are tried one by one" if singly else first_line(run.error)
    return f"{run.interval}: {what} (etl show {run.run_id[:8]})"

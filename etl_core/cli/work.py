"""`etl run` and `etl backfill`: the commands that load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from etl_core.cli import Chosen, Failed
from etl_core.cli.printing import note
from etl_core.cli.progress import all_stages, failure, progress, success
from etl_core.cli.types import DAY
from etl_core.errors import EtlError
from etl_core.failure import one_line
from etl_core.views.words import count, first_line, listed, seconds

if TYPE_CHECKING:
    from etl_core.backlog import Backfill
    from etl_core.history import Run


@click.command()
@click.argument("day", type=DAY)
@click.argument("until", type=DAY, required=False)
@click.option("--fault", metavar="TEXT", help="Break it on purpose: POINT=KIND[*TIMES], for example load=offline*2.")
@click.pass_obj
def run(chosen: Chosen, day: str, until: str | None, fault: str | None) -> None:
    """Load DAY, or the days up to UNTIL, in one run.

    It loads them whether they are pending or not; what was loaded before is replaced. Days are written YYYY-MM-DD, both
    ends are included. Exit code 0: loaded; 1: failed, and nothing has changed; 2: there is no such day.

    \b
      etl run 2013-01-15
      etl run 2013-01-15 2013-01-20
      etl run 2013-01-15 --fault "extract=offline*2"
    """
    from etl_core import faults
    from etl_core.interval import Interval

    pipeline = chosen.pipeline
    with pipeline.refusals_recorded():
        interval = Interval.of(day, until)
        faults.parse(fault or "", "--fault")
    _tell_of_faults()
    if fault:
        faults.inject(fault, everywhere=False)
    active = pipeline.start(interval)
    try:
        all_stages(active)
    except KeyboardInterrupt:
        active.abandon("interrupted")  # no more than a word if its load is done
        if active.record().status != "succeeded":
            message = f"interrupted: run {active.run_id[:8]} is recorded as failed; `etl pending` tells what is left"
            raise Failed(message) from None
    except Exception as error:
        if not active.closed:
            raise
        record = active.record()
        if record.status == "succeeded":
            click.echo(success(record))
            raise Failed(f"{interval}: loaded, but after the commit: {one_line(error)}") from error
        raise Failed(failure(record, backfill=False)) from error
    click.echo(success(active.record()))


@click.command()
@click.argument("first", type=DAY)
@click.argument("last", type=DAY)
@click.option(
    "--batch",
    type=click.Choice(["day", "month"]),
    default="day",
    show_default=True,
    help="How much one run loads; months are faster.",
)
@click.option("--again", is_flag=True, help="Load all of them, not only what is pending.")
@click.pass_obj
def backfill(chosen: Chosen, first: str, last: str, batch: str, again: bool) -> None:
    """Load what is pending from FIRST to LAST.

    Both ends are included. A day that fails stops no other; one that has not landed is named before anything starts.
    Interrupted, the same command goes on with the rest. Exit code 0: all is loaded; 1: some days are not.

    \b
      etl backfill 2013-01-01 2013-01-31
      etl backfill 2013-01-01 2013-12-31 --batch month
    """
    from etl_core import backlog

    pipeline = chosen.pipeline
    with pipeline.refusals_recorded():
        intervals, missing = backlog.plan(pipeline, first, last, batch, again)
    if missing:
        note(f"{count(len(missing), 'day has', 'days have')} not landed: {listed(missing)}")
    if not intervals:
        click.echo("nothing pending: what has landed is loaded" if not missing else "nothing else is pending")
        raise click.exceptions.Exit(1 if missing else 0)
    _tell_of_faults()
    done: list[Run] = []
    try:
        with progress(sum(len(interval.days) for interval in intervals)) as show:
            result = backlog.backfill(
                pipeline, first, last, batch, again, on_run=lambda run: (done.append(run), show(run))
            )
    except (KeyboardInterrupt, EtlError) as error:  # the second: what no run is to blame for, as a server that is gone
        why = str(error) or "interrupted"
        loaded = sum(run.status == "succeeded" for run in done)
        raise Failed(f"{why}: after {count(loaded, 'run')}; the same command goes on with the rest") from error
    _summary(chosen, result)
    if result.missing or result.failed or result.refused:
        raise click.exceptions.Exit(1)


def _tell_of_faults() -> None:
    from etl_core import faults, settings

    armed, environment = faults.armed(), settings.current().faults
    if armed:
        note(f"faults are armed: {', '.join(map(str, armed))}")
    elif environment:
        note(
            f"ETL_FAULTS={environment} is set, but all of it has fired already; "
            'python -c "from etl_core import faults; faults.clear()" makes it count anew'
        )


def _summary(chosen: Chosen, result: Backfill) -> None:
    days = sum(len(run.interval.days) for run in result.succeeded)
    rows, rejected = (
        sum(getattr(run, name) or 0 for run in result.succeeded) for name in ("rows_loaded", "rows_rejected")
    )
    took = seconds(sum(run.duration_s or 0 for run in result.succeeded))
    click.echo(
        f"{count(days, 'day')} loaded in {count(len(result.succeeded), 'run')}: "
        f"{rows:,} rows, {rejected:,} rejected, in {took}"
    )
    for run in result.failed:
        note(f"  ✗ {run.interval}: {first_line(run.error, 90)}  (etl show {run.run_id[:8]})")
    blocked = [day for run in result.failed if run.blocked for day in run.interval.days]
    again = [run.interval for run in result.failed if not run.blocked]
    if blocked:
        note(f"blocked until corrected: {listed(blocked)}")
        note(f"new content is pending by itself; or load it by hand: etl {chosen.option}run {blocked[0]}")
    if again:
        note(f"worth another try: etl {chosen.option}backfill {again[0].start} {again[-1].last}")
    for message in result.refused:
        note(f"  refused: {message}")

"""`etl verify` and `etl prune`: is everything as it should be, and away with what is old."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl_core.cli import Chosen
from etl_core.cli.printing import console, note
from etl_core.errors import BadParameter, PermanentError
from etl_core.views.words import clean, count

if TYPE_CHECKING:
    from etl_core.history import Run
    from etl_core.pipeline import Pipeline
    from etl_core.stages.verify import Difference


@click.command()
@click.pass_obj
def verify(chosen: Chosen) -> None:
    """Compare the warehouse with its receipts and with what has landed.

    Counts against receipts, rows without a receipt, each day transformed again and compared value by value, the
    database's own check. Sources that have changed or vanished since are told and are no error. Exit code 0: all is as
    it should be; 1: it is not.

    \b
      etl verify
    """
    from etl_core.warehouse import receipts_of

    pipeline = chosen.pipeline
    if pipeline.verify is None:
        raise BadParameter(f"pipeline {pipeline.name!r} has no verify; give it one: Pipeline(…, verify=function)")
    errors, notes = 0, []
    with console(err=True).status("comparing") if sys.stderr.isatty() else nullcontext():
        for difference in _found(pipeline):
            if isinstance(difference, str):  # an own pipeline's sentence
                line, is_error = clean(difference), True
            else:
                line = f"{difference.day or 'everywhere'}  {difference.kind}: {clean(difference.message)}"
                is_error = difference.is_error
            if is_error:
                errors += 1
                click.echo(f"✗ {line}")
            else:
                notes.append(line)
    if notes:
        click.echo("sources that are not what was loaded (no errors):")
        for line in notes:
            click.echo(f"  {line}")
    receipts = receipts_of(pipeline.name).values()
    what = f"{count(len(receipts), 'day')}, {sum(receipt.rows_loaded for receipt in receipts):,} rows"
    if errors:
        click.echo(f"{what}: {count(errors, 'difference')}")
        raise click.exceptions.Exit(1)
    click.echo(f"{what}: all as they should be")


def _found(pipeline: Pipeline) -> list[Difference | str]:
    found = pipeline.verify()
    if not isinstance(found, (list, tuple)):
        message = f"verify of pipeline {pipeline.name!r}: found {found!r}, expected a list of what is wrong"
        raise PermanentError(message)
    return list(found)


@click.command()
@click.option("--keep-days", type=click.IntRange(0, 36_500), required=True, help="Keep what ended within so many days.")
@click.pass_obj
def prune(chosen: Chosen, keep_days: int) -> None:
    """Forget old runs, and delete their executed notebooks.

    The newest run of each day stays, and so does the data. Of all pipelines; notebooks only below ETL_HOME/runs.

    \b
      etl prune --keep-days 90
    """
    from etl_core import history

    gone = history.prune(keep_days)
    notebooks = _delete_notebooks(gone)
    click.echo(f"{count(len(gone), 'run')} forgotten, {count(notebooks, 'executed notebook')} deleted")


def _delete_notebooks(gone: list[Run]) -> int:
    """Those of `gone` that no run that stays has written again, and that lie below ETL_HOME/runs; returns how many."""
    import sqlalchemy as sa

    from etl_core import history, settings
    from etl_core.database import reading

    folder = settings.current().runs.resolve()
    with reading(history.open_history()) as conn:
        column = history.runs.c.notebook
        kept = {Path(path).resolve() for path in conn.execute(sa.select(column).where(column.is_not(None))).scalars()}
    deleted = 0
    for path in {Path(run.notebook).resolve() for run in gone if run.notebook} - kept:
        if path.suffix == ".ipynb" and path.is_relative_to(folder) and path.is_file():
            try:
                path.unlink()
            except OSError as error:
                note(f"{path}: cannot be deleted ({error.strerror})")
            else:
                deleted += 1
    return deleted

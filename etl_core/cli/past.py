"""`etl history` and `etl show`: what happened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from etl_core.cli import Chosen
from etl_core.cli.printing import console, note, print_json, print_rich, signed, table
from etl_core.cli.types import RUN
from etl_core.views.words import clean, first_line, instant, interval, number, seconds

if TYPE_CHECKING:
    from rich.console import Console

    from etl_core.history import Event, Run

WIDE = 110  # columns from which the error has room beside the run
POLL = 1.0  # seconds between looks of --follow
SHOWN, SHOWN_JSON = 20, 1000
COUNT = click.IntRange(1, 1_000_000_000)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A list, newest first.")
@click.option("--limit", type=COUNT, help=f"How many.  [default: {SHOWN}, with --json {SHOWN_JSON:,}]")
@click.option("--events", is_flag=True, help="What is no run: refused ones, recoveries, schedulers that start.")
@click.option("--follow", is_flag=True, help="Go on with what happens from now, until Ctrl-C.")
@click.pass_obj
def history(chosen: Chosen, as_json: bool, limit: int | None, events: bool, follow: bool) -> None:
    """List the newest runs.

    Of all pipelines, or of the one that --pipeline names.

    \b
      etl history
      etl history --limit 100
      etl history --events
      etl history --follow
    """
    from etl_core.history import newest_events, newest_runs

    if follow and as_json:
        raise click.UsageError("--follow goes on and on, --json is one document: choose one of them.")
    pipeline = chosen.pipeline.name if chosen.target else None
    limit = limit or (SHOWN_JSON if as_json else SHOWN)
    if follow:
        try:
            for line in _event_lines(limit, pipeline) if events else _run_lines(limit, pipeline):
                click.echo(line)
        except KeyboardInterrupt:
            return
    elif events:
        _list(newest_events(limit + 1, pipeline=pipeline), limit, as_json, _print_events)
    else:
        nothing = f"no runs yet: etl {chosen.option}run 2013-01-15 loads a day"
        found = newest_runs(limit + 1, pipeline)
        _list(found, limit, as_json, lambda runs: _print_runs(runs, pipeline is None), nothing)


@click.command()
@click.argument("run", type=RUN, default="last")
@click.option("--json", "as_json", is_flag=True, help="{run, stages, events, rejected}.")
@click.pass_obj
def show(chosen: Chosen, run: str, as_json: bool) -> None:
    """Explain one run, and what to do next.

    Its stages and their attempts, its rejected lines, the lines of its error that matter. RUN is an id from
    `etl history`, or the beginning of one; "last" is the newest.

    \b
      etl show last
      etl show 3fa9c1d2 --json
    """
    from etl_core.history import newest_runs
    from etl_core.views.report import explain

    newest = newest_runs(1, chosen.pipeline.name) if run == "last" and chosen.target else None
    report = explain(newest[0] if newest else run)
    if as_json:
        print_json(report.as_json())
    else:
        print_rich(report)


def _list(
    found: list[Any], limit: int, as_json: bool, print_them: Callable[[list[Any]], None], nothing: str = "no events"
) -> None:
    shown = found[:limit]
    if as_json:
        print_json([each.as_json() for each in shown])
    elif shown:
        print_them(shown)
    else:
        note(nothing)
    if len(found) > limit:
        note(f"the newest {limit:,}; --limit {limit * 10:,} shows more")


def _print_runs(runs: list[Run], all_pipelines: bool) -> None:
    from rich.text import Text

    from etl_core.views.evidence import state_of

    out = console()
    wide = out.width >= WIDE
    columns: dict[str, Callable[[Run], Any]] = {
        "run": lambda run: run.run_id[:8],
        "pipeline": lambda run: run.pipeline,
        "days": lambda run: interval(run.interval),
        "trigger": _trigger,
        "status": lambda run: signed(state_of(run)),
        "rows": lambda run: number(run.rows_loaded),
        "rejected": lambda run: Text(number(run.rows_rejected), style="yellow" if run.rows_rejected else ""),
        "took": lambda run: seconds(run.duration_s),
        "began (UTC)": lambda run: instant(run.started_at)[slice(None) if wide else slice(5, 16)],
    }
    if not all_pipelines or len({run.pipeline for run in runs}) == 1:
        del columns["pipeline"]
    made = table(*columns, right={"rows", "rejected", "took"}, gap=2 if wide else 1)
    if wide:
        made.add_column("error")  # the only one that may shrink
        columns["error"] = lambda run: Text(_error(run), no_wrap=True, overflow="ellipsis")
    for run in runs:
        made.add_row(*(cell(run) for cell in columns.values()))
    print_rich(made, out)
    if not wide:
        _print_errors(out, [run for run in runs if run.error])


def _print_errors(out: Console, failed: list[Run]) -> None:
    from rich.text import Text

    if failed:
        out.print()
    for run in failed:
        out.print(Text.assemble((f"{run.run_id[:8]} ", "bold"), _error(run)), no_wrap=True, overflow="ellipsis")


def _print_events(events: list[Event]) -> None:
    made = table("when (UTC)", "what", "run")
    made.add_column("message", overflow="fold")
    for event in events:
        made.add_row(instant(event.at), event.kind, (event.run_id or "")[:8], clean(event.message))
    print_rich(made)


def _run_lines(limit: int, pipeline: str | None) -> Iterator[str]:
    """A line for each run, oldest first, and again whenever one ends; never stops."""
    from etl_core.history import newest_runs
    from etl_core.views.evidence import state_of

    seen: dict[str, str] = {}
    found = newest_runs(limit, pipeline)
    while True:
        for run in reversed(found):
            state = state_of(run)
            if seen.get(run.run_id) != state:
                seen[run.run_id] = state
                yield _line(run, state)
        time.sleep(POLL)
        newest = [found[0].started_at - timedelta(minutes=1)] if found else []
        at_work = [run for run in [*found, *newest_runs(None, pipeline, "running")] if run.status == "running"]
        since = min([*newest, *(run.started_at for run in at_work)], default=None)
        found = newest_runs(None, pipeline, since=since) or found


def _event_lines(limit: int, pipeline: str | None) -> Iterator[str]:
    from etl_core.history import newest_events

    last, found = 0, newest_events(limit, pipeline=pipeline)
    while True:
        for event in reversed(found):
            last = max(last, event.id)
            yield f"{instant(event.at)}  {event.kind}  {clean(event.message)}"
        time.sleep(POLL)
        found = newest_events(after=last, pipeline=pipeline)


def _line(run: Run, state: str) -> str:
    from etl_core.views.words import STATES

    what = f"{number(run.rows_loaded)} rows  {seconds(run.duration_s)}" if run.status == "succeeded" else _error(run)
    sign, colour, _ = STATES[state]
    status = click.style(f"{sign} {state:<9}", fg=colour)
    began = instant(run.finished_at or run.started_at)
    days = f"{run.pipeline} {interval(run.interval)}"
    return f"{began}  {run.run_id[:8]}  {days}  {_trigger(run):<9}  {status}  {what}".rstrip()


def _trigger(run: Run) -> str:
    return run.trigger + (f" #{run.attempt}" if run.attempt > 1 else "")


def _error(run: Run) -> str:
    return first_line(run.error)

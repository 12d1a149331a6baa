"""`etl pending` and `etl status`: what there is to do, and whether all is well."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from etl_core.cli import Chosen
from etl_core.cli.printing import note, print_json, print_rich, table
from etl_core.cli.types import DURATION

if TYPE_CHECKING:
    from etl_core.backlog import PendingDay

COLOURS = {"new": "green", "changed": "cyan", "crashed": "yellow", "waiting": "yellow", "blocked": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A list of {day, reason, error}.")
@click.pass_obj
def pending(chosen: Chosen, as_json: bool) -> None:
    """List the days that have landed and are not loaded.

    \b
    Reasons:
      new       never loaded
      changed   loaded, and corrected since
      crashed   the process of its run died
      waiting   its run failed and is tried again by the scheduler
      blocked   trying again cannot help: correct its file, or load it by hand

    \b
      etl pending
      etl pending --json
    """
    from etl_core.backlog import pending_days
    from etl_core.views.words import count

    days = pending_days(chosen.pipeline)
    if as_json:
        print_json([{"day": str(each.day), "reason": each.reason, "error": each.error} for each in days])
        return
    if not days:
        click.echo("nothing pending: what has landed is loaded")
        return
    print_rich(_table(days))
    kinds = Counter(each.reason for each in days)
    note(f"{count(len(days), 'day')}: " + ", ".join(f"{number:,} {reason}" for reason, number in kinds.items()))
    free = [each.day for each in days if each.reason not in ("blocked", "waiting")]
    if free:
        span = f"{free[0]} {free[-1]}" + (" --batch month" if len(free) > 31 else "")
        note(f"load them: etl {chosen.option}backfill {span}")
    elif "blocked" in kinds:
        first = next(each.day for each in days if each.reason == "blocked")
        note(f"once the cause is gone, load one by hand: etl {chosen.option}run {first}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One document: counts, newest success, ok, reasons.")
@click.option("--max-age", type=DURATION, help="How old the newest success may be: 90m, 24h, 2d, or seconds.")
@click.pass_obj
def status(chosen: Chosen, as_json: bool, max_age: float | None) -> None:
    """One look, for a person or a monitor.

    Exit code 1 when days are blocked, or when no run has succeeded within --max-age; else 0.

    \b
      etl status
      etl status --max-age 24h || mail -s "flights are late" me@example.org
    """
    found = _status(chosen, max_age)
    if as_json:
        print_json(found)
    else:
        _print_status(found)
    raise click.exceptions.Exit(0 if found["ok"] else 1)


def _table(days: list[PendingDay]) -> Any:
    """A line a day; neighbours with nothing to tell apart share one."""
    from rich.text import Text

    from etl_core.interval import spans
    from etl_core.views.words import count, first_line

    made = table("day", "reason")
    made.add_column("newest error", overflow="fold")
    for (reason, error), group in groupby(days, key=lambda each: (each.reason, each.error)):
        for interval in spans((each.day for each in group), longest="any"):
            n = len(interval.days)
            label = str(interval) + (f"  ({count(n, 'day')})" if n > 1 else "")
            made.add_row(label, Text(reason, style=COLOURS[reason]), first_line(error))
    return made


def _status(chosen: Chosen, max_age: float | None) -> dict[str, Any]:
    from etl_core import history
    from etl_core.backlog import pending_days
    from etl_core.scheduling import holder, store
    from etl_core.views.evidence import state_of
    from etl_core.views.words import count, seconds
    from etl_core.warehouse import receipts_of

    pipeline = chosen.pipeline
    kinds = Counter(each.reason for each in pending_days(pipeline))
    newest = history.newest_success(pipeline.name)
    age = (datetime.now(UTC) - newest).total_seconds() if newest else None
    running = Counter(
        state_of(run, pipeline.run_timeout) for run in history.newest_runs(None, pipeline.name, "running")
    )
    reasons = []
    if kinds["blocked"]:
        reasons.append(f"{count(kinds['blocked'], 'day is', 'days are')} blocked")
    if max_age is not None and (age is None or age > max_age):
        late = f"the newest success is {seconds(age)} old" if age is not None else "no run has succeeded yet"
        reasons.append(f"{late}, expected one within {seconds(max_age)}")
    return {
        "pipeline": pipeline.name,
        "ok": not reasons,
        "reasons": reasons,
        "newest_day": str(max(loaded)) if (loaded := receipts_of(pipeline.name)) else None,
        "newest_success": history.plain(newest),
        "age_s": round(age, 3) if age is not None else None,
        "days_loaded": len(loaded),
        "pending": sum(kinds.values()),
        "blocked": kinds["blocked"],
        "waiting": kinds["waiting"],
        "running": running["running"] + running["overdue"],
        "overdue": running["overdue"],
        "died": running["died"],
        "scheduler": str(who) if (who := holder.holding()) else None,
        "paused": store.is_paused(pipeline.name),
    }


def _print_status(found: dict[str, Any]) -> None:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from etl_core.views.words import NONE, count, seconds

    newest = found["newest_success"]
    lines = {
        "newest day": found["newest_day"] or NONE,
        "newest success": f"{newest[:19].replace('T', ' ')} UTC, {seconds(found['age_s'])} ago" if newest else NONE,
        "loaded": count(found["days_loaded"], "day"),
        "pending": f"{count(found['pending'], 'day')}, {found['blocked']:,} blocked, {found['waiting']:,} waiting",
        "running": f"{found['running']:,}" + (f", {found['overdue']:,} overdue" if found["overdue"] else ""),
        "scheduler": found["scheduler"] or "none is running",
    }
    if found["paused"]:
        lines["schedule"] = "paused: no ticks and no retries"
    if found["died"]:
        lines["died"] = f"{count(found['died'], 'run')}; the next run, tick or backfill finds out and goes on"
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="dim")
    for name, value in lines.items():
        facts.add_row(f"  {name}", value)
    left = found["died"] or found["pending"]  # is no fault, and not all well either
    ok = (
        Text("✓ nothing is blocked" if left else "✓ all is well", style="bold green")
        if found["ok"]
        else Text(f"✗ {'; '.join(found['reasons'])}", style="bold red")
    )
    print_rich(Group(Text.assemble(f"{found['pipeline']}: ", ok), facts))

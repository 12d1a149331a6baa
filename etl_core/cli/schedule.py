"""`etl schedule` runs schedules in the foreground; `etl schedules` lists what is stored."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import click

from etl_core.cli import FLIGHTS
from etl_core.cli.printing import console, print_json
from etl_core.errors import BadParameter, EtlError

if TYPE_CHECKING:
    from etl_core.cli import Chosen
    from etl_core.scheduling.scheduler import Scheduler
    from etl_core.scheduling.store import Stored

PATIENCE = 5.0  # seconds a running job is waited for at the end


@click.command()
@click.option("--every", type=float, metavar="SECONDS", help="A tick every so many seconds.")
@click.option("--cron", metavar='"EXPR"', help='Ticks by cron text, for example "0 6 * * mon-fri".')
@click.option("--timezone", metavar="TZ", help="For --cron: an IANA time zone.  [default: this machine's]")
@click.option("--limit", type=int, metavar="DAYS", help="At most so many days a tick.  [default: 31]")
@click.option("--notebook", is_flag=True, help="Run by papermill: each run leaves its executed notebook.")
@click.pass_obj
def schedule(
    chosen: Chosen, every: float | None, cron: str | None, timezone: str | None, limit: int | None, notebook: bool
) -> None:
    """Load what is pending, again and again, until Ctrl-C or SIGTERM.

    The schedule is stored under the pipeline's name: options replace it, without any all that is stored is run. A tick
    that nobody was there for is made up for at the next start, and so is a retry.
    """
    from etl_core.scheduling.journal import say
    from etl_core.scheduling.scheduler import get_scheduler
    from etl_core.scheduling.store import stored_schedules
    from etl_core.scheduling.when import when

    given = every is not None or cron is not None
    if given:
        when(every=every, cron=cron, timezone=timezone)  # what is wrong with it is told before anything starts
        chosen.pipeline  # noqa: B018
        if limit is not None and limit < 1:
            raise BadParameter(f"--limit: found {limit}, expected a number of days, at least 1")
        if notebook:
            from etl_core.scheduling import child

            child.check(chosen.target or FLIGHTS)
    elif timezone or limit is not None or notebook:
        raise BadParameter("--timezone, --limit and --notebook go with --every or --cron")
    elif not any(one.kind == "schedule" for one in stored_schedules()):
        raise BadParameter(
            f"{_lost()}no schedule is stored; give one: etl {chosen.option}schedule --every 10, "
            f'or etl {chosen.option}schedule --cron "0 6 * * *"'
        )
    _show_log()
    ended = _on_signals()
    scheduler = get_scheduler().start()
    try:
        if given:
            options = {"timezone": timezone, "limit": 31 if limit is None else limit, "notebook": notebook}
            scheduler.add_schedule(chosen.target or FLIGHTS, every=every, cron=cron, **options)
        for one in scheduler.schedules():
            say(f"{one.pipeline}: {one.when}, {_due(one, 'next at ')}")
        while not ended.wait(0.5):
            if not scheduler.alive:
                died = "the scheduler's thread has died; what is stored is kept, start it again"
                raise EtlError(scheduler.failed or died)
    finally:
        _leave(scheduler, ended)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def schedules(as_json: bool) -> None:
    """What is stored: schedules and waiting retries, with their next run. Starts nothing."""
    from etl_core.scheduling.store import stored_schedules

    found = stored_schedules()
    if as_json:
        print_json([one.as_json() for one in found])
        return
    if not found:
        click.echo("No schedule is stored.", err=True)
        return
    from rich.table import Table

    table = Table("pipeline", "kind", "when", "next run", "days a tick", "notebook")
    for one in found:
        limit = str(one.limit) if one.limit else ""
        table.add_row(one.pipeline, one.kind, one.when or "", _due(one), limit, "yes" if one.notebook else "")
    console().print(table)


def _due(one: Stored, before: str = "") -> str:
    """Its next run in local time, or why there is none."""
    if one.error or one.paused:
        return one.error or "paused"
    return f"{before}{one.next_run.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def _lost() -> str:
    from etl_core import settings
    from etl_core.scheduling import holder, store

    if not store.is_new() or not settings.current().home.exists() or holder.last_start() is None:
        return ""
    return "jobs.db is gone, and with it what was scheduled (data and history are not); "


def _show_log() -> None:
    from etl_core.scheduling.journal import logger

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    logger().addHandler(handler)


def _on_signals() -> threading.Event:
    """Set by SIGINT and SIGTERM (and Ctrl-Break on Windows)."""
    ended = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: ended.set())
    return ended


def _leave(scheduler: Scheduler, ended: threading.Event) -> None:
    from etl_core.scheduling.journal import say

    say("stopping")
    outcome = scheduler.stop(wait=PATIENCE)
    if outcome == "abandoned":
        say("a run was abandoned; it is found dead at the next start, and its day is loaded then")
        logging.shutdown()
        os._exit(0 if ended.is_set() else 1)  # its thread would keep the process
    else:
        say("stopped" + (", after the run at hand" if outcome == "waited" else ""))

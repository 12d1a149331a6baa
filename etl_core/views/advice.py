"""What to do after a run: it depends on how it ended, and on what has happened since."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from etl_core import settings
from etl_core.stages.landing import without_secrets
from etl_core.views.evidence import unanswered
from etl_core.views.words import FLIGHTS, count, etl, instant, seconds

if TYPE_CHECKING:
    from etl_core.views.report import Report

_REFERENCE = re.compile(r"\b(airlines|airports|planes)\.csv\b")
_OF_CONTENT = ("BadSchema:", "PermanentError:")
Step = tuple[str, str]  # a sentence, and the command or SQL that does it (or "")


def advice(report: Report) -> list[Step]:
    """The next steps, the most useful first."""
    if report.state in ("failed", "crashed", "died") and not report.loaded_by and (why := unanswered()):
        cannot = f"The warehouse cannot be asked whether the days were loaded, by this run or since: {why}", ""
        return [cannot] if report.state == "died" else [*_steps(report), cannot]
    return _steps(report)


def _steps(report: Report) -> list[Step]:
    run, state = report.run, report.state
    if state in ("running", "overdue"):
        return _running(report)
    if state == "died":
        loaded = "its load was committed before: its days are loaded. The next run, tick or backfill records that."
        lost = "nothing of it was loaded: its days are pending again. The next run, tick or backfill records that."
        return [(f"Its process is gone, and {loaded if report.committed else lost}", _backfill(report))]
    if since := report.loaded_by:
        return [("Nothing: the same days were loaded since, by another run.", f"etl show {since.run_id[:8]}")]
    if state == "succeeded":
        return [_succeeded(report)]
    if later := [each for each in report.attempts if each.started_at > run.started_at]:
        last = later[-1]
        return [(f"It was tried again: attempt {last.attempt} {last.status}.", f"etl show {last.run_id[:8]}")]
    if run.retry_at:
        return [_waiting(run.pipeline, run.retry_at), ("Or try now, by hand.", _again(report))]
    if state == "crashed":
        return [("Its days are pending again, and nothing of it was left half done. Load them.", _backfill(report))]
    return [_failed(report)]


def _waiting(pipeline: str, retry_at: datetime) -> Step:
    """Who tries it again, and what that needs."""
    from etl_core.scheduling import holder, store

    left = (retry_at - datetime.now(UTC)).total_seconds()
    when = f"at {instant(retry_at)} UTC (in {seconds(left)})" if left > 0 else "at once"
    if store.is_paused(pipeline):
        return "It is tried again by the scheduler once its schedule, which is paused, is resumed.", "etl schedules"
    who = holder.holding()
    if who is None:
        return f"It is tried again by the scheduler, {when}; it must be running, and none is.", "etl schedule"
    return f"It is tried again by the scheduler ({who}), {when}.", "etl schedules"


def _running(report: Report) -> list[Step]:
    run = report.run
    steps = [(f"It is at work (pid {run.pid} on {run.host}). Watch it.", "etl history --follow")]
    if report.state == "overdue":
        steps.append(("It is overdue. If it hangs, end that process: its days are pending again.", ""))
    return steps


def _succeeded(report: Report) -> Step:
    run = report.run
    if not run.rows_rejected:
        return "Nothing: every line was loaded.", ""
    if report.rejected_replaced:
        return "Nothing: a later load of the same days has replaced its rejected lines.", ""
    lines = count(run.rows_rejected, "line was", "lines were")
    sql = f"SELECT * FROM rejected_flights WHERE run_id = '{run.run_id}'"  # noqa: S608 (shown)
    return f"Look at what was rejected: {lines} kept aside, not loaded, with the reason.", sql


def _failed(report: Report) -> Step:
    run, days, error = report.run, len(report.run.interval.days), report.run.error or ""
    if run.permanent and run.pipeline == FLIGHTS and error.startswith(_OF_CONTENT) and _REFERENCE.search(error):
        what = "Trying the same again cannot help. Correct the file that the error names, then load what needed it: "
        return f"{what}new content of a reference file is not pending by itself.", _backfill(report)
    if run.permanent and days > 1 and not error.startswith("DatabaseError:"):
        what = "Trying the same again cannot help. Load its days singly: a bad one then sinks only itself."
        return what, _backfill(report)
    if run.permanent:
        blocked = "The day is blocked: trying" if days == 1 else "Trying"
        cause = f"{blocked} the same again cannot help. Correct what the error names{_where(report)}"
        if not error.startswith(_OF_CONTENT):
            return f"{cause}, then load it by hand.", _again(report)
        return f"{cause}: new content is pending by itself. Or try at once.", _again(report)
    if run.blocked:
        return "The day is blocked: its attempts are used up. Once the cause is gone, load it by hand.", _again(report)
    if run.error == "KeyboardInterrupt":
        return "Somebody interrupted it. Its days are pending as before.", _again(report)
    what = "its day is" if days == 1 else "its days are"
    return f"Nothing was loaded, and {what} still pending: trying again may help.", _again(report)


def _where(report: Report) -> str:
    """The day's file, where the error is about its content and names no file itself."""
    run, error = report.run, report.run.error or ""
    if run.pipeline != FLIGHTS or not error.startswith(_OF_CONTENT) or re.search(r"[/\\]|\.csv", error):
        return ""
    return f" ({without_secrets(settings.current().landing)}/flights/{run.interval.start}.csv)"


def _again(report: Report) -> str:
    commands = report.commands
    return commands.get("etl") or commands["python"]


def _backfill(report: Report) -> str:
    run = report.run
    if "etl" not in report.commands:
        return _again(report)
    return f"{etl(run.pipeline, run.target)} backfill {run.interval.start} {run.interval.last}"

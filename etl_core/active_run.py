"""A run that is under way: each stage's attempts timed, recorded as they happen, and tried again where that helps."""

from __future__ import annotations

import atexit
import logging
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event

from etl_core import faults, history, results, retry, running
from etl_core.errors import EtlError, PermanentError
from etl_core.failure import consequences, one_line, tell
from etl_core.history import Run, runs, stage_runs
from etl_core.locks import Lock
from etl_core.logs import log, run_id
from etl_core.warehouse import Receipts, open_warehouse

if TYPE_CHECKING:
    from etl_core.pipeline import Pipeline

_NOTES = 20  # that are kept of a run
_THIS_RUN = sa.update(runs).where(runs.c.run_id == sa.bindparam("this_run"))
_THIS_STAGE = sa.update(stage_runs).where(
    stage_runs.c.run_id == sa.bindparam("this_run"),
    stage_runs.c.stage == sa.bindparam("this_stage"),
    stage_runs.c.attempt == sa.bindparam("this_attempt"),
)


class ActiveRun:
    """A run that is under way: its stages, and their results for a look in between."""

    def __init__(self, pipeline: Pipeline, row: Run, lock: Lock, known_bad: bool) -> None:
        self.pipeline, self.run_id, self.interval = pipeline, row.run_id, row.interval
        self.extracted: Any = None
        self.transformed: Any = None
        self.receipts: Any = None
        self.closed = False
        self._row, self._lock, self._known_bad = row, lock, known_bad
        self._history = history.open_history()
        self._began = time.monotonic()
        self._attempts = dict.fromkeys(("extract", "transform", "load"), 0)
        self._log("started: %s by %s, attempt %d", row.interval, row.trigger, row.attempt)

    def extract(self) -> Any:
        """Read what has landed; returns what the pipeline's `extract` returns."""
        self.extracted = self._stage("extract", lambda: self.pipeline.extract(self.interval))
        return self.extracted

    def transform(self) -> Any:
        """Make rows of it; nothing outside the process changes."""
        self._need("transform", self.extracted, "extract")
        self.transformed = self._stage("transform", lambda: self.pipeline.transform(self.extracted), self.extracted)
        return self.transformed

    def load(self) -> Receipts:
        """Commit rows and receipts, and close the run as succeeded. Killed after the commit, it is found to be so."""
        self._need("load", self.transformed, "transform")
        self.receipts = self._stage("load", self._load, self.transformed)
        self._close(
            status="succeeded",
            rows_extracted=results.count(self.extracted),
            rows_loaded=self.receipts.rows,
            rows_rejected=self.receipts.rejected,
        )
        return self.receipts

    def finish(self) -> None:
        """All stages, in order."""
        self.extract()
        self.transform()
        self.load()

    def record(self) -> Run:
        """The history's row of this run, as this process wrote it."""
        return self._row

    def abandon(self, reason: str) -> None:
        """Close a run that will not be taken further as failed; its days stay pending."""
        self._close(status="failed", error=reason)

    def _load(self) -> Receipts:
        warehouse = open_warehouse().execution_options()  # an engine of its own for the listener to sit on
        event.listen(warehouse, "commit", lambda conn: faults.fire("load.before-commit"))
        self.pipeline.load(self.transformed, warehouse, self.run_id)
        faults.fire("load.after-commit")
        mine, days = running.receipts_left_by(self._row), len(self.interval.days)
        if len(mine.receipts) < days:
            raise PermanentError(
                f"load of pipeline {self.pipeline.name!r}: found receipts for {len(mine.receipts)} of {days} days; "
                f"call warehouse.write_receipts(conn, {self.pipeline.name!r}, …) for every day, in the transaction "
                "that loads it"
            )
        return mine  # what is in the warehouse, whatever the load says of it

    def _need(self, stage: str, result: Any, before: str) -> None:
        if result is None:
            raise EtlError(f"{stage}: this run has no {before} yet; call run.{before}() first")

    def _stage(self, stage: str, work: Callable[[], Any], given: Any = None) -> Any:
        if self.closed:
            raise EtlError(f"{stage}: run {self.run_id} has ended; begin another with start({str(self.interval)!r})")
        token = run_id.set(self.run_id)
        try:
            result = retry.call(
                lambda _: self._attempt(stage, work, given),
                self.pipeline.stage_retry,
                before_wait=lambda error, wait: self._log(
                    "%s failed (%s); trying again in %.1f s", stage, one_line(error), wait, level=logging.WARNING
                ),
            )
            if stage == "transform":
                self._take_note(results.notes(result))
            return result
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            run_id.reset(token)

    def _attempt(self, stage: str, work: Callable[[], Any], given: Any) -> Any:
        self._attempts[stage] += 1
        attempt, began = self._attempts[stage], time.monotonic()
        key = {"run_id": self.run_id, "stage": stage, "attempt": attempt}
        self._write(
            sa.insert(stage_runs), **key, status="running", started_at=datetime.now(UTC), rows_in=results.count(given)
        )

        def end(**found: Any) -> None:
            this = {"this_run": self.run_id, "this_stage": stage, "this_attempt": attempt}
            self._write(_THIS_STAGE, **this, duration_s=time.monotonic() - began, **found)

        try:
            faults.fire(stage)
            result = _not_exiting(stage, work)
            results.check(result, stage, self.pipeline.name)
        except BaseException as error:
            end(status="failed", error_type=type(error).__name__, error=str(error), traceback=_traceback(error))
            self._log("%s failed, attempt %d: %s", stage, attempt, one_line(error))
            raise
        end(status="succeeded", rows_out=results.count(result), rows_rejected=results.rejected(result))
        return result

    def _take_note(self, notes: list[str]) -> None:
        """Events of the run: `etl show` has them, and the log."""
        more = [f"and {len(notes) - _NOTES} more"] if len(notes) > _NOTES else []
        for note in notes[:_NOTES] + more:
            history.record_event("noted", note, self.pipeline.name, self.run_id)
            self._log("%s", note, level=logging.WARNING)

    def _fail(self, error: BaseException) -> None:
        """One transaction says that it failed and, for a scheduled run worth another try, when that will be.

        An error or Ctrl-C after the load's commit cannot take the rows back: then the run has succeeded, and says so.
        """
        if self._attempts["load"] and (loaded := self._committed()):
            error.add_note(f"The rows had been committed before this: run {self.run_id[:8]} is recorded as succeeded")
            self._close(**loaded)
            history.record_event("after the commit", one_line(error), self.pipeline.name, self.run_id)
            self._log("loaded, but after the commit: %s", one_line(error), level=logging.WARNING)
            return
        permanent = isinstance(error, Exception) and not retry.is_transient(error)
        given = consequences(self.pipeline, self._row, permanent, stopped=not isinstance(error, Exception))
        error.add_note(f"This is in the history: etl show {self.run_id[:8]}")
        self._close(
            status="failed",
            rows_extracted=results.count(self.extracted),
            error=f"{type(error).__name__}: {error}".strip(": "),
            traceback=_traceback(error),
            **given,
        )
        if given["blocked"] and not self._known_bad:
            tell(self.pipeline, self.record())

    def _committed(self) -> dict[str, Any] | None:
        try:
            return running.committed(self._row)
        except (EtlError, sa.exc.SQLAlchemyError) as problem:  # must not take the place of the error that led here
            self._log("cannot tell whether the load was committed: %s", one_line(problem), level=logging.WARNING)
            return None

    def _close(self, **found: Any) -> None:
        if self.closed:
            return
        self.closed = True
        open_runs.pop(self.run_id, None)
        ended = {"finished_at": datetime.now(UTC), "duration_s": time.monotonic() - self._began, **found}
        self._row = replace(self._row, **ended)
        try:
            self._write(_THIS_RUN, this_run=self.run_id, **ended)
        finally:
            self._lock.release()
        self._log("%s after %.2f s %s", found["status"], ended["duration_s"], found.get("error") or "")

    def _write(self, statement: sa.Executable, **values: Any) -> None:
        """Its own transaction: what has happened stays written, whatever happens next."""
        with self._history.begin() as conn:
            conn.execute(statement, values)

    def _log(self, message: str, *values: object, level: int = logging.INFO) -> None:
        token = run_id.set(self.run_id)
        log().log(level, message, *values)
        run_id.reset(token)


open_runs: dict[str, ActiveRun] = {}  # begun by start(), not ended yet


@atexit.register
def _abandon_all() -> None:
    for run in list(open_runs.values()):
        if run._row.pid == os.getpid():
            run.abandon("abandoned: the process ended before the run did")


def _not_exiting(stage: str, work: Callable[[], Any]) -> Any:
    """A stage that calls sys.exit would end the process as if all were well, and nobody would hear of it."""
    try:
        return work()
    except SystemExit as error:
        raise PermanentError(f"{stage} called sys.exit({error.code!r}); a stage returns or raises") from error


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))

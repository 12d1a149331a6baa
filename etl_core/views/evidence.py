"""What the report of a run is made of: its attempts, whether it is alive, who has loaded its days since, its rejected
lines. Read from the history, the locks and the warehouse; nothing is changed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from etl_core import history, running, warehouse
from etl_core.database import reading
from etl_core.errors import EtlError
from etl_core.history import Run, runs
from etl_core.pipeline import Pipeline

LONGEST = 2000  # characters of a rejected line that a report keeps
_UNANSWERED = (EtlError, sa.exc.SQLAlchemyError)  # the history can be read where the warehouse cannot, and may say why
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

    @property
    def place(self) -> str:
        """Where the first of them is."""
        return f"{self.example['flight_date']} line {self.example['source_line']}: "


def state_of(run: Run, timeout: float = Pipeline.run_timeout) -> str:
    """The status of a run; of one that is called running, 'overdue' (past `timeout` seconds) or 'died' if it is so."""
    if run.status != "running":
        return run.status
    if running.is_alive(run.run_id):
        return "overdue" if (datetime.now(UTC) - run.started_at).total_seconds() > timeout else "running"
    status = history.find(run.run_id).status  # it may have ended between the two looks
    return "died" if status == "running" else status


def attempts_of(run: Run) -> list[Run]:
    """The run, what it is a retry of, and its retries: `retry_of` names the attempt before, or the first one."""
    chain, known = {run.run_id: run}, 0
    while len(chain) > known:
        known = len(chain)
        before = [each.retry_of for each in chain.values() if each.retry_of]
        chain |= {each.run_id: each for each in _read(runs.c.run_id.in_(before) | runs.c.retry_of.in_(list(chain)))}
    return sorted(chain.values(), key=lambda each: each.started_at)


def loaded_by(run: Run) -> Run | None:
    """The later run that has loaded the same days, if all of them are loaded and not by this one."""
    try:
        receipts = warehouse.receipts_of(run.pipeline, run.interval.days).values()
    except _UNANSWERED:
        return None
    if len(receipts) < len(run.interval.days) or run.run_id in {receipt.run_id for receipt in receipts}:
        return None
    newest = max(receipts, key=lambda receipt: receipt.loaded_at)
    return next(iter(_read(runs.c.run_id == newest.run_id, runs.c.started_at > run.started_at)), None)


def unanswered() -> str:
    """Why the warehouse cannot be asked now; empty where it can."""
    try:
        warehouse.receipts_of("")
    except _UNANSWERED as error:
        return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return ""


def committed_by(run: Run) -> dict[str, Any]:
    """The rows that the receipts of a run tell of, by their names in the history; empty where there is none."""
    try:
        found = running.committed(run) or {}
    except _UNANSWERED:
        return {}
    return {name: value for name, value in found.items() if name != "status"}


def rejected_lines(run: Run) -> list[Rejected]:
    """The rejected lines of a run that are still there, by the kind of reason (its words before the colon)."""
    table = warehouse.metadata.tables["rejected_flights"]
    here = table.c.run_id == run.run_id, table.c.flight_date.between(run.interval.start, run.interval.last)
    columns = [table.c.flight_date, table.c.source_line, table.c.reason, sa.func.substr(table.c.row, 1, LONGEST)]
    chosen = sa.select(*columns).where(*here).order_by(table.c.flight_date, table.c.source_line)
    found: dict[str, Rejected] = {}
    try:
        with reading(warehouse.open_warehouse()) as conn:
            for day, line, reason, row in conn.execute(chosen):
                example = {"flight_date": str(day), "source_line": line, "reason": reason, "row": row}
                before = found.get(_kind(reason), Rejected(_kind(reason), 0, example))
                found[before.reason] = replace(before, count=before.count + 1)
    except _UNANSWERED:
        return []
    return sorted(found.values(), key=lambda each: -each.count)


def _read(*conditions: sa.ColumnElement[bool]) -> list[Run]:
    return history.read(sa.select(runs).where(*conditions).order_by(runs.c.started_at).limit(100))


def _kind(reason: str) -> str:
    """A reason without the value that was found: 'dep_time: found …, expected a time of day as HHMM, …'."""
    found, expected, more = reason.partition(", expected")
    return _VALUE.sub("…", found) + expected + more

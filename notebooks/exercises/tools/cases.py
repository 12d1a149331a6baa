"""A day as an operator finds it: what has landed, what is loaded, what was tried. For triage, exercise 9.1.

`case_of` looks at a day now. The cases of the exercise were made by it, of real runs that were killed, cut off
and retried (record_cases.py), and are kept in cases.json.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from etl_core import Pipeline, history, receipts_of, running
from etl_core.database import reading
from etl_core.history import last_runs, runs

RECORDED = Path(__file__).with_name("cases.json")
INSTANTS = ("now", "retry_at", "started_at", "finished_at")


def case_of(pipeline: Pipeline, day: date, now: datetime | None = None) -> dict[str, Any]:
    """What is known of a day: hashes are cut to eight characters, runs are newest first.

    A run's `content` is what had landed when it began: known of the newest, None of those before it.
    """
    receipt, found = receipts_of(pipeline.name, [day]).get(day), _runs(pipeline.name, day)
    newest = found[0] if found else None
    return {
        "day": day,
        "landed": _short(pipeline.hashes([day]).get(day)),
        "receipt": _short(receipt and receipt.source_hash),
        "runs": found,
        "retry_at": newest["retry_at"] if newest and newest["status"] == "failed" else None,
        "now": now or datetime.now(UTC),
    }


def recorded() -> dict[str, dict[str, Any]]:
    """The cases, by what is the matter; each call makes them anew."""
    return {name: _restored(case) for name, case in json.loads(RECORDED.read_text(encoding="utf-8")).items()}


def _runs(pipeline: str, day: date) -> list[dict[str, Any]]:
    content = sa.select(last_runs.c.run_id, last_runs.c.source_hash).where(last_runs.c.pipeline == pipeline)
    chosen = sa.select(runs).where(runs.c.pipeline == pipeline, runs.c.interval_start == day)
    with reading(history.open_history()) as conn:
        known = {row.run_id: row.source_hash for row in conn.execute(content)}
        found = conn.execute(chosen.order_by(runs.c.started_at.desc())).all()
    return [
        {
            "run_id": run.run_id,
            "status": run.status,
            "alive": running.is_alive(run.run_id) if run.status == "running" else None,
            "attempt": run.attempt,
            "permanent": run.permanent,
            "error": run.error,
            "content": _short(known.get(run.run_id)),
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "retry_at": run.retry_at,
        }
        for run in found
    ]


def _short(content: str | None) -> str | None:
    return content[:8] if content else None


def _restored(case: dict[str, Any]) -> dict[str, Any]:
    """JSON back to dates and instants."""
    found: dict[str, Any] = {}
    for name, value in case.items():
        if name in INSTANTS and value:
            value = datetime.fromisoformat(value)
        elif name == "day":
            value = date.fromisoformat(value)
        elif name == "runs":
            value = [_restored(run) for run in value]
        found[name] = value
    return found

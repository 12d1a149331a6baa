"""A thin package for orchestrating ETL pipelines: stages, retries, history, schedules, and no service to start.

    from etl_core import flights
    flights.run("2013-01-15")

What a notebook needs can be imported from here; modules are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_WHERE = {
    "flights": "nycflights",
    "Pipeline": "pipeline",
    "Interval": "interval",
    "parse_day": "interval",
    "RetryPolicy": "retry",
    "is_transient": "retry",
    "pending": "backlog",
    "pending_days": "backlog",
    "backfill": "backlog",
    "query": "warehouse",
    "open_warehouse": "warehouse",
    "write_receipts": "warehouse",
    "receipts_of": "warehouse",
    "landed": "stages.landing",
    "extract": "stages.extract",
    "transform": "stages.transform",
    "load": "stages.load",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f"etl_core.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'etl_core' has no attribute {name!r}")

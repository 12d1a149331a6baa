"""Schedules that survive: APScheduler in this process, its jobs and retries in `jobs.db`, what happened in the history.

from etl_core.scheduling import get_scheduler

scheduler = get_scheduler().start()
scheduler.add_schedule(flights, every=10)
scheduler.stop()
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_WHERE = {"get_scheduler": "scheduler", "stored_schedules": "store"}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

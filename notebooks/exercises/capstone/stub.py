"""The weather, hour by hour, as a pipeline of its own."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from etl_core import Interval, Pipeline, settings

# What is measured each hour. The table is to have these columns (numbers, and NULL where the
# file has NA), `origin` (the airport) and `hour` (UTC, as text YYYY-MM-DD HH:MM:SS). Which
# columns make its key, and what else is in it, is up to you.
MEASURED = ["temp", "wind_speed", "wind_gust", "precip", "visib"]


def folder() -> Path:
    """Where the weather lands: a file a day, 2013-01-15.csv, for all three airports."""
    return Path(settings.current().landing) / "weather"


def landed() -> dict[date, str]:
    """Each day that has landed -> a hash of its content."""
    ...


def extract(interval: Interval) -> Any:
    """What the files of `interval.days` hold."""
    ...


def transform(extracted: Any) -> Any:
    """The rows to load, and what `load` needs for the receipts."""
    ...


def load(transformed: Any, warehouse: sa.Engine, run_id: str) -> None:
    """Make the days' rows in the table `weather` equal to these, with their receipts.

    All of it is one transaction: `with warehouse.begin() as conn:`. The receipts come last:
    `etl_core.write_receipts(conn, NAME OF THE PIPELINE, run_id, receipts)`, where `receipts` is
    day -> (content hash as `landed` gives it, rows loaded, rows rejected).
    """
    ...


weather = Pipeline("weather", landed, extract, transform, load)

"""The world of lesson 7: real files that land night by night, a tick at six, and an outage."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

import etl_core
from etl_core.scheduling.simulate import Span, simulate
from exercises.tools.landing import copy_days

NEW_YORK = ZoneInfo("America/New_York")
LANDED = [date(2013, 1, day) for day in range(8, 18)]


def ten_days(
    folder: Path, job: Callable[[datetime], object], outages: Sequence[Span]
) -> tuple[pd.DataFrame, dict[date, date]]:
    """Call `job(scheduled)` at six in New York from 9 to 18 January 2013, in virtual time; each day's file lands in the
    night after it. Returns what `simulate` tells, and for each day that was loaded the day of the tick that did it.

    `folder` becomes ETL_HOME, and `folder / "landing"` ETL_LANDING; they stay so.
    """
    os.environ["ETL_HOME"], os.environ["ETL_LANDING"] = str(folder), str(folder / "landing")
    loaded: dict[date, date] = {}

    def tick(name: str, scheduled: datetime) -> None:
        today = scheduled.astimezone(NEW_YORK).date()
        copy_days(folder / "landing", *(day for day in LANDED if day < today))
        job(scheduled)
        for day in etl_core.receipts_of("flights"):
            loaded.setdefault(day, today)

    span = {"start": datetime(2013, 1, 9), "end": datetime(2013, 1, 19), "timezone": NEW_YORK.key}
    return simulate({folder.name: "0 6 * * *"}, **span, outages=outages, job=tick), loaded

"""The weather, hour by hour, as a pipeline of its own."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from etl_core import Interval, Pipeline, settings, write_receipts

MEASURED = ["temp", "wind_speed", "wind_gust", "precip", "visib"]
COLUMNS = ["day", "origin", "hour", *MEASURED]
TABLE = """CREATE TABLE IF NOT EXISTS weather (
    day TEXT, origin TEXT, hour TEXT, temp REAL, wind_speed REAL, wind_gust REAL, precip REAL, visib REAL,
    PRIMARY KEY (origin, hour)
)"""
INSERT = "INSERT INTO weather VALUES (:day, :origin, :hour, :temp, :wind_speed, :wind_gust, :precip, :visib)"


def folder() -> Path:
    """Where the weather lands."""
    return Path(settings.current().landing) / "weather"


def landed() -> dict[date, str]:
    """The weather's own files decide: what has not arrived is not there yet, and no error."""
    return {date.fromisoformat(file.stem): sha256(file.read_bytes()).hexdigest() for file in folder().glob("*.csv")}


def extract(interval: Interval) -> dict[date, bytes]:
    """Day -> the bytes of its file."""
    return {day: (folder() / f"{day}.csv").read_bytes() for day in interval.days}


def transform(files: dict[date, bytes]) -> dict[date, tuple[str, list[dict]]]:
    """Day -> content hash and rows. The hour is `time_hour`, UTC: the local hour comes twice on 3 November."""
    return {day: (sha256(content).hexdigest(), rows_of(day, content)) for day, content in files.items()}


def rows_of(day: date, content: bytes) -> list[dict]:
    """One row for each line, with None where nothing was measured."""
    frame = pd.read_csv(BytesIO(content))
    hour = pd.to_datetime(frame.time_hour, utc=True).dt.strftime("%Y-%m-%d %H:%M:%S")
    frame = frame.assign(day=str(day), hour=hour)[COLUMNS].astype(object)
    return frame.where(frame.notna(), None).to_dict("records")


def load(days: dict[date, tuple[str, list[dict]]], warehouse: sa.Engine, run_id: str) -> None:
    """Delete, insert, receipts: one transaction."""
    with warehouse.begin() as conn:
        conn.execute(sa.text(TABLE))
        for day, (_, rows) in days.items():
            conn.execute(sa.text("DELETE FROM weather WHERE day = :day"), {"day": str(day)})
            if rows:
                conn.execute(sa.text(INSERT), rows)
        counts = {day: (content, len(rows), 0) for day, (content, rows) in days.items()}
        write_receipts(conn, "weather", run_id, counts)


weather = Pipeline("weather", landed, extract, transform, load)

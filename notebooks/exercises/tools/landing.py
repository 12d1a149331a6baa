"""Days as they land: the workbook's own, and small ones made up."""

from __future__ import annotations

import csv
import shutil
from datetime import date
from pathlib import Path

from etl_core import settings

HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,dest,"
    "air_time,distance,hour,minute,time_hour"
).split(",")


def flights_file(day: date | str) -> Path:
    return settings.REPOSITORY / "data" / "landing" / "flights" / f"{day}.csv"


def weather_file(day: date | str) -> Path:
    return settings.REPOSITORY / "data" / "landing" / "weather" / f"{day}.csv"


def cells(path: Path) -> dict[int, dict[str, str]]:
    """Line number -> column -> text, as the csv module reads them; the header is line 1, blank lines are left out."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows)
        return dict((rows.line_num, dict(zip(header, row, strict=True))) for row in rows if row)  # noqa: C402


def line(**columns: object) -> str:
    """A flights line of 15 January as it should be; name the columns that are to differ."""
    usual = ("2013,1,15,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-15T10:00:00Z").split(",")
    row = {**dict(zip(HEADER, usual, strict=True)), **{name: str(value) for name, value in columns.items()}}
    return ",".join(row.values())


def write(path: Path, *lines: str, header: str = ",".join(HEADER)) -> Path:
    """A file of a header and lines, each ended by a newline."""
    path.write_text("".join(f"{text}\n" for text in (header, *lines)), encoding="utf-8", newline="")
    return path


def copy_days(folder: Path, *days: date | str) -> Path:
    """A landing zone of its own in `folder`, with real days in it that may be broken; a day's weather if there is."""
    for day in days:
        for file in (flights_file(day), weather_file(day)):
            target = folder / file.parent.name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.exists():
                shutil.copyfile(file, target)
    return folder

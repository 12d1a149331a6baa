"""What a reader's weather.py does, seen in a process of its own: loads, a correction, kills, a repeated hour, a gap."""

from __future__ import annotations

import importlib.util
import os
import re
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from etl_core import Interval, Pipeline, RetryPolicy, database, open_warehouse, receipts_of, write_receipts
from exercises.tools.crash import engine_images
from exercises.tools.landing import flights_file, weather_file

MEASURED = ["temp", "wind_speed", "wind_gust", "precip", "visib"]
FIRST, SECOND, CLOCKS, BEFORE, LATE = (
    date(2013, 1, 22), date(2013, 1, 23), date(2013, 11, 3), date(2013, 12, 30), date(2013, 12, 31),
)  # fmt: skip
TABLE = "SELECT hour, origin, temp, wind_speed, wind_gust, precip, visib FROM weather"
REPEATED = ("2013-11-03 05:00:00", "2013-11-03 06:00:00")  # both are one o'clock in New York


class Over(Exception):
    """What was seen is enough."""


def observe(path: str, folder: str) -> dict[str, Any]:
    """Try the pipeline `weather` in the module at `path`; `folder` is empty. What is seen, by name:

    `failures`: (case, detail), in order; `raised`: (case, error, line) where it raised; and what the messages of 9.3
    ask for. This process's environment is changed: call it in a child.
    """
    seen: dict[str, Any] = {"failures": []}
    for name in [name for name in os.environ if name.startswith("ETL_")]:
        del os.environ[name]
    os.environ["ETL_HOME"], os.environ["ETL_LANDING"] = str(Path(folder, "home")), str(Path(folder, "landing"))
    database.BUSY_TIMEOUT = 1  # a second connection that waits for the first would wait for ever
    try:
        _Observer(seen, Path(folder)).all_of_it(path)
    except Over:
        pass
    return seen


class _Observer:
    def __init__(self, seen: dict[str, Any], folder: Path) -> None:
        self.seen, self.landing = seen, folder / "landing"
        self.images, self.warehouse = folder / "images", folder / "home" / "warehouse.db"
        for kind, days in {"weather": [FIRST, SECOND, CLOCKS, BEFORE], "flights": [FIRST, BEFORE, LATE]}.items():
            (self.landing / kind).mkdir(parents=True)
            for day in days:
                source = weather_file(day) if kind == "weather" else flights_file(day)
                (self.landing / kind / f"{day}.csv").write_bytes(source.read_bytes())

    def all_of_it(self, path: str) -> None:
        self.pipeline = self._imported(path)
        self._what_has_landed()
        with open_warehouse().begin() as conn:
            write_receipts(conn, "flights", "the flights' own run", {FIRST: ("their content", 890, 0)})
        self._run([FIRST, SECOND], "22 and 23 January, in one run", "first")
        self._run([FIRST, SECOND], "the same two days again", "again")
        self._run([CLOCKS], "3 November, whose hour from one to two comes twice", "clocks")
        if not self.seen["failures"]:  # else old and new could not be told apart
            self._corrected()
        self._late()

    # ---- the steps

    def _imported(self, path: str) -> Pipeline:
        spec = importlib.util.spec_from_file_location("weather", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules["weather"] = module
        self._do("importing your file", lambda: spec.loader.exec_module(module))
        found = getattr(module, "weather", None)
        if not isinstance(found, Pipeline):
            self._stop("your file", "there is no `weather = Pipeline(…)` in it")
        if found.name != "weather":
            self._stop("your file", f"expected a pipeline named 'weather', found {found.name!r}")
        return replace(found, stage_retry=RetryPolicy(1, 0, 0), on_failure=None)

    def _what_has_landed(self) -> None:
        case = "weather of 22 and 23 January, 3 November and 30 December has landed"
        self.hashes = self._do(case, self.pipeline.landed)
        if not isinstance(self.hashes, dict):
            self._stop(case, f"expected landed() to return a dict, day -> hash; got {self.hashes!r}")
        days = set(self.hashes)
        self.seen["ghost"] = LATE in days
        if days - {LATE} != {FIRST, SECOND, CLOCKS, BEFORE}:
            self._stop(case, f"landed() names {', '.join(sorted(map(str, days))) or 'no day'}")

    def _run(self, days: list[date], case: str, name: str) -> None:
        """One run; afterwards the table has to be what the files say of all days that were loaded so far."""
        self.loaded = sorted({*getattr(self, "loaded", []), *days})
        interval = Interval.of(days[0], days[-1])
        run = self._do(case, lambda: self.pipeline.attempt(interval))
        got = self._table() if run.status == "succeeded" else Counter()
        want = self._files(self.loaded)
        self.seen[name] = {"status": run.status, "error": run.error, "rows": got.total(), "right": want.total()}
        lost = want - got
        self.seen[name]["na_gone"] = got.total() > 0 and all(row[5] is not None for row in got)  # wind_gust
        self.seen[name]["lost_hours"] = sorted({row[1] for row in lost})
        self.seen[name]["lost_days"] = sorted({str(row[0]) for row in lost})
        theirs = receipts_of("flights", [FIRST]).get(FIRST)
        self.seen["flights_receipt"] = (
            self.seen.get("flights_receipt") or not theirs or theirs.source_hash != "their content"
        )
        if run.status != "succeeded":
            self._raised(case, run.error or run.status, run.traceback or "")
        if got != want:
            self._fail(case, _difference(got, want))
        if self.seen["flights_receipt"]:
            self._fail(case, "the receipt that the flights pipeline has for 22 January is no longer what it was")

    def _corrected(self) -> None:
        """Killed at each moment of loading a corrected 22 January: the old day, or the new one."""
        case = "a corrected 22 January: an hour withdrawn, a temperature changed"
        old = self._files(self.loaded)
        file = self.landing / "weather" / f"{FIRST}.csv"
        lines = file.read_text(encoding="utf-8").splitlines()
        cells = lines[5].split(",")
        cells[5] = "11.5"
        file.write_text("\n".join([*lines[:5], ",".join(cells), *lines[6:-1]]) + "\n", encoding="utf-8")
        new = self._files(self.loaded)
        before, after = self.hashes[FIRST], self._do(case, self.pipeline.landed).get(FIRST)
        self.seen["same_hash"] = before == after
        if before == after:
            self._fail(case, "landed() gives the same hash as before the correction, so nobody would load it again")
        with engine_images(database.engine(f"sqlite:///{self.warehouse}"), self.warehouse, self.images) as images:
            self._run([FIRST], case, "corrected")
        kinds = {frozenset(old.items()): "old", frozenset(new.items()): "new"}
        for path, statement in zip(images.paths, images.before, strict=True):
            rows = kinds.get(frozenset(self._table(path).items()), "mixed")
            receipt = {before: "old", after: "new"}.get(self._receipt(path), "no")
            if (rows, receipt) not in (("old", "old"), ("new", "new")) and not self.seen["same_hash"]:
                self.seen.update(torn=True, data=rows, receipt=receipt)
                moment = " ".join(statement.split())[:60]
                self._stop(f"{case}; killed before `{moment}`", f"found {rows} rows under the {receipt} receipt")

    def _late(self) -> None:
        """31 December: no file, which is no error; then it comes."""
        if self.seen["ghost"]:
            run = self._do("31 December", lambda: self.pipeline.attempt(Interval.of(LATE)))
            self.seen["ghost_error"] = run.error or run.status
            case = "31 December, of which flights have landed and no weather"
            self._fail(case, "landed() names the day, although there is nothing to load")
        text = weather_file(BEFORE).read_text(encoding="utf-8")
        text = re.sub(r"2013-12-31T", "2014-01-01T", text)
        text = re.sub(r"2013-12-30T", "2013-12-31T", text).replace(",2013,12,30,", ",2013,12,31,")
        (self.landing / "weather" / f"{LATE}.csv").write_text(text, encoding="utf-8")
        case = "31 December, whose file came late"
        if LATE not in self._do(case, self.pipeline.landed):
            self._stop(case, "landed() does not name the day")
        self._run([LATE], case, "late")

    # ---- looking

    def _table(self, path: Path | None = None) -> Counter:
        """(day, hour, airport, measurements) -> how often it is in the table; hours as UTC text."""
        with closing(sqlite3.connect(path or self.warehouse)) as conn:
            try:
                rows = conn.execute(TABLE).fetchall()
            except sqlite3.OperationalError as error:
                if path:  # before the first load there is none
                    return Counter()
                self._stop("reading the table `weather`", f"{error}; expected the columns origin, hour, {MEASURED}")
        frame = pd.DataFrame(rows, columns=["hour", "origin", *MEASURED])
        try:
            frame["hour"] = pd.to_datetime(frame.hour, utc=True, format="mixed")
        except (ValueError, TypeError) as error:
            self._stop("reading the table `weather`", f"an hour cannot be read: {error}")
        return _counted(frame)

    def _files(self, days: list[date]) -> Counter:
        files = [pd.read_csv(self.landing / "weather" / f"{day}.csv") for day in days]
        frame = pd.concat(files)
        return _counted(frame.assign(hour=pd.to_datetime(frame.time_hour, utc=True)))

    def _receipt(self, path: Path) -> str | None:
        with closing(sqlite3.connect(path)) as conn:
            chosen = "SELECT source_hash FROM receipts WHERE pipeline = 'weather' AND flight_date = ?"
            found = conn.execute(chosen, (str(FIRST),)).fetchone()
        return found[0] if found else None

    # ---- saying

    def _do(self, case: str, work: Any) -> Any:
        try:
            return work()
        except Exception as error:
            import traceback

            text = "".join(traceback.format_exception(error))
            self._raised(case, f"{type(error).__name__}: {error}", text)

    def _raised(self, case: str, error: str, trace: str) -> None:
        lines = re.findall(r'File "[^"]*weather\w*\.py", line (\d+), in .*\n\s+(.*)', trace)
        at = f"line {lines[-1][0]} of your file: {lines[-1][1].strip()}" if lines else ""
        self.seen["raised"] = (case, error.splitlines()[0], at)
        raise Over

    def _fail(self, case: str, detail: str) -> None:
        self.seen["failures"].append((case, detail))

    def _stop(self, case: str, detail: str) -> None:
        self._fail(case, detail)
        raise Over


def _counted(frame: pd.DataFrame) -> Counter:
    day = frame.hour.dt.tz_convert("America/New_York").dt.date.astype(str)
    hour = frame.hour.dt.strftime("%Y-%m-%d %H:%M:%S")
    values = frame[MEASURED].astype(float).astype(object)
    columns = [values[name].where(values[name].notna(), None) for name in MEASURED]
    return Counter(zip(day, hour, frame.origin, *columns, strict=True))


def _difference(got: Counter, want: Counter) -> str:
    if got.total() != want.total():
        return f"expected {want.total()} rows in the table, found {got.total()}"
    lacking, extra = next(iter(want - got)), next(iter(got - want))
    names = ["hour", "origin", *MEASURED]
    return (
        f"expected a row {dict(zip(names, lacking[1:], strict=True))}; one that should not be there is "
        f"{dict(zip(names, extra[1:], strict=True))}"
    )

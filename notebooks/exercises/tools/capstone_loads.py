"""Runs of a reader's weather.py, each looked at afterwards: the table, the receipts, and what a failure comes from.

Where a sign may have more than one cause, the same is done again with one thing changed: in an empty table, or with
the file imported anew. It ends at the first thing that is wrong.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from etl_core import Interval, Pipeline, RetryPolicy, receipts_of
from etl_core.history import Run
from exercises.tools import capstone_kinds as kinds
from exercises.tools.capstone_marks import Marks, emptied
from exercises.tools.capstone_rows import Comparison, Row, Unreadable, in_files, in_table
from exercises.tools.capstone_said import NOTHING, Said, cut, giving, short

FIRST, SECOND, SUMMER, CLOCKS, BEFORE, LATE = (
    date(2013, 1, 22), date(2013, 1, 23), date(2013, 7, 4), date(2013, 11, 3), date(2013, 12, 30), date(2013, 12, 31),
)  # fmt: skip
HERE = {FIRST, SECOND, SUMMER, CLOCKS, BEFORE}
THEIRS = "their content"  # the hash in the flights' receipt


class Loads(Said):
    """The pipeline of the file at `path`, the days that it has loaded, and a landing zone of a few days."""

    def __init__(self, path: str, folder: Path) -> None:
        super().__init__()
        self.path, self.landing = path, folder / "landing"
        self.warehouse = folder / "home" / "warehouse.db"
        self.loaded: set[date] = set()

    def _imported(self) -> Pipeline:
        spec = importlib.util.spec_from_file_location("weather", self.path)
        module = importlib.util.module_from_spec(spec)
        sys.modules["weather"] = module
        self.do("importing your file", lambda: spec.loader.exec_module(module))
        found = getattr(module, "weather", None)
        if not isinstance(found, Pipeline):
            self.stop("your file", "there is no `weather = Pipeline(…)` in it")
        if found.name != "weather":
            self.stop("your file", f"expected a pipeline named 'weather', found {found.name!r}")
        given = {name: giving(name, getattr(found, name)) for name in ("extract", "transform")}
        return replace(found, stage_retry=RetryPolicy(1, 0, 0), on_failure=None, **given)

    def _load(
        self, days: list[date], case: str, kind_of: Callable[[Comparison], dict[str, Any]], marked: bool = True
    ) -> None:
        """One run; afterwards the table has to be what the files say of all days that were loaded so far."""
        others = self.loaded - {*days}
        marks, before = Marks(self.warehouse, others if marked else ()), receipts_of("weather", others)
        self.loaded |= {*days}
        self.seen["loading"] = kinds.named(days) + (" in one run" if len(days) > 1 else "")
        run = self.do(case, lambda: self._run(days))
        theirs = receipts_of("flights", [FIRST]).get(FIRST)
        if theirs is None or theirs.source_hash != THEIRS:
            detail = "the receipt that the flights pipeline has for 22 January is no longer what it was"
            self.stop(case, detail, kind="flights_receipt")
        if run.status != "succeeded":
            self._failed(case, run, kind_of)
        self._table(case)  # can it be read at all?
        lost = marks.lost()
        if found := Comparison(self._table(case), self._wanted()):
            self._different(case, found, kind_of)
        now = receipts_of("weather", others)
        if touched := sorted({*lost, *(day for day in others if now.get(day) != before.get(day))}):
            what = f"the {'rows' if now == before else 'receipts'} of {kinds.named(touched)}"
            kind = "keeps_days" if self._alone(days, touched) else ""
            self.stop(case, f"{what} were written again by this run, which is not for them", kind=kind, touched=what)
        self._receipts(days, case)

    def _run(self, days: list[date]) -> Run:
        return self.pipeline.attempt(Interval.of(days[0], days[-1]))

    def _wanted(self) -> list[Row]:
        return in_files(map(self._file, sorted(self.loaded)))

    def _different(self, case: str, found: Comparison, kind_of: Callable[..., dict[str, Any]]) -> NoReturn:
        """The table is not what the files say: why, as far as it can be told."""
        told = kind_of(found)
        if told.get("kind") == "again" and not self._in_the_way():
            told = self._kept_in_memory()
        if told.get("kind") == "kept_old" and not self._remembered():
            told = {"kind": "passed_over"}
        early = sorted({row.day for row in found.extra} & (HERE - self.loaded))
        if early and not told:
            self.stop(case, f"there are rows of {kinds.named(early)}, which this run is not for")
        self.stop(case, str(found), **told)

    def _failed(self, case: str, run: Run, kind_of: Callable[..., dict[str, Any]]) -> NoReturn:
        """A run that failed: why, as far as its error tells it."""
        error, trace = run.error or run.status, run.traceback or ""
        told, days = short(error), [*run.interval.days]
        if NOTHING in error:
            self.stop(case, told.partition(": ")[2])
        if "locked by another process" in error or "database is locked" in error:
            self.raised(case, error, trace, kind="waits_for_itself")
        if "UNIQUE constraint failed: weather." in error and kind_of is kinds.clocks:
            self.raised(case, error, trace, kind="clocks", how=told)
        if "UNIQUE constraint failed: weather." in error and kind_of is kinds.again:
            seen = {"kind": "again", "how": told} if self._in_the_way() else self._kept_in_memory()
            self.raised(case, error, trace, **seen)
        if "write_receipts of pipeline" in error:
            how = error.partition(": found ")[2].partition(", expected")[0]
            self.raised(case, error, trace, kind="order", how=how[:200])
        if "found receipts for" in error:  # the pipeline's own, not raised by the reader's code
            rows = self._table(case, or_none=True)
            if not rows and not receipts_of("weather"):
                self.stop(case, told, kind="nothing_kept")
            none = "" if {row.day for row in rows} & {*days} else f"there is no row of {kinds.named(days)}; "
            told = none + told.partition(": ")[2]
            self.stop(case, told, **kinds.lost_days(Comparison(rows, self._wanted()), days))
        self.raised(case, error, trace)

    # ---- what is behind it: the same again, with one thing changed

    def _in_the_way(self) -> bool:
        """Is it the rows of before, as the same load goes well where there are none?"""
        emptied(self.warehouse)
        return self._goes_well([FIRST, SECOND])

    def _kept_in_memory(self) -> dict[str, Any]:
        """The same load fails in an empty table, too: does it go well once the reader's file is imported anew?"""
        emptied(self.warehouse)
        self.pipeline = self._imported()
        return {"kind": "keeps_rows"} if self._goes_well([FIRST, SECOND]) else {}

    def _remembered(self) -> bool:
        """Does the correction arrive once the reader's file is imported anew?"""
        self.pipeline = self._imported()
        return self._goes_well([FIRST, SECOND])

    def _alone(self, days: list[date], touched: list[date]) -> bool:
        """Does a run of these days leave the others alone once the reader's file is imported anew?"""
        self.pipeline, before = self._imported(), receipts_of("weather", touched)
        marks = Marks(self.warehouse, touched)
        went = self._run(days).status
        return went == "succeeded" and not marks.lost() and receipts_of("weather", touched) == before

    def _goes_well(self, days: list[date]) -> bool:
        return self._run(days).status == "succeeded" and not Comparison(in_table(self.warehouse), self._wanted())

    def _receipts(self, days: list[date], case: str) -> None:
        """What the receipts say is what landed() gives and what is in the table."""
        hashes, receipts, table = self._landed(case), receipts_of("weather", days), self._table(case)
        for day in days:
            if day not in hashes:
                detail = f"landed() does not name {day} once it is loaded: nobody would see a correction"
                self.stop(case, detail)
            one, rows, landed = receipts[day], sum(row.day == day for row in table), hashes[day]
            if one.source_hash != landed:
                both = {"theirs": cut(one.source_hash), "landed": cut(landed)}
                detail = f"the receipt of {day} has {one.source_hash!r}, landed() gives {landed!r}"
                self.stop(case, detail, kind="other_hash", day=str(day), **both)
            if (one.rows_loaded, one.rows_rejected) != (rows, 0):
                self.seen.update(day=str(day), said=one.rows_loaded, rows=rows)
                detail = f"the receipt of {day}: {one.rows_loaded} rows loaded, {one.rows_rejected} rejected; "
                kind = "miscounted" if one.rows_loaded != rows else ""
                self.stop(case, f"{detail}there are {rows} in the table, and no line is bad", kind=kind)

    # ---- looking

    def _file(self, day: date, kind: str = "weather") -> Path:
        return self.landing / kind / f"{day}.csv"

    def _landed(self, case: str) -> dict[date, Any]:
        return self.do(case, self.pipeline.landed)

    def _table(self, case: str, or_none: bool = False) -> list[Row]:
        """The rows; with `or_none` there need not be such a table."""
        try:
            return in_table(self.warehouse)
        except Unreadable as error:
            if or_none and error.kind == "table":
                return []
            self.stop(case, str(error), kind=error.kind, column=error.column, found=repr(error.found))

"""What a reader's weather.py does, seen in a process of its own: loads, a correction, kills, a repeated hour, a gap.

The first thing that is wrong ends it, and what is said of it rests on that alone: a `kind` is named only where what was
seen is that and can be nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

from etl_core import Interval, database, open_warehouse, write_receipts
from exercises.tools import capstone_kinds as kinds
from exercises.tools.capstone_images import judged
from exercises.tools.capstone_loads import BEFORE, CLOCKS, FIRST, HERE, LATE, SECOND, SUMMER, THEIRS, Loads
from exercises.tools.capstone_rows import in_files
from exercises.tools.capstone_said import Over, short
from exercises.tools.crash import engine_images
from exercises.tools.landing import flights_file, weather_file

ELSEWHERE = (
    "import json, runpy, sys; found = runpy.run_path(sys.argv[1])['weather'].landed(); "
    "print(); print(json.dumps({str(day): repr(content) for day, content in found.items()}))"
)


def observe(path: str, folder: str) -> dict[str, Any]:
    """Try the pipeline `weather` in the module at `path`; `folder` is empty. What is seen, by name:

    `failure`: (case, detail, error), where something is wrong; `error` is what the reader's code raised, if it did.
    `kind`: which of the known mistakes it is, if it is one, with what its message asks for.
    This process's environment is changed: call it in a child.
    """
    for name in [name for name in os.environ if name.startswith("ETL_")]:
        del os.environ[name]
    os.environ["ETL_HOME"], os.environ["ETL_LANDING"] = str(Path(folder, "home")), str(Path(folder, "landing"))
    database.BUSY_TIMEOUT = 1  # a second connection that waits for the first would wait for ever
    observer = _Observer(path, Path(folder))
    with contextlib.suppress(Over):
        observer.all_of_it()
    return observer.seen


class _Observer(Loads):
    def __init__(self, path: str, folder: Path) -> None:
        super().__init__(path, folder)
        self.images = folder / "images"
        for kind, days in {"weather": sorted(HERE), "flights": [FIRST, BEFORE, LATE]}.items():
            (self.landing / kind).mkdir(parents=True)
            for day in days:
                source = weather_file(day) if kind == "weather" else flights_file(day)
                self._file(day, kind).write_bytes(source.read_bytes())

    def all_of_it(self) -> None:
        self.pipeline = self._imported()
        self._what_has_landed()
        with open_warehouse().begin() as conn:
            write_receipts(conn, "flights", "the flights' own run", {FIRST: (THEIRS, 890, 0)})
        self._load([FIRST, SECOND], "22 and 23 January, in one run", kinds.first)
        self._load([FIRST, SECOND], "the same two days a second time", kinds.again)
        self._load([SUMMER], "4 July, in New York's summer", kinds.summer)
        self._load([CLOCKS], "3 November, whose hour from one to two comes twice", kinds.clocks)
        self._load([SECOND], "23 January once more, by itself", kinds.alone)
        self._corrected()
        self._locked()
        self._late()
        self._once_more()

    # ---- the steps

    def _what_has_landed(self) -> None:
        case = "weather of 22 and 23 January, 4 July, 3 November and 30 December has landed, and none of 31 December"
        found = self._landed(case)
        if not isinstance(found, Mapping):
            self.stop(case, f"expected landed() to return a dict, day -> hash; got {found!r:.100}")
        if odd := [key for key in found if type(key) is not date]:
            kind = type(odd[0])
            self.stop(case, f"the keys of landed() are {kind.__module__}.{kind.__name__}, expected datetime.date")
        if odd := [value for value in found.values() if not isinstance(value, str)]:
            self.stop(case, f"the hashes of landed() are {type(odd[0]).__name__}, expected text, str: {odd[0]!r:.60}")
        if set(found) - {LATE} != HERE:
            days = sorted(map(str, found))
            named = ", ".join(days) if len(days) < 8 else f"{len(days)} days, from {days[0]} to {days[-1]}"
            self.stop(case, f"landed() names {named or 'no day'}; the files are in `settings.current().landing`")
        self.seen["ghost"] = LATE in found

    def _corrected(self) -> None:
        """Killed at each moment of loading a corrected 22 January: the old day, or the new one."""
        case = "a corrected 22 January: an hour withdrawn, a temperature changed"
        before, old = self._landed(case)[FIRST], in_files(map(self._file, sorted(self.loaded)))
        lines = self._file(FIRST).read_text(encoding="utf-8").splitlines()
        cells = lines[5].split(",")
        cells[5] = "11.5"
        text = "\n".join([*lines[:5], ",".join(cells), *lines[6:-1]]) + "\n"
        self._file(FIRST).write_text(text, encoding="utf-8")
        after, new = self._landed(case)[FIRST], in_files(map(self._file, sorted(self.loaded)))
        if before == after:
            detail = "landed() gives the same hash as before the correction, so nobody would load it again"
            self.stop(case, detail, kind="same_hash")
        withdrawn = {row.key for row in old} - {row.key for row in new}
        with engine_images(database.engine(f"sqlite:///{self.warehouse}"), self.warehouse, self.images) as images:
            # the same interval as before: what remembers its result by that does not read again
            self._load([FIRST, SECOND], case, lambda found: kinds.corrected(found, withdrawn, old), marked=False)
        for path, statement in zip(images.paths, images.before, strict=True):
            if torn := judged(path, FIRST, {before: old, after: new}):
                moment = " ".join(statement.split())[:60]
                self.stop(f"{case}; killed before `{moment}`", f"it leaves {torn}", kind="torn", torn=torn)

    def _locked(self) -> None:
        """Another program has the database: the error has to leave the load, so that the run is tried again."""
        case = "23 January once more, while another program holds the database"
        with closing(sqlite3.connect(self.warehouse, timeout=15, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            run = self.do(case, lambda: self._run([SECOND]))
            other.execute("ROLLBACK")
        if run.status == "failed" and run.permanent is False:
            return
        told = short(run.error or run.status)
        if "found receipts for" in told:
            how = told.partition(";")[0].rpartition(": ")[2]
            self.stop(case, f"your load returned, and the run {how}", kind="swallows", how=how)
        detail = f"the error 'database is locked' was to leave your load as it is, and be tried again; the run: {told}"
        self.stop(case, detail)

    def _late(self) -> None:
        """31 December: no file, which is no error; then it comes."""
        if self.seen["ghost"]:
            run = self.do("31 December", lambda: self.pipeline.attempt(Interval.of(LATE)))
            how = f"Its run fails: {short(run.error or '')}" if run.error else "Its run succeeds, with nothing to load"
            case = "31 December, of which flights have landed and no weather"
            self.stop(case, "landed() names the day, although there is nothing to load", kind="ghost", how=how)
        text = weather_file(BEFORE).read_text(encoding="utf-8")
        text = re.sub(r"2013-12-31T", "2014-01-01T", text)
        text = re.sub(r"2013-12-30T", "2013-12-31T", text).replace(",2013,12,30,", ",2013,12,31,")
        self._file(LATE).write_text(text, encoding="utf-8")
        case = "31 December, whose file came late"
        if LATE not in self._landed(case):
            self.stop(case, "landed() does not name the day")
        self._load([LATE], case, lambda found: {})

    def _once_more(self) -> None:
        """What landed() gives for a change of one digit, for a copy, and in another process: hash() is salted anew."""
        case = "23 January once more, with another digit in it"
        before, text = self._landed(case), self._file(SECOND).read_text(encoding="utf-8")
        self._file(SECOND).write_text(text.replace(",10,", ",90,", 1), encoding="utf-8")
        case, here = "landed() once more, in another process", self._landed(case)
        if before[SECOND] == here[SECOND]:
            self.stop(case, "landed() gives the same hash as before", kind="same_hash")
        os.utime(self._file(SECOND), (1e9, 1e9))
        if self._landed(case).get(SECOND) != here[SECOND]:
            copied = "the file of 23 January, copied once more: the same bytes, another time of change"
            self.stop(copied, "landed() gives another hash: every copy would be taken for a correction")
        command = [sys.executable, "-W", "ignore", "-c", ELSEWHERE, self.path]
        seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30, check=False)
        if done.returncode:
            self.stop(case, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "its process ended")
        if json.loads(done.stdout.splitlines()[-1]) != {str(day): repr(content) for day, content in here.items()}:
            self.stop(case, "it gives other hashes for the same files: after a restart every day is pending")

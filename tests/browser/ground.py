"""A state folder and a landing zone for a room, and what the tests read from its databases beside the page."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.browser.server import KEPT, REPOSITORY

SOURCE = REPOSITORY / "data" / "landing"
DAYS = [f"2013-01-{day:02}" for day in range(1, 11)]
MODULE = '''"""The flights with waits that a test can sit out."""

from dataclasses import replace

from etl_core import RetryPolicy, flights

quick = replace(
    flights,
    stage_retry=RetryPolicy(attempts=2, base=0.1, cap=0.1),
    run_retry=RetryPolicy(attempts=3, base=20, cap=20),
    target="quick_flights:quick",
)
'''


@dataclass(frozen=True)
class Ground:
    """`home` is ETL_HOME of the notebooks in `folder`; days land in `landing` when a test says so."""

    folder: Path
    home: Path
    landing: Path

    @property
    def cells(self) -> tuple[str, ...]:
        """A notebook's first cells: where things are; then the process id, as output."""
        here = (
            f"import os\nos.environ.update(ETL_HOME={str(self.home)!r}, ETL_LANDING={str(self.landing)!r})\nos.getpid()"
        )
        return (here, "from etl_core.views.control_room import control_room\nfrom quick_flights import quick")

    def land(self, *days: str) -> None:
        """These days arrive, each whole: the weather first, then the flights by a new name."""
        for day in days:
            shutil.copy(SOURCE / "weather" / f"{day}.csv", self.landing / "weather")
            part = shutil.copy(SOURCE / "flights" / f"{day}.csv", self.landing / "flights" / f"{day}.csv.part")
            Path(part).rename(self.landing / "flights" / f"{day}.csv")

    def rows(self, database: str, sql: str, *values: object) -> list[tuple]:
        """What a SELECT finds; nothing where there is no such database or table yet."""
        path = self.home / database
        if not path.exists():
            return []
        conn = sqlite3.connect(path, timeout=15)
        try:
            return conn.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        finally:
            conn.close()

    def runs(self) -> list[tuple[str, str, str, str, int]]:
        """The runs of the flights: (run id, day, status, trigger, attempt), newest first."""
        told = "SELECT run_id, interval_start, status, trigger, attempt FROM runs WHERE pipeline = 'flights'"
        return self.rows("history.db", f"{told} ORDER BY started_at DESC, run_id DESC")

    def of_day(self, day: str) -> list[tuple[str, str, str, str, int]]:
        return [run for run in self.runs() if run[1] == day]

    def loaded(self) -> list[str]:
        return [
            day
            for (day,) in self.rows(
                "warehouse.db", "SELECT flight_date FROM receipts WHERE pipeline = 'flights' ORDER BY 1"
            )
        ]

    def events(self, kind: str) -> list[str]:
        sql = "SELECT message FROM events WHERE kind = ? ORDER BY id"
        return [message for (message,) in self.rows("history.db", sql, kind)]

    def told(self) -> list[tuple[str, str, str]]:
        """The last events: (at, kind, message)."""
        return self.rows("history.db", "SELECT at, kind, message FROM events ORDER BY id DESC LIMIT 12")

    def stored(self) -> list[str]:
        """Ids of what is stored in the job store."""
        return [name for (name,) in self.rows("jobs.db", "SELECT id FROM apscheduler_jobs ORDER BY id")]

    def holder(self) -> dict[str, object]:
        return json.loads((self.home / "locks" / "scheduler.json").read_text())

    def verify(self) -> None:
        """The data is whole: each day that landed is loaded, once, and equal to its file transformed again."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        where = {"ETL_HOME": str(self.home), "ETL_LANDING": str(self.landing)}
        command = [sys.executable, "-m", "etl_core", "verify"]
        done = subprocess.run(
            command, cwd=REPOSITORY, env={**kept, **where}, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stdout + done.stderr
        landed = sorted(path.stem for path in (self.landing / "flights").glob("*.csv"))
        assert self.loaded() == landed
        lines = {day: (self.landing / "flights" / f"{day}.csv").read_bytes().count(b"\n") - 1 for day in landed}
        held = "SELECT day, sum(rows) FROM ({}) GROUP BY day"
        both = " UNION ALL ".join(
            f"SELECT flight_date AS day, count(*) AS rows FROM {table} GROUP BY flight_date"
            for table in ("flights", "rejected_flights")
        )
        assert dict(self.rows("warehouse.db", held.format(both))) == lines


def make_ground(folder: Path, tmp_path: Path) -> Ground:
    ground = Ground(folder, tmp_path / "state", tmp_path / "landing")
    for kind in ("flights", "weather"):
        (ground.landing / kind).mkdir(parents=True)
    (folder / "quick_flights.py").write_text(MODULE)
    return ground

"""What the benchmarks share: a line of the table, and ways to measure on a machine that is not calm.

Nothing here (or at the top of a bench_*.py) imports pandas: a child's peak memory would begin with ours.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

REPOSITORY = Path(__file__).resolve().parents[2]
LANDING = REPOSITORY / "data" / "landing"
RESULTS = Path(__file__).parent / "results"  # not in git

REPEAT = int(os.environ.get("BENCH_REPEAT", "3"))  # alternated repetitions of what takes seconds


@dataclass(frozen=True)
class Row:
    """One figure: `measured` against the named `baseline`; it holds where ratio <= limit."""

    name: str
    measured: float
    baseline: float
    ratio: float
    limit: float | None
    note: str = ""
    unit: str = "s"

    @property
    def holds(self) -> bool | None:
        return None if self.limit is None else self.ratio <= self.limit


def row(name: str, measured: float, baseline: float, limit: float | None, note: str, unit: str = "s") -> Row:
    return Row(name, measured, baseline, measured / baseline if baseline else float("nan"), limit, note, unit)


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def alternated(repeat: int, **measures: Callable[[], float]) -> dict[str, float]:
    """The median of each measure; they take turns, so that a slow moment of the machine meets all of them."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(repeat):
        for name, measure in measures.items():
            found[name].append(measure())
    return {name: statistics.median(values) for name, values in found.items()}


@contextmanager
def state(**environment: str) -> Iterator[dict[str, str]]:
    """The environment for children with a state folder of their own, gone afterwards."""
    with TemporaryDirectory(prefix="etl-bench-") as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ETL_")}
        yield {**kept, "ETL_HOME": f"{folder}/state", "PYTHONWARNINGS": "ignore", **environment}


def call(command: list[str], environment: dict[str, str], given: str | None = None) -> str:
    """What a child prints; an error with what it said if it failed."""
    done = subprocess.run(command, env=environment, cwd=REPOSITORY, input=given, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)[:200]}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def python(code: str, environment: dict[str, str]) -> str:
    return call([sys.executable, "-c", code], environment)


def wall(command: list[str], environment: dict[str, str]) -> float:
    return seconds(lambda: call(command, environment))


PEAK = """
def peak():
    "Highest memory of this process so far, in MB."
    try:
        status = open("/proc/self/status").read()  # getrusage would count the parent's memory at the fork
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except OSError:
        import resource, sys
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
"""

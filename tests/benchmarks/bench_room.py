"""What the control room costs its kernel: a painting with 10,000 runs in the history and the whole year landed."""

from __future__ import annotations

import json

from tests.benchmarks.bench_history import MADE
from tests.benchmarks.common import LANDING, Row, python, row, state

NUMBER = 10_000
ALLOWED = 0.1  # seconds
PAINTED = (
    MADE.format(number=NUMBER).partition("from click.testing")[0]
    + """
import json, statistics, time
from etl_core import history
from etl_core.views.control_room import control_room
from etl_core.views.room.panel import Panel

room = control_room()
panel = room.panel
panel.painter.stop()
panel.selected = history.newest_runs(1)[0].run_id

def painting(before):
    wall, processor = [], []
    for _ in range(12):
        before()
        began = time.perf_counter(), time.thread_time()
        panel._paint()
        wall.append(time.perf_counter() - began[0])
        processor.append(time.thread_time() - began[1])
    return statistics.median(wall[2:]), statistics.median(processor[2:])

time.sleep(0.2)  # what was written a moment ago is not trusted to be all
quiet = painting(lambda: None)
busy = painting(lambda: history.record_event("skipped", "the tick before is still at work", "flights"))
print(json.dumps({"quiet": quiet, "busy": busy}))
room.close()
"""
)


def run() -> list[Row]:
    with state(ETL_LANDING=str(LANDING)) as environment:
        found = json.loads(python(PAINTED, environment))
    note = f"{NUMBER:,} runs, 365 landed days; the limit is {ALLOWED * 1000:.0f} ms"
    return [
        row(f"control room: {what}, {clock}", took, ALLOWED, 1.0, note)
        for name, what in (("quiet", "painting, nothing new"), ("busy", "painting, all read again"))
        for clock, took in zip(("wall", "processor"), found[name], strict=True)
    ]

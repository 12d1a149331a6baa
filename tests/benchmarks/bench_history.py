"""A history of a million runs against one of a thousand: `history`, `show` and `pending`, without their imports."""

from __future__ import annotations

import json

from tests.benchmarks.common import Row, python, row, state

# Runs of the year's days again and again, a minute apart, three stages each, one in fifty failed, an event a hundred.
MADE = """
import json, statistics, sys, time
from etl_core import flights, history
from etl_core.stages.landing import landed
number = {number}
with history.open_history().begin() as conn:
    conn.exec_driver_sql('''
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
        INSERT INTO runs (run_id, pipeline, target, interval_start, interval_end, trigger, attempt, status, started_at,
            finished_at, duration_s, rows_extracted, rows_loaded, rows_rejected, error, blocked, host, pid)
        SELECT printf('%08x%08x', (i * 2654435761) & 0xffffffff, i), 'flights', 'etl_core:flights',
            date('2013-01-01', (i % 365) || ' days'), date('2013-01-02', (i % 365) || ' days'), 'scheduled', 1,
            CASE WHEN i % 50 = 7 THEN 'failed' ELSE 'succeeded' END,
            strftime('%Y-%m-%d %H:%M:%f000', '2024-01-01', i || ' minutes'),
            strftime('%Y-%m-%d %H:%M:%f000', '2024-01-01', i || ' minutes', '2 seconds'), 1.5, 900, 899, 1,
            CASE WHEN i % 50 = 7 THEN 'BadSchema: a column is missing' END, i % 50 = 7, 'host', 4711
        FROM n''', (number,))
    for stage in ("extract", "transform", "load"):
        conn.exec_driver_sql('''INSERT INTO stage_runs
                (run_id, stage, attempt, status, started_at, duration_s, rows_out)
            SELECT run_id, ?, 1, 'succeeded', started_at, 0.5, 900 FROM runs''', (stage,))
    conn.exec_driver_sql('''INSERT INTO events (at, kind, pipeline, run_id, message)
        SELECT started_at, 'recovered', 'flights', run_id, 'x' FROM runs WHERE pid % 100 = 0 OR rowid % 100 = 0''')
    conn.exec_driver_sql('''INSERT INTO last_runs SELECT 'flights', interval_start, run_id, 'hash' FROM runs
        ORDER BY started_at DESC LIMIT 365''')

from click.testing import CliRunner
from etl_core.cli import etl
middle = history.newest_runs(limit=min(number, 1000))[-1].run_id

def command(*words):
    took = []
    for _ in range(12):
        began = time.perf_counter()
        done = CliRunner().invoke(etl, list(words))
        took.append(time.perf_counter() - began)
        assert done.exit_code == 0, done.output + repr(done.exception)
    return statistics.median(took[2:])

print(json.dumps({{"history": command("history"), "show": command("show", middle[:12]),
    "pending": command("pending")}}))
"""


def measured(number: int) -> dict[str, float]:
    with state() as environment:
        return json.loads(python(MADE.format(number=number), environment))


def run() -> list[Row]:
    few, many, few_again = measured(1_000), measured(1_000_000), measured(1_000)
    note = "the command in a warm process, with a million runs and with a thousand"
    return [
        row(f"etl {name}: a million runs : a thousand", many[name], (few[name] + few_again[name]) / 2, 2.0, note)
        for name in few
    ]

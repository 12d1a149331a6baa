"""What lesson 8 and its graders ask of job stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from exercises.tools import nightly
from exercises.tools.stores import next_runs, opened, run_what_is_due, stored
from exercises.tools.survey import calls_by_slot


@pytest.mark.parametrize(
    ("trigger", "count"),
    [
        (CronTrigger(hour=6, timezone="UTC"), 3),
        (CronTrigger(hour=6, minute="*", timezone="UTC"), 180),
        (CronTrigger(hour=6, day_of_week="mon", timezone="UTC"), 1),
        (IntervalTrigger(hours=12), 6),
        (DateTrigger(datetime(2013, 1, 15, tzinfo=UTC)), 1),
    ],
    ids=str,
)
def test_the_times_of_three_days(trigger: object, count: int) -> None:
    runs = next_runs(trigger, hours=72)
    assert len(runs) == count
    assert runs == sorted(set(runs))
    assert next_runs(trigger, hours=72, most=2) == runs[:2]


def test_what_is_due_is_run_and_what_is_not_stays(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    now, path = datetime.now(UTC), tmp_path / "jobs.db"
    scheduler = opened(path, misfire_grace_time=None)
    for day, when in (("2013-01-15", now - timedelta(days=3)), ("2013-01-16", now + timedelta(days=1))):
        scheduler.add_job(nightly.load_day, "date", run_date=when, args=[day, 1])
    run_what_is_due(scheduler)
    assert [call.what for call in nightly.calls()] == ["load_day 2013-01-15 1"]
    assert [job["args"] for job in stored(path)] == [("2013-01-16", 1)]


def test_calls_are_told_by_slot_and_process(home: Path) -> None:
    home.mkdir()
    first = datetime(2013, 1, 1, tzinfo=UTC)
    at = first.timestamp()
    lines = [(-0.4, 7), (0.01, 7), (0.02, 5), (1.9, 7), (2.0, 5), (3.1, 5)]
    text = "".join(f"{at + seconds:.3f} {pid} load_pending\n" for seconds, pid in lines)
    (home / "calls.txt").write_text(text, encoding="utf-8")
    calls = calls_by_slot(first, 3)
    assert list(zip(calls["slot"], calls["process"], strict=True)) == [(0, 2), (0, 1), (1, 2), (2, 1)]

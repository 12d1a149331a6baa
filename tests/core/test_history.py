"""The record: nothing is lost when many write at once, and what is asked for is found."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl_core import history, pending_days
from etl_core.errors import EtlError
from etl_core.history import Run
from tests.core.toy import child, land, out, toy

MANY = """
import threading
def write(name):
    for n in range(25):
        history.record_event("test", f"{name} {n}")
threads = [threading.Thread(target=write, args=(f"{os.getpid()}-{n}",)) for n in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_four_processes_and_their_threads_lose_nothing(database: str, letters: Path) -> None:
    children = [child("import os" + MANY) for _ in range(4)]  # also the first to open it: they make the tables at once
    for process in children:
        out(process)
    messages = {event.message for event in history.newest_events()}
    assert len(messages) == len(history.newest_events()) == 4 * 2 * 25


def test_eight_threads_lose_nothing(database: str, letters: Path) -> None:
    def write(name: int) -> None:
        for n in range(25):
            history.record_event("test", f"{name} {n}")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({event.message for event in history.newest_events()}) == 200


def put(*runs: Run) -> None:
    with history.open_history().begin() as conn:
        conn.execute(sa.insert(history.runs), [vars(run) for run in runs])


def a_run(run_id: str, minute: int = 0, **given: object) -> Run:
    day = date(2024, 1, 1)
    started = datetime(2024, 2, 1, 12, minute, 0, 123456, tzinfo=UTC)
    given = {"status": "succeeded", "finished_at": started, **given}
    return Run(
        run_id=run_id,
        pipeline="toy",
        interval_start=day,
        interval_end=day + timedelta(days=1),
        started_at=started,
        **given,
    )


def test_newest_first_and_filters(database: str, letters: Path) -> None:
    put(a_run("a1", 1), a_run("b2", 3, status="failed"), a_run("c3", 2))
    assert [run.run_id for run in history.newest_runs()] == ["b2", "c3", "a1"]
    assert [run.run_id for run in history.newest_runs(limit=1)] == ["b2"]
    assert [run.run_id for run in history.newest_runs(status="succeeded")] == ["c3", "a1"]
    since = datetime(2024, 2, 1, 12, 2, tzinfo=UTC)
    assert [run.run_id for run in history.newest_runs(since=since)] == ["b2", "c3"]
    assert history.newest_runs(pipeline="other") == []


def test_a_row_comes_back_as_it_was(database: str, letters: Path) -> None:
    run = a_run("a1", error="Übel: 💥\nline 2", permanent=False, retry_at=datetime.now(UTC), duration_s=0.25)
    put(run)
    assert history.find("a1") == run


def test_instants_of_another_zone_are_stored_in_utc(database: str, letters: Path) -> None:
    from datetime import timezone

    local = datetime(2024, 2, 1, 7, 0, tzinfo=timezone(timedelta(hours=-5)))
    put(a_run("a1", retry_at=local))
    assert history.find("a1").retry_at == local
    assert history.find("a1").retry_at.tzinfo is UTC
    assert history.find("a1").as_json()["retry_at"] == "2024-02-01T12:00:00.000Z"


def test_an_instant_without_zone_is_refused(letters: Path) -> None:
    with pytest.raises(Exception, match="has no time zone"):
        put(a_run("a1", retry_at=datetime(2024, 1, 1)))


def test_find_by_a_unique_prefix_or_last(database: str, letters: Path) -> None:
    put(a_run("abc0", 1), a_run("abd1", 2), a_run("f" * 16, 3), a_run("f" * 15 + "e", 0))
    assert history.find("last").run_id == "f" * 16
    assert history.find("abc").run_id == "abc0"
    assert history.find("f" * 16).run_id == "f" * 16
    with pytest.raises(EtlError, match=r"several ids begin with it: abc0 \(2024-01-01\), abd1"):
        history.find("ab")
    for nothing in ("zzz", "%", "_", "abc0'", "ABC"):
        with pytest.raises(EtlError, match="there is none in the history"):
            history.find(nothing)


def test_find_in_an_empty_history(letters: Path) -> None:
    for name in ("last", "abc"):
        with pytest.raises(EtlError, match="there is none"):
            history.find(name)


def test_events_after_the_last_one_seen(database: str, letters: Path) -> None:
    for n in range(3):
        history.record_event("k", f"m{n}", run_id="r" if n == 1 else None)
    seen = history.newest_events(limit=2)
    assert [event.message for event in seen] == ["m2", "m1"]
    history.record_event("k", "m3")
    assert [event.message for event in history.newest_events(after=seen[0].id)] == ["m3"]
    assert [event.message for event in history.newest_events(run_id="r")] == ["m1"]


def test_prune_keeps_what_pending_is_read_from(database: str, letters: Path) -> None:
    old = datetime.now(UTC) - timedelta(days=40)
    land("2024-01-02", "broken\n")
    for _ in range(2):
        toy.attempt(toy_day("2024-01-01"))
        toy.attempt(toy_day("2024-01-02"))
    toy.attempt(toy_day("2024-01-03"))
    history.record_event("old", "x")
    with history.open_history().begin() as conn:
        conn.execute(sa.update(history.runs).values(finished_at=old, started_at=old))
        conn.execute(sa.update(history.events).values(at=old))
    before = [(day.day, day.reason) for day in pending_days(toy)]
    gone = history.prune(30)
    assert len(gone) == 2 and len(history.newest_runs()) == 3
    assert [(day.day, day.reason) for day in pending_days(toy)] == before == [(date(2024, 1, 2), "blocked")]
    assert all(history.stages_of(run.run_id) == [] for run in gone)
    assert all(history.stages_of(run.run_id) for run in history.newest_runs())
    assert history.newest_events() == []
    assert history.prune(30) == []


def test_prune_leaves_what_is_running(letters: Path) -> None:
    run = toy.start("2024-01-01")
    assert history.prune(0) == []
    run.abandon("done")


def toy_day(day: str) -> object:
    from etl_core import Interval

    return Interval.of(day)


def test_deleted_while_in_use_it_begins_anew(letters: Path, home: Path) -> None:
    toy.run("2024-01-01")
    for path in home.glob("*.db*"):
        path.unlink()
    assert history.newest_runs() == []
    assert toy.run("2024-01-02").status == "succeeded"
    assert [str(run.interval) for run in history.newest_runs()] == ["2024-01-02"]

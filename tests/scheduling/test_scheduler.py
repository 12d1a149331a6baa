"""The scheduler in this process, with the toy pipeline of tests/core."""

from __future__ import annotations

import os
import pickle
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl_core import history
from etl_core.database import writer
from etl_core.errors import BadParameter, DatabaseError, EtlError, Refused
from etl_core.scheduling import background, get_scheduler, store, stored_schedules, work
from tests.core import toy
from tests.core.toy import until

TOY = "tests.core.toy:toy"


@pytest.fixture(autouse=True)
def _landing(letters: Path) -> None:
    """Three days of the toy pipeline have landed."""


def kinds() -> list[str]:
    return [event.kind for event in reversed(history.newest_events())]


def said(kind: str) -> list[str]:
    return [event.message for event in reversed(history.newest_events()) if event.kind == kind]


def loaded() -> int:
    return len(history.newest_runs(status="succeeded"))


def test_a_tick_loads_what_is_pending_oldest_first_and_no_more_than_its_limit(scheduler) -> None:
    scheduler.start().add_schedule(TOY, every=3600, limit=2)
    scheduler.run_now("toy")
    until(lambda: loaded() == 2 and not scheduler.at_work())
    assert [str(run.interval) for run in history.newest_runs()] == ["2024-01-02", "2024-01-01"]
    assert {(run.trigger, run.attempt, run.target) for run in history.newest_runs()} == {("scheduled", 1, TOY)}


def test_there_is_one_scheduler_and_starting_it_twice_is_harmless(scheduler) -> None:
    assert get_scheduler() is scheduler
    assert not scheduler.alive
    assert scheduler.start() is scheduler.start()
    assert scheduler.alive
    assert [thread.name for thread in threading.enumerate()].count("APScheduler") == 1
    assert scheduler.stop() == "idle"
    assert not scheduler.alive
    assert scheduler.stop() == "idle"
    assert kinds() == ["started", "stopped"]


def test_another_process_is_refused_and_told_by_whom(scheduler) -> None:
    scheduler.start()
    code = "from etl_core.scheduling import get_scheduler\nget_scheduler().start()"
    said_there = toy.child(code).communicate(timeout=60)[1]
    assert f"another scheduler is running (pid {os.getpid()} on " in said_there
    assert f", since {datetime.now(UTC):%Y-%m-%d}" in said_there
    assert len(said("lock refused")) == 1
    scheduler.stop()
    assert toy.out(toy.child(code + ".stop()")) == ""


def test_a_schedule_is_added_only_when_it_is_new_or_different(scheduler) -> None:
    scheduler.start()
    assert scheduler.add_schedule(TOY, every=3600) == "added"
    due = scheduler.next_run("toy")
    time.sleep(0.01)
    assert scheduler.add_schedule(TOY, every=3600) == "unchanged"
    scheduler.stop()
    scheduler.start()
    assert scheduler.add_schedule(TOY, every=3600) == "unchanged"
    assert scheduler.next_run("toy") == due  # a restart does not move the next run
    assert scheduler.add_schedule(TOY, every=3600, limit=5) == "changed"
    assert scheduler.add_schedule(TOY, daily="06:00", timezone="America/New_York") == "changed"
    [stored] = stored_schedules()
    assert (stored.id, stored.when, stored.limit) == ("toy", "0 6 * * * (America/New_York)", 31)
    scheduler.remove("toy")
    assert stored_schedules() == []
    with pytest.raises(BadParameter, match="there is none named 'toy'; there are none"):
        scheduler.remove("toy")


def test_a_pause_outlives_the_process_and_a_change(scheduler) -> None:
    scheduler.start().add_schedule(TOY, every=1)
    scheduler.pause()
    scheduler.stop()
    scheduler.start()
    assert scheduler.add_schedule(TOY, every=1) == "unchanged"
    assert scheduler.add_schedule(TOY, every=0.5) == "changed"
    assert scheduler.is_paused("toy")
    assert stored_schedules()[0].as_json()["paused"] is True
    scheduler.resume("toy")
    until(lambda: loaded() == 3)
    assert not scheduler.is_paused("toy")


def test_a_pipeline_must_be_importable_by_another_process(scheduler) -> None:
    scheduler.start()
    for wrong in ("__main__:toy", "no.such.module:toy", "tests.core.toy:landed", "tests.core.toy:nothing"):
        with pytest.raises(BadParameter, match="pipeline"):
            scheduler.add_schedule(wrong, every=10)
    assert stored_schedules() == []


@pytest.mark.parametrize("limit", [0, -1, 1.5, "3", True])
def test_a_limit_is_a_number_of_days(scheduler, limit: object) -> None:
    with pytest.raises(BadParameter, match="limit"):
        scheduler.start().add_schedule(TOY, every=10, limit=limit)


def test_without_start_nothing_can_be_stored(scheduler) -> None:
    with pytest.raises(EtlError, match="start"):
        scheduler.add_schedule(TOY, every=10)


# ---- what it leaves out, it says


def test_ticks_missed_while_it_was_down_run_as_one(scheduler) -> None:
    scheduler.start().add_schedule(TOY, every=0.5)
    scheduler.stop()
    due = stored_schedules()[0].next_run
    until(lambda: datetime.now(UTC) > due + timedelta(seconds=1.2))
    scheduler.start()
    until(lambda: loaded() == 3)
    assert said("missed")[0].startswith("3 ticks (")
    assert said("coalesced")[0].startswith("3 ticks (")


def test_ticks_that_find_the_one_before_at_work_are_skipped(scheduler, letters: Path) -> None:
    toy.land("2024-01-01", "wait\n")
    scheduler.start().add_schedule(TOY, every=0.2)
    until(lambda: (letters / "waiting").exists())
    until(lambda: said("skipped"))
    time.sleep(0.5)  # two more
    (letters / "go").touch()
    until(lambda: len(said("skipped")) == 2)
    assert "left out, the one before is still at work" in said("skipped")[0]
    assert "more left out" in said("skipped")[1]


def test_a_run_that_is_overdue_is_told_once(scheduler, letters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "HEARTBEAT", 0.05)
    toy.land("2024-01-01", "wait\n")
    scheduler.start().add_schedule(TOY, every=3600)
    scheduler.run_now("toy")
    until(lambda: (letters / "waiting").exists())
    work.works()[0].timeout = 0.1
    until(lambda: said("overdue"))
    time.sleep(0.2)
    (letters / "go").touch()
    assert len(said("overdue")) == 1
    assert "at work for" in said("overdue")[0]


# ---- stopping


def test_stop_waits_for_the_run_at_hand_and_leaves_the_rest(scheduler, letters: Path) -> None:
    toy.land("2024-01-01", "wait\n")
    scheduler.start().add_schedule(TOY, every=3600)
    scheduler.run_now("toy")
    until(lambda: (letters / "waiting").exists())
    threading.Timer(0.3, (letters / "go").touch).start()
    assert scheduler.stop(wait=20) == "waited"
    assert [str(run.interval) for run in history.newest_runs()] == ["2024-01-01"]


def test_stop_says_what_it_abandoned(scheduler, letters: Path) -> None:
    toy.land("2024-01-01", "wait\n")
    scheduler.start().add_schedule(TOY, every=3600)
    scheduler.run_now("toy")
    until(lambda: (letters / "waiting").exists())
    assert scheduler.stop(wait=0.1) == "abandoned"
    assert said("stopped") == [f"pid {os.getpid()}: abandoned: toy 2024-01-01"]
    (letters / "go").touch()


def test_stopping_does_not_use_up_what_is_due(scheduler) -> None:
    scheduler.start().add_schedule(TOY, every=1.5)
    scheduler._background.pause()
    due = scheduler.next_run("toy")
    until(lambda: datetime.now(UTC) > due)
    scheduler.stop()
    assert stored_schedules()[0].next_run == due
    assert loaded() == 0


# ---- surviving


def test_the_thread_survives_what_its_store_raises(scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler.start().add_schedule(TOY, every=0.2)
    raised = []

    def locked(job: object) -> None:
        raised.append(job)
        raise sqlite3.OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(scheduler._background._jobstores["default"], "update_job", locked)
        until(lambda: raised)
    assert scheduler.alive
    until(lambda: loaded() == 3)


def test_it_does_not_say_that_it_lives_when_its_thread_has_died(scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler.start()
    monkeypatch.setattr(threading, "excepthook", lambda *_: None)
    monkeypatch.setattr(scheduler._background, "_process_jobs", lambda: 1 / 0)
    scheduler._background.wakeup()
    until(lambda: not scheduler.alive)
    assert scheduler._background.running  # what APScheduler would say


def test_a_clock_moved_back_does_not_stop_a_schedule(scheduler) -> None:
    scheduler.start().add_schedule(TOY, every=0.5)
    ahead = datetime.now(UTC) + timedelta(days=1)
    scheduler._background.modify_job("toy", next_run_time=ahead)  # as it was stored before the clock was moved
    scheduler._background._clocks = (time.time() + 86_400, time.monotonic())
    scheduler._background.wakeup()
    until(lambda: loaded() == 3)
    assert said("clock moved")


def test_a_clock_moved_back_while_it_was_down_does_not_either(scheduler) -> None:
    scheduler.start().add_schedule(TOY, every=0.5)
    scheduler._background.modify_job("toy", next_run_time=datetime.now(UTC) + timedelta(days=1))
    scheduler.stop()
    scheduler.start()
    until(lambda: loaded() == 3)


# ---- the job store


def test_a_pipeline_that_can_no_longer_be_imported_is_told_and_kept(scheduler, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "gone_tomorrow.py").write_text("from tests.core.toy import toy as pipe")
    monkeypatch.syspath_prepend(tmp_path)
    scheduler.start().add_schedule("gone_tomorrow:pipe", every=3600)
    monkeypatch.setattr("etl_core.pipeline.import_module", lambda name: __import__("gone_today"))
    scheduler.run_now("toy")
    until(lambda: said("tick failed"))
    assert "gone_tomorrow:pipe: cannot be imported" in said("tick failed")[0]
    assert "toy" in [one.id for one in stored_schedules()]


def test_a_stored_job_that_cannot_be_restored_is_kept(scheduler) -> None:
    scheduler.start().add_schedule(TOY, every=0.3)
    scheduler.stop()
    with closing(sqlite3.connect(store.path())) as conn, conn:
        state = pickle.loads(conn.execute("SELECT job_state FROM apscheduler_jobs").fetchone()[0])
        old = pickle.dumps({**state, "id": "old", "func": "no.such:job"})
        for name, broken in (("old", old), ("bad", b"nonsense")):
            conn.execute("INSERT INTO apscheduler_jobs VALUES (?, 1.0, ?)", (name, broken))
    scheduler.start()
    until(lambda: loaded() == 3)  # the others go on
    assert {one.id for one in stored_schedules()} == {"toy", "old", "bad"}
    assert len(said("job kept")) == 2
    assert "UnpicklingError" in next(one for one in stored_schedules() if one.id == "bad").error


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize("name", [".", "jobs.db"])
def test_a_job_store_that_others_can_write_is_refused(scheduler, home: Path, name: str, monkeypatch) -> None:
    scheduler.start().add_schedule(TOY, every=3600)
    scheduler.stop()
    (home / name).chmod(0o777)
    for look in (scheduler.start, stored_schedules):
        with pytest.raises(Refused, match="ETL_TRUST_JOB_STORE=1"):
            look()
    monkeypatch.setenv("ETL_TRUST_JOB_STORE", "1")
    scheduler.start()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_the_state_folder_is_made_private_before_there_is_a_job_store(scheduler, home: Path) -> None:
    home.mkdir(mode=0o775)
    home.chmod(0o775)  # as git makes it with umask 002
    scheduler.start()
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "jobs.db").stat().st_mode & 0o777 == 0o600


def test_a_job_store_that_is_no_database(scheduler, home: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "jobs.db").write_bytes(b"this is no database, whatever its name says" * 100)
    (home / "jobs.db").chmod(0o600)
    with pytest.raises(DatabaseError, match=r"jobs\.db: is not a whole SQLite database"):
        scheduler.start()
    (home / "jobs.db").unlink()
    assert scheduler.start().alive  # the lock was given back


@pytest.mark.parametrize("emptied", [False, True], ids=["deleted", "made anew under the same inode"])
def test_a_job_store_deleted_under_it_ends_a_scheduler_loudly(scheduler, home: Path, emptied: bool) -> None:
    scheduler.start().add_schedule(TOY, every=0.3)
    until(lambda: loaded() == 3)
    if emptied:
        with closing(sqlite3.connect(home / "jobs.db", timeout=15)) as other:
            other.execute("DROP TABLE apscheduler_jobs")
    else:
        for path in home.glob("jobs.db*"):
            path.unlink()
    until(lambda: not scheduler.alive and said("failed"))
    assert "was deleted or replaced" in said("failed")[0]
    assert scheduler.start().alive
    assert said("schedules lost")


def test_what_fails_in_recovery_gives_the_lock_back(scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_FAULTS", "recovery=offline")
    with pytest.raises(EtlError, match="could not start: ConnectionError"):
        scheduler.start()
    assert not scheduler.alive
    assert scheduler.start().alive


def test_looking_at_what_is_stored_makes_nothing(home: Path) -> None:
    assert stored_schedules() == []
    assert not (home / "jobs.db").exists()


@pytest.mark.slow
def test_hosts_that_share_a_history_on_postgresql_share_the_lock(postgres: str, tmp_path: Path, monkeypatch) -> None:
    from etl_core.database import engine

    for name in ("ETL_HISTORY_URL", "ETL_WAREHOUSE_URL"):
        monkeypatch.setenv(name, postgres)
    monkeypatch.setenv("ETL_HOME", str(tmp_path / "one"))
    scheduler = get_scheduler().start()
    assert scheduler.add_schedule(TOY, every=0.5) == "added"
    until(lambda: loaded() == 3)
    code = "from etl_core.scheduling import get_scheduler\nget_scheduler().start()"
    there = toy.child(code, ETL_HOME=str(tmp_path / "other"))
    assert f"another scheduler is running (pid {os.getpid()} on " in there.communicate(timeout=60)[1]
    assert scheduler.stop(wait=20) in ("idle", "waited")
    again = toy.child(code + "\nprint('started')\nget_scheduler().stop()", ETL_HOME=str(tmp_path / "other"))
    assert toy.out(again).strip() == "started"
    engine(postgres).dispose()


def test_a_scheduler_whose_lock_is_lost_runs_nothing_more(postgres: str, home: Path, monkeypatch) -> None:
    import psycopg

    from etl_core.database import engine

    monkeypatch.setenv("ETL_HISTORY_URL", postgres)
    scheduler = get_scheduler().start()
    scheduler.add_schedule(TOY, every=0.5)
    with psycopg.connect(postgres.replace("+psycopg", ""), autocommit=True) as conn:  # as a restart of the server does
        locks = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
        assert conn.execute(f"SELECT pg_terminate_backend(pid) FROM ({locks}) found").fetchall()
    until(lambda: not scheduler.alive)
    assert "the database session that held the scheduler's lock has ended" in scheduler.failed
    assert any(scheduler.failed in message for message in said("failed"))
    assert scheduler.start().alive
    scheduler.stop(wait=20)
    engine(postgres).dispose()


def test_stopping_leaves_the_connections_of_others_alone(scheduler) -> None:
    scheduler.start()
    before = writer(f"sqlite:///{store.path()}").pool
    scheduler.stop()
    assert writer(f"sqlite:///{store.path()}").pool is before

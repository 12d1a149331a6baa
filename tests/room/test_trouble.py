"""What cannot be read is said in the panel, and raised nowhere."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from etl_core import database, settings
from etl_core.errors import EtlError
from tests.core.toy import toy, until
from tests.room.look import SELDOM, answers, painted, until_loaded


def test_a_history_that_is_no_database(room: object) -> None:
    history = room.home / "history.db"
    history.parent.mkdir(parents=True, exist_ok=True)
    history.write_text("this is no database, and long enough to be taken for one. " * 40)
    view = room.view()
    assert "is not a whole SQLite database" in view.problems[0]
    assert view.state == "stopped"  # the lock can be asked all the same
    told = answers(room)
    assert told["type"].tone == "bad" and "history.db" in told["type"].detail
    for command in (room.start, room.run_now, lambda: room.backfill("2024-01-01", "2024-01-03")):
        with pytest.raises(EtlError):
            command()
            room.worker.join(10)
            raise EtlError(room.worker.progress.outcome)
    panel = room.panel
    painted(panel)
    assert "is not a whole SQLite database" in panel.face.problems.value
    for path in room.home.glob("history.db*"):
        path.unlink()
    painted(panel)
    assert panel.face.problems.value == ""  # put right, it is seen without a restart
    room.start(choice=SELDOM)
    room.run_now()
    until_loaded(room, 3)


def test_a_history_that_somebody_holds_locked(letters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from etl_core.views.control_room import control_room

    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.3)
    room = control_room(toy)
    assert room.view().problems == ()
    path = room.home / "history.db"
    database.engine(settings.current().history_url).dispose()
    database._engine.cache_clear()  # new connections, that wait no longer than this
    held = sqlite3.connect(path, isolation_level=None)
    held.execute("PRAGMA locking_mode = EXCLUSIVE")
    held.execute("BEGIN EXCLUSIVE")
    held.execute("CREATE TABLE mine (a)")
    try:
        assert "locked" in " ".join(room.view().problems)
        with pytest.raises(EtlError, match="locked"):
            room.start()
        assert room.view().state == "stopped"
    finally:
        held.execute("ROLLBACK")
        held.close()
    assert room.view().problems == ()
    room.close()
    database.engine(settings.current().history_url).dispose()
    database._engine.cache_clear()


def test_a_landing_zone_that_is_gone(room: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from etl_core import flights

    monkeypatch.setenv("ETL_LANDING", str(tmp_path / "nowhere"))
    room.add(flights)
    assert "there is no such folder" in room.view("flights").problems[0]
    assert room.view("toy").problems == ()


def test_a_landed_function_that_raises_is_a_problem_not_a_crash(room: object) -> None:
    from dataclasses import replace

    def landed() -> dict:
        raise RuntimeError("my own mistake")

    room.add(replace(toy, landed=landed))
    [problem] = room.view().problems
    assert "landed of pipeline 'toy': RuntimeError: my own mistake (test_trouble.py:" in problem
    painted(room.panel)
    assert "my own mistake" in room.panel.face.problems.value


def test_a_job_store_that_others_can_write(room: object) -> None:
    room.start(choice=SELDOM)
    room.stop()
    (room.home / "jobs.db").chmod(0o666)
    assert "others can write it" in room.view().problems[0]
    with pytest.raises(EtlError, match="others can write it"):
        room.start()


def test_a_deleted_job_store_makes_the_state_failed_and_start_mends_it(room: object) -> None:
    room.start(choice=SELDOM)
    (room.home / "jobs.db").unlink()
    from etl_core.scheduling import get_scheduler

    get_scheduler()._background.wakeup()
    until(lambda: room.view().state == "failed")
    assert "was deleted or replaced" in answers(room)["scheduler"].detail
    room.start(choice=SELDOM)
    assert room.view().state == "running"
    assert any(event.kind == "schedules lost" for event in room.view().facts.events)


def test_a_malformed_environment_is_said(room: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_FAULTS", "load:offline")
    assert "expected POINT=KIND" in room.view().problems[0]
    monkeypatch.delenv("ETL_FAULTS")
    assert room.view().problems == ()
    assert settings.current().home == room.home

"""`etl schedule` and `etl schedules`: usage, exit codes, clean ends."""

from __future__ import annotations

import signal
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from etl_core import cli
from tests.core import toy
from tests.core.toy import until
from tests.scheduling.live import etl, etl_json, events, live, rows

TOY = "tests.core.toy:toy"


@pytest.fixture(autouse=True)
def _landing(letters: Path) -> None:
    """Three days of the toy pipeline have landed."""


def loaded() -> int:
    return len(rows("warehouse.db", "SELECT 1 FROM receipts"))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_clean_stop(how: int) -> None:
    with live("--every", "1", pipeline=TOY) as one:
        one.until_said("next tick at")
        assert one.stop(how) == 0
    lines = one.said()
    for text in ("started: pid", "toy: every 1 s, next at", "toy: 2024-01-01 loaded: 3 rows, 1 rejected", "stopped"):
        assert text in lines
    assert "Traceback" not in lines
    assert len(events("started")) == len(events("stopped")) == 1


def test_a_run_that_does_not_end_in_time_is_abandoned_and_found_dead(letters: Path) -> None:
    toy.land("2024-01-01", "wait\n")
    with live("--every", "1", pipeline=TOY) as one:
        until(lambda: (letters / "waiting").exists())
        assert one.stop() == 0
    assert "abandoned: toy 2024-01-01" in one.said()
    (letters / "go").touch()
    with live(pipeline=TOY) as again:
        until(lambda: loaded() == 3)
        again.stop()
    assert [run["status"] for run in etl_json("history", pipeline=TOY)][-1] == "crashed"


def test_the_second_one_is_told_who_the_first_is(home: Path) -> None:
    with live("--every", "60", pipeline=TOY) as first:
        first.until_said("next at")
        second = etl("schedule", pipeline=TOY)
        assert second.returncode == 1
        who = f"pid {first.process.pid} on {socket.gethostname()}, since 20"
        assert f"another scheduler is running ({who}" in second.stderr
        first.kill()
    with live(pipeline=TOY) as third:  # the lock of a killed one is free at once
        third.until_said("next at")
    assert len(events("lock refused")) == 1


def test_options_replace_the_stored_schedule_and_without_any_it_is_run(home: Path) -> None:
    for options, when in (
        (["--every", "60"], "every 60 s"),
        ([], "every 60 s"),
        (["--cron", "0 6 * * *"], "0 6 * * *"),
    ):
        with live(*options, "--timezone", "UTC", pipeline=TOY) if options else live(pipeline=TOY) as one:
            one.until_said(f"toy: {when}")
            assert one.stop() == 0
    [stored] = etl_json("schedules", pipeline=TOY)
    assert (stored["id"], stored["when"], stored["limit"]) == ("toy", "0 6 * * * (UTC)", 31)
    assert stored["next_run"].endswith("T06:00:00.000Z")
    assert len(events("schedule added")) == len(events("schedule changed")) == 1
    assert "0 6 * * *" in etl("schedules", pipeline=TOY).stdout


def test_two_pipelines_each_have_a_schedule_and_one_process_runs_both(home: Path, land_flights) -> None:
    land_flights("2013-01-01")
    with live("--every", "1", pipeline=TOY) as one:
        one.until_said("next at")
        one.stop()
    with live("--every", "2") as both:
        until(lambda: loaded() == 4)
        both.stop()
    assert sorted(one["id"] for one in etl_json("schedules")) == ["flights", "toy"]
    assert set(rows("history.db", "SELECT pipeline FROM runs")) == {("flights",), ("toy",)}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "no schedule is stored; give one: etl --pipeline tests.core.toy:toy schedule --every 10"),
        (["--every", "0"], "every"),
        (["--every", "-5"], "every"),
        (["--every", "31536000"], "less than a year"),
        (["--every", "soon"], "--every"),
        (["--every", "5", "--cron", "* * * * *"], "give one of"),
        (["--cron", "0 6 * * 1"], "0 is Sunday for cron and Monday for APScheduler"),
        (["--cron", "every day"], "five fields"),
        (["--cron", "0 6 * * *", "--timezone", "Mars/Phobos"], "no time zone 'Mars/Phobos'"),
        (["--every", "5", "--limit", "0"], "--limit"),
        (["--limit", "5"], "go with --every or --cron"),
        (["--every", "5", "--notebook"], "runs etl_core:flights"),
    ],
)
def test_bad_usage(options: list[str], says: str, home: Path) -> None:
    done = CliRunner().invoke(cli.etl, ["--pipeline", TOY, "schedule", *options])
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr
    assert not (home / "jobs.db").exists()


def test_a_pipeline_that_cannot_be_imported(home: Path) -> None:
    done = etl("schedule", "--every", "5", pipeline="no_such_module:toy")
    assert done.returncode == 2
    assert "no_such_module" in done.stderr


def test_a_job_store_that_is_no_database(home: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "jobs.db").write_text("no database" * 1000)
    (home / "jobs.db").chmod(0o600)
    done = etl("schedule", "--every", "5", pipeline=TOY)
    assert done.returncode == 1
    assert "jobs.db: is not a whole SQLite database" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_deleted_job_store_loses_schedules_but_no_data_and_says_so(home: Path) -> None:
    with live("--every", "1", pipeline=TOY) as one:
        until(lambda: loaded() == 3)
        one.kill()
    for path in home.glob("jobs.db*"):
        path.unlink()
    done = etl("schedule", pipeline=TOY)
    assert done.returncode == 2
    assert "jobs.db is gone" in done.stderr
    with live("--every", "1", pipeline=TOY) as one:
        one.until_said("schedules lost: jobs.db is gone")
        one.stop()
    assert loaded() == 3
    assert len(etl_json("history", pipeline=TOY)) == 3


def test_a_history_of_a_newer_version_is_refused(home: Path) -> None:
    assert etl("run", "2024-01-01", pipeline=TOY).returncode == 0
    with closing(sqlite3.connect(home / "history.db")) as conn:
        conn.execute("PRAGMA user_version = 99")
    done = etl("schedule", "--every", "1", pipeline=TOY)
    assert done.returncode == 1
    assert "schema version 99" in done.stderr
    assert "Traceback" not in done.stderr


def test_looking_imports_no_apscheduler_and_scheduling_no_pandas(home: Path) -> None:
    code = "import sys\nfrom etl_core.cli import {}\nprint({!r} in sys.modules)"
    look = code.format("look, past", "apscheduler")
    assert toy.out(toy.child(look)).strip() == "False"
    idle = "import sys\nfrom etl_core.scheduling import get_scheduler\ns = get_scheduler().start()\n"
    idle += "s.add_schedule('etl_core:flights', every=60)\nprint('pandas' in sys.modules)\ns.stop()"
    assert toy.out(toy.child(idle)).strip() == "False"

"""`etl pending` and `etl status`."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from etl_core import history
from etl_core.scheduling import get_scheduler


def test_pending_as_json_is_one_document(child, call, spoil):
    spoil("2013-01-16", "dep_time", "dep_tme")
    call("backfill", "2013-01-15", "2013-01-16")
    spoil("2013-01-15", "N173US", "N174US")
    found = json.loads(child("pending", "--json").stdout)
    assert [(each["day"], each["reason"]) for each in found] == [
        ("2013-01-14", "new"),
        ("2013-01-15", "changed"),
        ("2013-01-16", "blocked"),
    ]
    assert found[0]["error"] is None
    assert found[2]["error"].startswith("BadSchema: ")


def test_pending_for_people_joins_neighbours_and_says_what_to_do(call, spoil):
    spoil("2013-01-16", "dep_time", "dep_tme")
    call("run", "2013-01-16")
    done = call("pending")
    assert done.exit_code == 0
    assert "2013-01-14 to 2013-01-15  (2 days)  new" in done.stdout
    assert "blocked" in done.stdout
    assert "load them: etl backfill 2013-01-14 2013-01-15" in done.stderr
    call("backfill", "2013-01-14", "2013-01-15")
    assert "load one by hand: etl run 2013-01-16" in call("pending").stderr


def test_nothing_pending(call, document):
    call("backfill", "2013-01-14", "2013-01-16")
    assert call("pending").stdout == "nothing pending: what has landed is loaded\n"
    assert document("pending") == []


def test_a_killed_run_is_pending_as_crashed(child, document):
    assert child("run", "2013-01-15", "--fault", "load.before-commit=kill").returncode != 0
    assert [each["reason"] for each in document("pending")] == ["new", "crashed", "new"]
    assert "✗ died" in child("history").stdout
    assert (document("status")["running"], document("status")["died"]) == (0, 1)
    shown = child("status").stdout
    assert "all is well" not in shown
    assert "1 run; the next run, tick or backfill finds out" in shown
    shown = child("show", "last").stdout
    assert "none loaded" in shown and "nothing of it was loaded: its days are pending again" in shown
    assert child("run", "2013-01-15").returncode == 0
    assert "nothing is blocked" in child("status").stdout  # two days are pending still


def test_a_run_killed_after_its_commit_has_loaded_and_a_backfill_records_it(child, document):
    assert child("run", "2013-01-15", "--fault", "load.after-commit=kill").returncode != 0
    shown = child("show", "last").stdout
    assert "✗ died" in shown and "894 read = 894 loaded + 0 rejected" in shown
    assert "its load was committed before: its days are loaded" in shown
    assert "etl backfill 2013-01-15 2013-01-15" in shown
    assert (document("status")["died"], document("status")["days_loaded"]) == (1, 1)
    done = child("backfill", "2013-01-15", "2013-01-15")
    assert (done.returncode, done.stdout) == (0, "nothing pending: what has landed is loaded\n")
    assert document("status")["died"] == 0
    assert document("history", "--limit", "1")[0]["status"] == "succeeded"


def test_status_is_well_until_a_day_is_blocked(call, document, spoil):
    assert call("status").exit_code == 0  # nothing has run; nothing is wrong
    call("run", "2013-01-15")
    found = document("status")
    assert found["ok"] is True
    assert found["reasons"] == []
    assert (found["pipeline"], found["newest_day"], found["pending"], found["blocked"]) == (
        "flights",
        "2013-01-15",
        2,
        0,
    )
    assert found["newest_success"].endswith("Z")
    assert 0 <= found["age_s"] < 60
    spoil("2013-01-14", "dep_time", "dep_tme")
    call("run", "2013-01-14")
    assert "scheduler" in call("status").stdout and found["scheduler"] is None
    scheduler = get_scheduler().start()
    assert document("status")["scheduler"].startswith(f"pid {os.getpid()} on ")
    scheduler.add_schedule("etl_core:flights", every=3600)
    assert "paused" not in call("status").stdout
    scheduler.pause("flights")
    assert document("status")["paused"] is True
    scheduler.stop()
    assert "paused: no ticks and no retries" in call("status").stdout
    assert "paused" in call("schedules").stdout
    done = call("status")
    assert done.exit_code == 1
    assert "1 day is blocked" in done.stdout
    assert document("status")["ok"] is False


@pytest.mark.parametrize(
    ("age", "limit", "code"), [(3600, "2h", 0), (3600, "30m", 1), (3600, "0.1d", 0), (3600, "3599", 1), (90, "90m", 0)]
)
def test_status_and_the_age_of_the_newest_success(call, age, limit, code):
    call("run", "2013-01-15")
    with history.open_history().begin() as conn:
        conn.execute(sa.update(history.runs).values(finished_at=datetime.now(UTC) - timedelta(seconds=age)))
    assert call("status", "--max-age", limit).exit_code == code
    assert call("status", "--max-age", limit, "--json").exit_code == code


def test_status_wants_a_success_when_asked_for_its_age(call):
    done = call("status", "--max-age", "24h")
    assert done.exit_code == 1
    assert "no run has succeeded yet, expected one within 24 h 00 min" in done.stdout
    assert call("status", "--max-age", "soon").exit_code == 2


def test_status_counts_what_is_running(call, document):
    from etl_core import flights

    run = flights.start("2013-01-15")
    assert (document("status")["running"], document("status")["overdue"]) == (1, 0)
    with history.open_history().begin() as conn:
        conn.execute(sa.update(history.runs).values(started_at=datetime.now(UTC) - timedelta(hours=1)))
    assert document("status")["overdue"] == 1
    assert "! overdue" in call("history").stdout
    run.abandon("the test ended")
    assert document("status")["running"] == 0

"""`etl history` and `etl show`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from etl_core import history

KEYS = (
    "run_id pipeline interval_start interval_end trigger attempt retry_of retry_at status started_at finished_at "
    "duration_s rows_extracted rows_loaded rows_rejected error notebook"
).split()


def test_history_as_json_has_the_keys_of_the_contract(child, call):
    call("run", "2013-01-15")
    call("run", "2013-01-16", "--fault", "load=bad-schema")
    done = child("history", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert [list(run) for run in found] == [KEYS, KEYS]
    assert [(run["interval_start"], run["interval_end"], run["status"]) for run in found] == [
        ("2013-01-16", "2013-01-17", "failed"),
        ("2013-01-15", "2013-01-16", "succeeded"),
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", run["started_at"]) for run in found)


def test_history_shows_the_newest_first_as_many_as_asked_for(call, document):
    for day in ("2013-01-14", "2013-01-15", "2013-01-16"):
        call("run", day)
    assert [run["interval_start"] for run in document("history", "--limit", "2")] == ["2013-01-16", "2013-01-15"]
    done = call("history", "--limit", "2")
    assert "2013-01-14" not in done.stdout
    assert "the newest 2" in done.stderr
    assert call("history", "--limit", "0").exit_code == 2


def test_history_has_a_sign_a_word_and_the_error(call, monkeypatch):
    call("run", "2013-01-15")
    call("run", "2013-01-15", "--fault", "load=bad-schema")
    for columns in ("80", "140"):
        monkeypatch.setenv("COLUMNS", columns)
        lines = call("history").stdout.splitlines()
        assert max(map(len, lines)) <= int(columns)
        assert "✗ failed" in lines[1]
        assert "✓ succeeded" in lines[2]
        assert any("BadSchema: fault injected at load" in line for line in lines)
        assert not any("\x1b" in line for line in lines)


def test_empty_histories(call, document):
    assert "no runs yet" in call("history").stderr
    assert document("history") == []
    assert document("history", "--events") == []
    assert call("show").exit_code == 1


def test_events(call, document):
    call("run", "2014-01-01")
    (event,) = document("history", "--events")
    assert (event["kind"], event["pipeline"], event["run_id"]) == ("refused", "flights", None)
    assert "2014-01-01 has not landed" in call("history", "--events").stdout


def test_history_of_all_pipelines_or_of_one(call, document, toy):
    call("run", "2013-01-15")
    call("--pipeline", toy, "run", "2020-05-01")
    assert {run["pipeline"] for run in document("history")} == {"toy", "flights"}
    assert {run["pipeline"] for run in document("--pipeline", toy, "history")} == {"toy"}
    assert document("--pipeline", "etl_core:flights", "show")["run"]["pipeline"] == "flights"
    assert "pipeline" in call("history").stdout.splitlines()[0]


@pytest.mark.parametrize("limit", ["0", "-1", "many", "9223372036854775808"])
def test_a_limit_that_is_none(call, limit):
    assert call("history", "--limit", limit).exit_code == 2


def test_follow_is_not_one_document(call):
    assert call("history", "--follow", "--json").exit_code == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has another way to interrupt")
@pytest.mark.parametrize("events", [[], ["--events"]])
def test_follow_prints_what_comes_until_ctrl_c(child, call, events):
    call("run", "2013-01-14")
    call("run", "2014-01-01")
    command = [sys.executable, "-u", "-m", "etl_core", "history", "--follow", *events]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        first = process.stdout.readline()
        call("run", "2013-01-15")
        call("run", "2014-01-02")
        second = process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert ("2014-01-01" if events else "2013-01-14") in first
    assert ("2014-01-02" if events else "2013-01-15") in second


@pytest.mark.skipif(os.name == "nt", reason="Windows has another way to interrupt")
def test_follow_knows_what_died(child):
    assert child("run", "2013-01-15", "--fault", "load=kill").returncode == -signal.SIGKILL
    command = [sys.executable, "-u", "-m", "etl_core", "history", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert "✗ died" in first


def test_show_as_json(call, document):
    call("run", "2013-01-15", "--fault", "extract=offline")
    found = document("show", "last")
    assert list(found) == ["run", "stages", "events", "rejected"]
    assert list(found["run"]) == KEYS
    assert [(stage["stage"], stage["attempt"], stage["status"]) for stage in found["stages"]] == [
        ("extract", 1, "failed"),
        ("extract", 2, "succeeded"),
        ("transform", 1, "succeeded"),
        ("load", 1, "succeeded"),
    ]


def test_show_takes_the_beginning_of_an_id(call):
    call("run", "2013-01-15")
    run_id = history.find("last").run_id
    assert run_id in call("show", run_id[:8]).stdout
    for wrong in ("zz", "", "'; DROP TABLE runs; --", run_id + "0"):
        done = call("show", wrong)
        assert done.exit_code == (0 if wrong == "" else 1)  # one run: nothing is a beginning of it

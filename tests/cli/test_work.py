"""`etl run` and `etl backfill`: what they load, what they say, how they end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from etl_core import history
from etl_core.warehouse import receipts_of

DONE = re.compile(r"2013-01-15: 894 rows loaded, 0 rejected, in \d+\.\d\d s \(run [0-9a-f]{8}\)\n")


def test_run_loads_a_day_and_ends_with_one_line(child):
    done = child("run", "2013-01-15")
    assert (done.returncode, done.stderr) == (0, "")
    assert DONE.fullmatch(done.stdout)
    assert child("run", "2013-01-15").returncode == 0  # always loads
    assert [run.trigger for run in history.newest_runs()] == ["manual", "manual"]


def test_run_loads_days_both_ends_included(call):
    done = call("run", "2013-01-14", "2013-01-16")
    assert done.stdout.startswith("2013-01-14 to 2013-01-16: 2,723 rows loaded")
    assert len(history.newest_runs()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["2013-02-30"],
        ["yesterday"],
        ["'; DROP TABLE flights; --"],
        ["../../etc/passwd"],
        ["2013-01-16", "2013-01-14"],
        ["2013-01-15", "9999-12-31"],
        ["2014-01-01"],
        ["2013-01-15", "--fault", "extract=nonsense"],
    ],
)
def test_bad_usage_is_exit_code_2_an_event_and_no_run(call, arguments):
    done = call("run", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert history.newest_runs() == []
    assert [event.kind for event in history.newest_events()] == ["refused"]


def test_a_permanent_failure_is_one_line_without_traceback(child):
    done = child("run", "2013-01-15", "--fault", "load=bad-schema")
    run_id = history.find("last").run_id[:8]
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: 2013-01-15: BadSchema: fault injected at load")
    assert done.stderr.endswith(f"(etl show {run_id})\n")
    assert done.stderr.count("\n") == 1


def test_attempts_that_are_tried_again_are_told(child):
    done = child("run", "2013-01-15", "--fault", "extract=offline*2")
    assert done.returncode == 0
    assert DONE.fullmatch(done.stdout)
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(re.match(r"extract failed \(ConnectionError: .*\); trying again in \d\.\d s", line) for line in lines)


def test_a_bug_in_a_stage_leaves_its_traceback_to_the_history(child, toy, tmp_path):
    done = child("--pipeline", toy, "run", "2020-05-01", cwd=str(tmp_path), TOY_BREAKS="1")
    run = history.find("last")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: 2020-05-01: ValueError: a bug [bold]in[/bold] the reader's code \\x1b[31m "
        f"(etl show {run.run_id[:8]})\n"
    )
    assert "Traceback" in run.traceback


def test_an_overlap_says_who_has_the_day(call):
    from etl_core import flights

    other = flights.start("2013-01-15")
    try:
        done = subprocess.run([sys.executable, "-m", "etl_core", "run", "2013-01-15"], capture_output=True, text=True)
    finally:
        other.abandon("the test ended")
    assert done.returncode == 1
    assert f"run {other.run_id} is at work on 2013-01-15" in done.stderr
    assert f"pid {os.getpid()}" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has another way to interrupt")
def test_ctrl_c_is_recorded_and_exit_code_1(home, landing):
    command = [sys.executable, "-m", "etl_core", "run", "2013-01-15", "--fault", "extract=slow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not history.newest_runs() or not history.stages_of(history.find("last").run_id):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    run = history.find("last")
    assert (process.returncode, out) == (1, "")
    assert f"interrupted: run {run.run_id[:8]} is recorded as failed" in err
    assert "Traceback" not in err
    assert (run.status, run.error, run.blocked) == ("failed", "KeyboardInterrupt", False)


def test_faults_in_the_environment_that_have_all_fired_are_told(child):
    first = child("run", "2013-01-15", ETL_FAULTS="load=slow")
    second = child("run", "2013-01-15", ETL_FAULTS="load=slow")
    assert first.stderr == "faults are armed: load=slow\n"
    assert second.stderr.startswith("ETL_FAULTS=load=slow is set, but all of it has fired already")


def test_backfill_loads_what_is_pending_and_then_nothing(child, call):
    call("run", "2013-01-15")
    first = child("backfill", "2013-01-14", "2013-01-16")
    again = child("backfill", "2013-01-14", "2013-01-16")
    assert [line[:10] for line in first.stdout.splitlines()[:-1]] == ["2013-01-14", "2013-01-16"]
    assert first.stdout.splitlines()[-1].startswith("2 days loaded in 2 runs: 1,829 rows, 0 rejected, in ")
    assert (first.returncode, first.stderr) == (0, "")
    assert (again.returncode, again.stdout) == (0, "nothing pending: what has landed is loaded\n")


def test_backfill_again_loads_all_and_a_month_in_one_run(call):
    call("backfill", "2013-01-14", "2013-01-16")
    done = call("backfill", "2013-01-14", "2013-01-16", "--again", "--batch", "month")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].startswith("3 days loaded in 1 run: 2,723 rows")


def test_backfill_names_what_is_missing_first_and_goes_on(child):
    done = child("backfill", "2013-01-12", "2013-01-20", "--batch", "month")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "6 days have not landed: 2013-01-12…13, 2013-01-17…20"
    assert "3 days loaded in 1 run" in done.stdout
    assert child("backfill", "2013-01-12", "2013-01-20").returncode == 1  # they are still missing


def test_a_bad_day_sinks_only_itself(call, spoil):
    spoil("2013-01-15", "dep_time", "dep_tme")
    done = call("backfill", "2013-01-14", "2013-01-16", "--batch", "month")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert "2013-01-14 to 2013-01-16: failed, its days are tried one by one" in lines[0]
    assert "2 days loaded in 2 runs" in lines[-1]
    assert "blocked until corrected: 2013-01-15" in done.stderr
    assert "etl run 2013-01-15" in done.stderr
    assert sorted(str(day) for day in receipts_of("flights")) == ["2013-01-14", "2013-01-16"]


def test_backfill_that_cannot_look_any_more_says_how_far_it_came(child, toy, tmp_path):
    arguments = ["--pipeline", toy, "backfill", "2020-05-01", "2020-05-03"]
    done = child(*arguments, cwd=str(tmp_path), TOY_SERVER_GONE_AFTER="2")
    assert done.returncode == 1 and "ConnectionError: the server is gone" in done.stderr
    assert "after 2 runs; the same command goes on with the rest" in done.stderr
    assert "1 day loaded" in child(*arguments, cwd=str(tmp_path)).stdout


def test_backfill_says_what_is_worth_another_try(call):
    done = call("backfill", "2013-01-14", "2013-01-16")
    assert done.exit_code == 0
    from etl_core import faults

    faults.inject("transform=locked*3")
    done = call("backfill", "2013-01-14", "2013-01-16", "--again")
    assert done.exit_code == 1
    assert "worth another try: etl backfill 2013-01-14 2013-01-14" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("2 days loaded in 2 runs")


@pytest.mark.parametrize(
    "arguments",
    [["2013-01-16", "2013-01-14"], ["2013-1-1", "2013-01-02"], ["2013-01-14", "2013-01-16", "--batch", "week"]],
)
def test_backfill_refuses_bad_usage(call, arguments):
    done = call("backfill", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert history.newest_runs() == []


def test_a_file_that_breaks_off_sinks_only_its_own_day(call, landing):
    path = landing / "flights" / "2013-01-15.csv"
    path.write_bytes(path.read_bytes()[:20_001])
    done = call("backfill", "2013-01-14", "2013-01-16", "--batch", "month")
    assert done.exit_code == 1
    assert "2013-01-14 to 2013-01-16: failed, its days are tried one by one" in done.stdout
    assert sorted(str(day) for day in receipts_of("flights")) == ["2013-01-14", "2013-01-16"]
    assert "worth another try: etl backfill 2013-01-15 2013-01-15" in done.stderr


def test_a_run_of_days_that_fails_names_its_error_and_promises_nothing(call, spoil):
    spoil("2013-01-15", "dep_time", "dep_tme")
    done = call("run", "2013-01-14", "2013-01-16")
    assert done.exit_code == 1
    assert "no column dep_time (renamed to dep_tme?)" in done.stderr.replace("'", "")
    assert "one by one" not in done.stderr


def test_what_is_noted_is_told_and_kept(call, landing):
    (landing / "weather" / "2013-01-15.csv").unlink()
    done = call("run", "2013-01-15")
    assert done.exit_code == 0
    assert "weather/2013-01-15.csv: not found; the flights of 2013-01-15 get no weather" in done.stderr
    shown = call("show", "last").stdout
    assert "noted:" in shown and "the flights of 2013-01-15 get no weather" in " ".join(shown.split())
    assert "get no weather" in (call("history", "--events").stdout)


def test_an_error_after_the_commit_is_told(call, toy, tmp_path):
    module = toy.partition(":")[0]
    text = (tmp_path / f"{module}.py").read_text(encoding="utf-8")
    (tmp_path / f"{module}.py").write_text(text + "\n", encoding="utf-8")
    broken = text.replace("for day in days})\n", "for day in days})\n    raise ValueError('oops')\n")
    (tmp_path / f"{module}.py").write_text(broken, encoding="utf-8")
    done = call("--pipeline", toy, "run", "2020-05-01")
    assert done.exit_code == 1
    assert "10 rows loaded" in done.stdout
    assert "2020-05-01: loaded, but after the commit: ValueError: oops" in done.stderr
    assert "after the commit: ValueError: oops" in call("show", "last").stdout


def test_a_stage_that_exits_does_not_end_the_command_in_silence(call, toy, tmp_path):
    module = toy.partition(":")[0]
    text = (tmp_path / f"{module}.py").read_text(encoding="utf-8")
    (tmp_path / f"{module}.py").write_text(text.replace("    return interval.days", "    raise SystemExit(0)"))
    done = call("--pipeline", toy, "backfill", "2020-05-01", "2020-05-02")
    assert done.exit_code == 1
    assert done.stderr.count("extract called sys.exit(0)") == 2


def test_a_log_that_cannot_be_written_is_told_once_and_stops_nothing(child, home):
    (home / "logs" / "etl.log").mkdir(parents=True)
    done = child("run", "2013-01-15")
    assert done.returncode == 0
    assert done.stderr.count("etl.log: cannot be written") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_one_line(home, landing):
    command = f"{sys.executable} -m etl_core run 2013-01-15 > /dev/full"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Error: the output cannot be written: the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert "2013-01-15" in {str(day) for day in receipts_of("flights")}


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_closed_stream_stops_nothing(home, landing, closed):
    command = f"{sys.executable} -m etl_core run 2013-01-15 {closed}>&-"
    assert subprocess.run(command, shell=True, capture_output=True, timeout=60).returncode == 0
    assert [str(day) for day in receipts_of("flights")] == ["2013-01-15"]

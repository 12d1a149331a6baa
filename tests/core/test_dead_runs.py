"""Dead runs and overlaps: who is alive is told by locks, never by pids; on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl_core import Interval, faults, history, pending_days, receipts_of, running
from etl_core.errors import EtlError, Overlap
from etl_core.history import Run, runs
from etl_core.locks import Lock
from tests.core.toy import child, folder, land, out, toy, until

DAY = "2024-01-01"


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=30)


def in_extract(day: str = DAY, **environment: str) -> subprocess.Popen[str]:
    """A child that is in the middle of `extract` until the file `go` appears or it is killed."""
    land(day, "a,1\nwait\n")
    process = child(f"print(toy.run({day!r}).status)", **environment)
    until(lambda: (folder() / "waiting").exists() or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


def pending() -> dict[str, str]:
    return {str(day.day): day.reason for day in pending_days(toy)}


# ---- overlap -------------------------------------------------------------------------------------


def test_a_second_process_is_refused_and_told_who_and_since_when(database: str, letters: Path) -> None:
    first = in_extract()
    [holder] = history.newest_runs()
    with pytest.raises(Overlap) as caught:
        toy.run(DAY)
    message = str(caught.value)
    assert f"run {holder.run_id} is at work on {DAY} (pid {first.pid} on {holder.host}" in message
    assert holder.started_at.strftime("since %Y-%m-%d %H:%M:%S UTC") in message and "own" not in message
    [event] = history.newest_events()
    assert (event.kind, event.pipeline, event.message) == ("refused", "toy", message)
    assert [run.run_id for run in history.newest_runs()] == [holder.run_id]  # a refused run is no row
    assert toy.run("2024-01-02").status == "succeeded"  # its neighbour is free
    with pytest.raises(Overlap):
        toy.run(DAY, "2024-01-03")  # a span around it is not
    (folder() / "go").touch()
    assert out(first) == "succeeded\n"
    assert toy.run(DAY).status == "succeeded"
    locks = Path(os.environ["ETL_HOME"]) / "locks"
    assert not locks.exists() or list(locks.iterdir()) == []  # nothing is left behind


AT_ONCE = """
until(lambda: (folder() / "start").exists())
try:
    print(toy.run("2024-01-01").status)
except Exception as error:
    print(type(error).__name__)
"""


def test_processes_that_start_at_once_one_gets_the_day(database: str, letters: Path) -> None:
    land(DAY, "a,1\nwait\n")
    children = [child(AT_ONCE) for _ in range(3)]
    (folder() / "start").touch()
    until(lambda: sum(process.poll() is not None for process in children) == 2, 60)
    (folder() / "go").touch()
    assert sorted(out(process) for process in children) == ["Overlap\n", "Overlap\n", "succeeded\n"]
    assert [run.status for run in history.newest_runs()] == ["succeeded"]
    assert [event.kind for event in history.newest_events()] == ["refused", "refused"]


def test_threads_that_start_at_once_one_gets_the_day(database: str, letters: Path) -> None:
    land(DAY, "a,1\nwait\n")
    ended: list[str] = []

    def run() -> None:
        try:
            ended.append(toy.run(DAY).status)
        except Overlap:
            ended.append("refused")

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    until(lambda: len(ended) == 5)
    (folder() / "go").touch()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["refused"] * 5 + ["succeeded"]


def test_threads_on_different_days_do_not_disturb_each_other(database: str, letters: Path) -> None:
    days = [f"2024-02-{n:02}" for n in range(1, 9)]
    for day in days:
        land(day, "a,1\nb,2\n")
    ended: list[Run] = [toy.run(days[0])]  # makes the toy's own table
    threads = [threading.Thread(target=lambda day=day: ended.append(toy.run(day))) for day in days[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [run.status for run in ended] == ["succeeded"] * 8
    assert sum(receipt.rows_loaded for receipt in receipts_of("toy").values()) == 16


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        (("2024-01-01", "2024-01-02"), ("2024-01-02", "2024-01-03"), True),
        (("2024-01-01", "2024-01-03"), ("2024-01-02", "2024-01-02"), True),
        (("2024-01-02", "2024-01-02"), ("2024-01-01", "2024-01-03"), True),
        (("2024-01-01", "2024-01-02"), ("2024-01-03", "2024-01-03"), False),
        (("2024-01-03", "2024-01-03"), ("2024-01-01", "2024-01-02"), False),
    ],
)
def test_what_overlaps(letters: Path, first: tuple[str, str], second: tuple[str, str], overlap: bool) -> None:
    run = toy.start(*first)
    if overlap:
        with pytest.raises(Overlap, match=r"this process's own: finish\(\) or abandon\(\) it"):
            toy.run(*second)
    else:
        assert toy.run(*second).status == "succeeded"
    run.finish()
    assert run.record().status == "succeeded"


def test_another_pipeline_may_have_the_same_day(letters: Path) -> None:
    from dataclasses import replace

    run = toy.start(DAY)
    other = replace(toy, name="other").start(DAY)
    assert run.record().status == other.record().status == "running"


# ---- dead runs -----------------------------------------------------------------------------------


def test_killed_in_a_stage_is_crashed_and_the_day_pending(database: str, letters: Path) -> None:
    killed(in_extract())
    [left] = history.newest_runs()
    assert left.status == "running"
    assert pending() == {DAY: "crashed", "2024-01-02": "new", "2024-01-03": "new"}
    [resolved] = running.resolve_dead()
    assert (resolved.run_id, resolved.status) == (left.run_id, "crashed")
    [run] = history.newest_runs()
    assert run == resolved and run.error == f"the process died (pid {left.pid} on {left.host})"
    assert run.finished_at and run.blocked is False
    [stage] = history.stages_of(run.run_id)
    assert (stage.stage, stage.status) == ("extract", "crashed")
    [event] = history.newest_events()
    assert (event.kind, event.run_id) == ("recovered", run.run_id)
    assert pending()[DAY] == "crashed"
    (folder() / "go").touch()
    assert toy.run(DAY).status == "succeeded"
    assert DAY not in pending()


def test_killed_after_its_commit_is_succeeded(database: str, letters: Path) -> None:
    process = child(f"toy.run({DAY!r}, '2024-01-02')", ETL_FAULTS="load.after-commit=kill")
    process.communicate(timeout=60)
    assert set(pending()) == {"2024-01-03"}
    [run] = running.resolve_dead()
    assert (run.status, run.error) == ("succeeded", None)
    assert (run.rows_extracted, run.rows_loaded, run.rows_rejected) == (8, 6, 2)
    assert [stage.status for stage in history.stages_of(run.run_id)] == ["succeeded"] * 3
    assert history.newest_runs() == [run]


@pytest.mark.parametrize("point", ["extract", "transform", "load", "load.before-commit"])
def test_killed_before_its_commit_nothing_of_it_is_there(database: str, letters: Path, point: str) -> None:
    toy.run(DAY)
    before = receipts_of("toy")
    land(DAY, "z,26\n")
    process = child(f"toy.run({DAY!r})", ETL_FAULTS=f"{point}=kill")
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert receipts_of("toy") == before
    assert pending()[DAY] == "crashed"
    toy.run(DAY)
    assert [run.status for run in history.newest_runs()] == ["succeeded", "crashed", "succeeded"]


def test_a_new_run_resolves_the_dead_ones(database: str, letters: Path) -> None:
    killed(in_extract())
    (folder() / "go").touch()
    assert toy.run(DAY).status == "succeeded"  # not refused, though the row said `running`
    assert [run.status for run in history.newest_runs()] == ["succeeded", "crashed"]


def test_a_living_run_is_left_alone(database: str, letters: Path) -> None:
    process = in_extract()
    assert running.resolve_dead() == []
    assert pending()[DAY] == "new"
    [run] = history.newest_runs()
    assert running.is_alive(run.run_id) and run.status == "running"
    (folder() / "go").touch()
    assert out(process) == "succeeded\n"
    assert not running.is_alive(run.run_id)


def test_a_run_that_has_ended_holds_nothing(database: str, letters: Path) -> None:
    land("2024-01-02", "broken\n")
    ended = [toy.run(DAY), toy.attempt(Interval.of("2024-01-02"))]
    abandoned = toy.start("2024-01-03")
    abandoned.abandon("enough")
    for run_id in [*(run.run_id for run in ended), abandoned.run_id]:
        assert not running.is_alive(run_id)


def insert(**given: object) -> Run:
    """A row that says `running`, as a process that has died leaves it."""
    day = date.fromisoformat(DAY)
    run = Run(pipeline="toy", interval_start=day, interval_end=date(2024, 1, 2), **given)
    with history.open_history().begin() as conn:
        conn.execute(sa.insert(runs), vars(run))
    return run


def test_the_pid_of_a_living_stranger_does_not_matter(database: str, letters: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        dead = [insert(pid=stranger.pid), insert(pid=os.getpid()), insert(pid=1)]
        assert {run.run_id for run in running.resolve_dead()} == {run.run_id for run in dead}
        assert toy.run(DAY).status == "succeeded"
    finally:
        stranger.communicate(b"\n")


def test_a_lock_file_left_behind_does_not_matter(letters: Path, home: Path) -> None:
    dead = insert()
    (home / "locks").mkdir(exist_ok=True)
    (home / "locks" / f"run-{dead.run_id}.lock").touch()
    assert not running.is_alive(dead.run_id)
    assert toy.run(DAY).status == "succeeded"
    assert history.find(dead.run_id).status == "crashed"


def test_a_clock_that_was_wrong_does_not_matter(letters: Path) -> None:
    insert(started_at=datetime(2099, 1, 1, tzinfo=UTC))
    assert toy.run(DAY).status == "succeeded"


def test_receipts_of_another_run_do_not_make_a_dead_one_succeeded(letters: Path) -> None:
    toy.run(DAY)
    dead = insert()
    assert [run.status for run in running.resolve_dead()] == ["crashed"]
    assert history.find(dead.run_id).status == "crashed"


def test_dead_runs_of_several_pipelines_are_resolved(letters: Path) -> None:
    day = date.fromisoformat(DAY)
    for name in ("toy", "other"):
        with history.open_history().begin() as conn:
            row = Run(pipeline=name, interval_start=day, interval_end=date(2024, 1, 2))
            conn.execute(sa.insert(runs), vars(row))
    assert sorted(run.pipeline for run in running.resolve_dead()) == ["other", "toy"]
    assert running.resolve_dead() == []


RESOLVE = "print(len(running.resolve_dead()))"


def test_many_that_resolve_at_once_resolve_each_once(database: str, letters: Path) -> None:
    for _ in range(5):
        insert()
    children = [child(RESOLVE) for _ in range(3)]
    assert sum(int(out(process)) for process in children) == 5
    assert len(history.newest_events()) == 5


def test_looking_at_a_dead_run_does_not_keep_a_new_one_out(letters: Path) -> None:
    """Whoever asks whether it is alive holds its lock for a moment: that must not look like life to another."""
    dead = insert()
    looking = running.Lock(f"run-{dead.run_id}")
    assert looking.take()
    threading.Timer(0.1, looking.release).start()
    assert toy.run(DAY).status == "succeeded"


def test_a_kill_between_lock_and_row_leaves_no_run(database: str, letters: Path) -> None:
    code = """
import signal, etl_core.running as r
real = r._resolve
def kill(conn):
    real(conn)
    os.kill(os.getpid(), signal.SIGKILL)
r._resolve = kill
toy.run("2024-01-01")
"""
    child("import os" + code).communicate(timeout=60)
    assert history.newest_runs() == []
    assert toy.run(DAY).status == "succeeded"


def test_locks_of_one_process_keep_each_other_out(database: str, letters: Path) -> None:
    one, two = running.Lock("x"), running.Lock("x")
    assert one.take() and not two.take()
    one.release()
    assert two.take() and not one.take()
    two.release()


def test_a_lock_is_dropped_when_its_holder_dies(database: str, letters: Path) -> None:
    code = "lock = running.Lock('x'); print(lock.take(), flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", f"from etl_core import running; {code}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "True\n"
    mine = running.Lock("x")
    assert not mine.take()
    killed(process)
    until(mine.take)
    mine.release()


def test_a_fault_at_every_point_by_one_variable(database: str, letters: Path) -> None:
    faults.inject("extract=offline,transform=locked,load=offline")
    run = toy.run(DAY)
    assert run.status == "succeeded" and len(history.stages_of(run.run_id)) == 6


def test_an_interval_is_half_open_in_the_record(database: str, letters: Path) -> None:
    run = toy.run(Interval.of(DAY, "2024-01-02"))
    assert (run.interval_start, run.interval_end) == (date(2024, 1, 1), date(2024, 1, 3))


def test_a_lock_that_cannot_be_made_is_told(home: Path) -> None:
    lock = Lock("scheduler")
    lock.path.mkdir(parents=True)
    with pytest.raises(EtlError, match=r"locks/scheduler\.lock: cannot be made \(Is a directory\); make its folder"):
        lock.take()

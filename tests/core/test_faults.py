"""Faults: the grammar, and that each use is claimed once, whoever asks."""

from __future__ import annotations

import signal
import sqlite3
import sys
from pathlib import Path
from threading import Thread

import pytest

from etl_core import faults, history
from etl_core.errors import BadParameter, BadSchema
from etl_core.retry import is_transient
from tests.core.toy import child, out, toy


def test_the_grammar_in_full() -> None:
    text = " extract=offline*2 , load.before-commit=kill,,transform=bad-schema*12,recovery=slow "
    assert [str(fault) for fault in faults.parse(text)] == [
        "extract=offline*2",
        "load.before-commit=kill",
        "transform=bad-schema*12",
        "recovery=slow",
    ]
    assert faults.parse("") == faults.parse(" , ") == []


@pytest.mark.parametrize("point", faults.POINTS)
@pytest.mark.parametrize("kind", faults.KINDS)
def test_every_point_takes_every_kind(point: str, kind: str) -> None:
    assert faults.parse(f"{point}={kind}") == [faults.Fault(point, kind, 1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("extract", "found 'extract', expected POINT=KIND"),
        ("extract=", "expected POINT=KIND"),
        ("=kill", "expected POINT=KIND"),
        ("extract=kill*0", "expected POINT=KIND or POINT=KIND*TIMES"),
        ("extract=kill*00", "expected POINT=KIND or POINT=KIND*TIMES"),
        ("extract=kill*-1", "expected POINT=KIND"),
        ("extract=kill*x", "expected POINT=KIND"),
        ("extract=kill*99999", "expected POINT=KIND"),
        ("extract = kill", "expected POINT=KIND"),
        ("Extract=kill", "expected POINT=KIND"),
        ("extract=kill;load=kill", "expected POINT=KIND"),
        ("../../x=kill", "expected POINT=KIND"),
        ("lift=kill", "no point 'lift'; points are extract, transform, load,"),
        ("load=explode", "no kind 'explode'; kinds are offline, locked,"),
        ("extract=offline,load=explode", "no kind 'explode'"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(BadParameter, match="faults: ") as caught:
        faults.parse(text)
    assert said in str(caught.value)


def test_a_malformed_variable_is_an_error_before_a_run_exists(letters: Path, monkeypatch) -> None:
    monkeypatch.setenv("ETL_FAULTS", "load=explode")
    with pytest.raises(BadParameter, match="ETL_FAULTS: there is no kind 'explode'"):
        toy.run("2024-01-01")
    assert history.newest_runs() == []


def test_kinds_do_what_they_say(home: Path, monkeypatch) -> None:
    caught = {}
    for kind in ("offline", "locked", "bad-schema"):
        faults.inject(f"load={kind}")
        with pytest.raises((ConnectionError, sqlite3.OperationalError, BadSchema)) as found:
            faults.fire("load")
        caught[kind] = is_transient(found.value)
        faults.fire("load")  # used up
    assert caught == {"offline": True, "locked": True, "bad-schema": False}
    pauses: list[float] = []
    monkeypatch.setattr(faults.time, "sleep", pauses.append)
    faults.inject("load=slow*2")
    for _ in range(4):
        faults.fire("load")
    assert pauses == [3.0, 3.0]


def fired(point: str) -> int:
    try:
        faults.fire(point)
    except ConnectionError:
        return 1
    return 0


def test_two_failures_are_two_and_others_points_are_not_touched(home: Path) -> None:
    faults.inject("extract=offline*2")
    assert fired("load") == 0
    assert faults.armed() == [faults.Fault("extract", "offline", 2)]
    assert [fired("extract") for _ in range(4)] == [1, 1, 0, 0]
    assert faults.armed() == []


def test_the_same_fault_written_twice_or_armed_twice_is_two(home: Path) -> None:
    faults.inject("extract=offline,extract=offline")
    assert sum(fired("extract") for _ in range(4)) == 2
    faults.inject("extract=offline")
    faults.inject("extract=offline")
    assert sum(fired("extract") for _ in range(4)) == 2


def test_clear_disarms_and_the_environment_counts_anew(home: Path, monkeypatch) -> None:
    monkeypatch.setenv("ETL_FAULTS", "extract=offline")
    faults.inject("load=offline*5")
    faults.inject("transform=offline*5", everywhere=False)
    assert [fired("extract"), fired("extract")] == [1, 0]
    faults.clear()
    assert [fired(point) for point in ("load", "transform", "extract", "extract")] == [0, 0, 1, 0]


def test_without_faults_nothing_is_made(home: Path) -> None:
    faults.fire("load")
    faults.clear()
    assert faults.armed() == []
    assert not home.exists()


def test_threads_share_the_times(home: Path) -> None:
    faults.inject("extract=offline*25")
    hits: list[int] = []
    threads = [Thread(target=lambda: hits.extend(fired("extract") for _ in range(10))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(hits), sum(hits)) == (80, 25)


COUNT = """
hits = 0
for _ in range(20):
    try:
        faults.fire("load")
    except ConnectionError:
        hits += 1
print(hits)
"""


def test_processes_share_the_times(letters: Path) -> None:
    faults.inject("load=offline*10")
    children = [child(COUNT, ETL_FAULTS="load=offline*7") for _ in range(3)]
    assert sum(int(out(process)) for process in children) == 17


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_kill_fires_once_and_does_not_come_back(letters: Path) -> None:
    first = child("toy.run('2024-01-01')", ETL_FAULTS="transform=kill")
    first.communicate(timeout=60)
    assert first.returncode == -signal.SIGKILL
    assert out(child("print(toy.run('2024-01-01').status)", ETL_FAULTS="transform=kill")) == "succeeded\n"


def test_armed_for_one_process_is_not_seen_by_another(letters: Path) -> None:
    faults.inject("extract=offline", everywhere=False)
    assert out(child("print(faults.armed())")) == "[]\n"
    assert fired("extract") == 1


def test_a_fault_cleared_while_it_is_looked_at_is_no_error(home: Path, monkeypatch) -> None:
    faults.inject("extract=offline")
    entries = list((home / "faults").glob("*"))
    faults.clear()
    monkeypatch.setattr(Path, "glob", lambda *_: iter(entries))
    faults.fire("extract")

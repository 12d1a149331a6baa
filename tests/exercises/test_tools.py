"""The graders' tools."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from exercises import guard
from exercises.tools.child import in_child
from exercises.tools.clock import Clock, OverBudget, machine_in
from exercises.tools.compare import difference, show
from exercises.tools.crash import crash_images, database
from exercises.tools.files import watched
from exercises.tools.server import Page, serve

NEW_YORK = ZoneInfo("America/New_York")
INSTANT = datetime(2013, 1, 15, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (INSTANT.astimezone(NEW_YORK), INSTANT),
        (pd.Timestamp(INSTANT), INSTANT),
        ((1, 2), [1, 2]),
        (float("nan"), None),
        (pd.NaT, None),
        (pd.Series([3])[0], 3),
        ({"a": 1, "b": 2}, {"a": 1}),
        (pd.DataFrame({"a": [2, 1], "b": "x"}), pd.DataFrame({"a": [1, 2]})),
        (pd.DataFrame({"a": [None, 1.0]}), pd.DataFrame({"a": [1, None]})),
    ],
)
def test_equal_by_meaning(got: object, want: object) -> None:
    assert difference(got, want) == ""


@pytest.mark.parametrize(
    ("got", "want", "words"),
    [
        (True, 1, "expected 1, got True"),
        (INSTANT.replace(tzinfo=None), INSTANT, "expected 2013-01-15 10:00:00+00:00, got 2013-01-15 10:00:00"),
        (datetime(2013, 1, 15), date(2013, 1, 15), "expected 2013-01-15, got 2013-01-15 00:00:00"),
        ([date(2013, 1, 2)], [date(2013, 1, 1)], "expected [2013-01-01], got [2013-01-02]"),
        ({"a": 1}, {"b": 1}, "the key 'b' is not there"),
        ({"a": 1}, {"a": 2}, "at 'a': expected 2, got 1"),
        (None, pd.DataFrame({"a": [1]}), "expected a DataFrame, got None"),
        (pd.DataFrame({"a": [1, 1]}), pd.DataFrame({"a": [1]}), "expected 1 rows, got 2"),
        (pd.DataFrame({"b": [1]}), pd.DataFrame({"a": [1]}), "the column 'a' is not there; there are b"),
        (pd.DataFrame({"a": [1, 2], "b": [5, 6]}), pd.DataFrame({"a": [1, 2], "b": [5, 7]}), "has b = 6"),
    ],
)
def test_differences_are_said(got: object, want: object, words: str) -> None:
    assert words in difference(got, want)


def test_crash_images_are_what_a_kill_leaves(tmp_path: Path) -> None:
    path = database(tmp_path / "toy.db", "CREATE TABLE t (n INTEGER)")
    with closing(sqlite3.connect(path)) as conn, crash_images(conn, path, tmp_path / "images") as images:
        conn.execute("INSERT INTO t VALUES (1)")
        conn.commit()
        conn.executemany("INSERT INTO t VALUES (?)", [(2,), (3,)])
    seen = images.each(lambda copy: copy.execute("SELECT COUNT(*) FROM t").fetchone()[0])
    kinds = [statement.split()[0] for statement in images.before]
    assert list(zip(kinds, seen, strict=True)) == [
        ("BEGIN", 0),
        ("INSERT", 0),
        ("COMMIT", 0),
        ("BEGIN", 1),
        ("INSERT", 1),
        ("the", 1),  # the end: two rows were never committed
    ]


def test_the_server_cuts_and_refuses() -> None:
    pages = {"/whole": Page(b"x" * 10), "/cut": Page(b"x" * 10, cut=4), "/busy": Page(b"", 503)}
    with serve(pages) as site:
        with urllib.request.urlopen(f"{site.url}/cut") as reply:
            assert reply.headers["Content-Length"] == "10" and reply.read(100) == b"xxxx"
        with urllib.request.urlopen(f"{site.url}/whole") as reply:
            assert reply.read() == b"x" * 10
        for path, status in (("/busy", 503), ("/other", 404)):
            with pytest.raises(urllib.error.HTTPError) as raised:
                urllib.request.urlopen(f"{site.url}{path}")
            assert raised.value.code == status
            raised.value.close()
        assert site.asked == ["/cut", "/whole", "/busy", "/other"]


def test_the_server_is_slow_drops_and_changes_its_mind() -> None:
    got: list[bytes] = []

    def keep(body: bytes) -> Page:
        got.append(body)
        return Page(b"kept", drop=len(got) == 1)

    pages = {"/turns": [Page(status=503), Page(b"x", delay=5), Page(b"at last")], "/keep": keep}
    with serve(pages) as site:

        def ask(path: str, data: bytes | None = None) -> bytes:
            with urllib.request.urlopen(f"{site.url}{path}", data, timeout=0.5) as reply:
                return reply.read()

        with pytest.raises(urllib.error.HTTPError) as raised:
            ask("/turns")
        raised.value.close()
        with pytest.raises(TimeoutError):
            ask("/turns")
        assert [ask("/turns"), ask("/turns")] == [b"at last", b"at last"]
        pages["/turns"] = [Page(b"new"), Page(b"newer")]
        assert [ask("/turns"), ask("/turns")] == [b"new", b"newer"]
        with pytest.raises(ConnectionResetError):
            ask("/keep", b"rows")
        assert ask("/keep", b"rows") == b"kept"
        assert got == [b"rows", b"rows"]


def test_a_child_that_dies_is_an_answer() -> None:
    def dies(how: str) -> str:
        if how == "exit":
            os._exit(7)
        if how == "raise":
            raise ValueError("no")
        if how == "hang":
            time.sleep(60)
        return how

    assert in_child(dies, "well").value == "well"
    assert in_child(dies, "exit").returncode == 7
    assert in_child(dies, "raise").error == "ValueError: no"
    assert in_child(dies, "hang", seconds=1).returncode is None


def test_writes_are_seen(tmp_path: Path) -> None:
    seen = []
    (tmp_path / "old").write_text("x", encoding="utf-8")
    with watched(lambda how, path: seen.append((how, path.name))):
        (tmp_path / "old").read_text(encoding="utf-8")
        (tmp_path / "a").write_text("x", encoding="utf-8")
        os.close(os.open(tmp_path / "b", os.O_CREAT | os.O_WRONLY))
        os.replace(tmp_path / "a", tmp_path / "c")
        (tmp_path / "b").unlink()
    (tmp_path / "d").write_text("x", encoding="utf-8")
    assert seen == [("open", "a"), ("open", "b"), ("gone", "a"), ("rename", "c"), ("gone", "b")]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be changed here")
@pytest.mark.parametrize("before", [None, "Asia/Kolkata"])
@pytest.mark.parametrize("work", [lambda: None, lambda: 1 / 0, lambda: time.sleep(30)], ids=["ends", "raises", "hangs"])
def test_a_machine_stands_elsewhere_for_a_while(
    before: str | None, work: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", before) if before else monkeypatch.delenv("TZ", raising=False)
    time.tzset()
    zone, seen = time.strftime("%z"), []

    @machine_in("Asia/Kathmandu")
    def elsewhere() -> None:
        thread = threading.Thread(target=lambda: seen.append(time.strftime("%z")))
        thread.start()
        thread.join()
        work()

    guard.run(elsewhere, seconds=0.3)
    assert seen == ["+0545"]
    assert (time.strftime("%z"), os.environ.get("TZ")) == (zone, before)
    monkeypatch.undo()
    time.tzset()


def test_the_clock_moves_by_sleeping_and_has_a_budget() -> None:
    clock = Clock(INSTANT, budget=4)
    clock.sleep(30)
    clock.pass_time(30)
    assert clock.now() == INSTANT + timedelta(minutes=1)
    assert clock.slept == [30]
    with pytest.raises(OverBudget):
        for _ in range(3):
            clock.now()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to a thread here")
def test_the_stop_button_still_stops() -> None:
    def press() -> None:
        time.sleep(0.2)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        guard.run(lambda: time.sleep(30), seconds=20)
    assert guard.run(lambda: 3, seconds=5).value == 3


def test_long_lists_are_told_apart_where_they_differ() -> None:
    days = [date(2013, 1, n) for n in range(1, 32)]
    assert difference(list(reversed(days)), days) == "item 0: expected 2013-01-01, got 2013-01-31"
    assert difference(days[:30], days).startswith("expected 31 items, got 30: ")
    assert difference([], days).startswith("expected 31 items, got 0: ")
    assert difference([2, 1], [1, 2]) == "expected [1, 2], got [2, 1]"
    assert show((days[0], days[1])) == "(2013-01-01, 2013-01-02)"

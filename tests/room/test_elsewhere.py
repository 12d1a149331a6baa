"""What another process did or does: it holds the lock, it was killed, it runs a day by hand."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_core import faults
from etl_core.errors import Refused
from etl_core.scheduling import holder
from etl_core.views.room.delivery import Delivery
from tests.core.toy import child, land, until
from tests.room.look import SELDOM, answers, until_loaded

ROOM = """
from etl_core.views.control_room import control_room
from etl_core.views.room.choice import Choice
room = control_room(toy)
room.start(choice=Choice(seconds={seconds}, limit=1))
{more}
until(lambda: False, 120)
"""


LOOKING = """
import time
from etl_core.scheduling import holder
print("looking", flush=True)
while True:
    holder.holding()
    time.sleep(0.005)
"""


@pytest.fixture
def other(letters: Path) -> Iterator[object]:
    """`other(seconds, code)` starts a room in a process of its own, killed in the end."""
    started: list[subprocess.Popen] = []

    def start(seconds: float = 3600, more: str = "") -> subprocess.Popen:
        started.append(child(ROOM.format(seconds=seconds, more=more)))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_room_elsewhere_holds_the_lock_and_this_one_says_who(room: object, other: object) -> None:
    process = other()
    until(lambda: room.view().state == "held")
    who = room.view().holder
    assert (who.pid, who.host) == (process.pid, socket.gethostname())
    told = answers(room)["scheduler"]
    assert told.value == "yes, elsewhere"
    assert f"pid {process.pid} on {socket.gethostname()}, since " in told.detail
    for command in (room.start, room.stop, room.pause, room.resume, lambda: room.set_schedule(SELDOM)):
        with pytest.raises(Refused, match=f"pid {process.pid} on "):
            command()
    assert room.view().state == "held"  # being refused changes nothing
    assert room.view().schedule.when == "every 3600 s"
    room.run_now()  # by hand it can be loaded all the same, as many days as a tick would
    until_loaded(room, 1)
    process.kill()
    process.wait()
    assert room.view().state == "stopped"  # as soon as it is dead
    assert room.start() == "started"
    assert room.view().holder.pid == os.getpid()


def test_a_room_that_is_refused_lets_the_landing_go_and_says_who_has_it(
    room: object, other: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_LANDING", "")  # put back afterwards
    landing = "from etl_core.views.room.delivery import Delivery\nroom.use(Delivery(days=0, every=0.1))"
    process = other(more=landing)
    until(lambda: (room.home / "locks" / "delivery.pid").exists())
    mine = Delivery(days=1, every=0.1)
    room.use(mine)
    until(lambda: mine.problem == f"another process (pid {process.pid}) lands the days of this folder")
    with pytest.raises(Refused):
        room.start()
    assert "from the room that has the scheduler" in mine.problem
    process.kill()
    process.wait()
    assert [one.name for one in threading.enumerate() if one.name == "room-delivery"] == []  # nobody waits for it here
    assert mine.landed() == []
    room.start(choice=SELDOM)
    until(mine.landed)  # and with the scheduler, the landing comes here
    assert mine.problem is None


def test_a_room_that_lands_the_days_goes_on_beside_a_scheduler_that_does_not(
    room: object, other: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `etl schedule` in a terminal: it has the scheduler, and lands nothing."""
    monkeypatch.setenv("ETL_LANDING", "")  # put back afterwards
    other()
    until(lambda: room.view().state == "held")
    mine = Delivery(days=1, every=0.1)
    room.use(mine)
    until(mine.landed)
    before = len(mine.landed())
    with pytest.raises(Refused):
        room.start()
    until(lambda: len(mine.landed()) > before)
    assert mine.problem is None


def test_looking_takes_the_lock_from_nobody(room: object, letters: Path) -> None:
    """Somebody who looks holds the lock for a moment: a start in that moment is not refused."""
    room.start(choice=SELDOM)
    room.stop()
    stale = holder.settings.current().locks / "scheduler.json"
    stale.write_text('{"host": "gone", "pid": 1, "since": "2024-01-01 00:00:00 UTC"}')
    looking = child(LOOKING)
    try:
        assert looking.stdout.readline() == "looking\n"
        for _ in range(30):
            room.start()
            room.stop()
            stale.write_text('{"host": "gone", "pid": 1, "since": "2024-01-01 00:00:00 UTC"}')
    finally:
        looking.kill()
        looking.communicate()
    assert room.view().state == "stopped" and room.view().holder is None


def test_after_a_kill_in_a_run_the_next_start_says_what_it_recovered(room: object, other: object) -> None:
    land("2024-01-02", "a,1\nwait\n")
    process = other(0.2)
    until(lambda: any(one.run.interval_start.day == 2 and one.stage for one in room.view().working))
    process.kill()
    process.wait()
    view = room.view()
    assert view.state == "stopped"
    assert [one.state for one in view.working] == ["died"]
    assert view.days[view.died[0].run.interval_start] == "pending"
    assert answers(room)["failed"].value == "1 run died"
    until(lambda: answers(room)["missed"].value == "a tick is overdue")
    land("2024-01-02", "a,1\n")
    room.start()
    assert len(room.view().recovered) == 1
    assert answers(room)["missed"].value == "1 run recovered"
    assert "resolved as crashed" in answers(room)["missed"].detail
    until_loaded(room, 3)  # the stored schedule goes on with the rest


def test_a_kill_by_the_fault_menu_after_the_commit_is_found_to_have_succeeded(room: object, other: object) -> None:
    process = other(0.2, "room.arm('load.after-commit', 'kill')")
    process.wait(60)
    assert process.returncode != 0
    assert faults.armed() == []  # a kill fires once
    assert len(room.view().died) == 1
    room.start(choice=SELDOM)
    assert "resolved as succeeded" in answers(room)["missed"].detail
    assert room.view().counts["loaded"] >= 1


def test_a_retry_survives_and_is_shown_before_anything_is_started(room: object, other: object) -> None:
    land("2024-01-01", "offline\n")
    process = other(0.2)
    until(lambda: room.view().facts.waiting)
    until(lambda: any(one.kind == "retry" for one in room.view().facts.stored))  # the alarm follows the record
    process.kill()
    process.wait()
    told = answers(room)["failed"]
    assert (told.value, told.tone) == ("1 waiting", "warn")
    assert "once you press Start" in told.detail
    assert [one.kind for one in room.view().facts.stored if one.kind == "retry"] == ["retry"]


def test_a_run_by_hand_elsewhere_is_shown_while_it_runs(room: object, letters: Path) -> None:
    land("2024-01-02", "a,1\nwait\n")
    hand = child("toy.run('2024-01-02')")
    until(lambda: (letters / "waiting").exists())
    view = room.view()
    assert [(one.run.pid, one.state, one.stage.stage) for one in view.at_work] == [(hand.pid, "running", "extract")]
    assert view.counts == {"running": 1, "pending": 2}
    (letters / "go").touch()
    hand.communicate(timeout=30)
    assert room.view().counts == {"loaded": 1, "pending": 2}

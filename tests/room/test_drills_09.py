"""Waiting for a room, as the drills of lesson 09 do: it ends with a reason as soon as there is nothing to wait for."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest

from etl_core.views.control_room import ControlRoom
from etl_core.views.room.choice import Choice
from exercises.told import Told
from exercises.tools.drills import until, wait_for
from tests.core.toy import land

DAYS = [date(2024, 1, n) for n in (1, 2, 3)]
OFTEN = Choice(seconds=1, limit=3)


def told(room: ControlRoom, days: list[date] = DAYS, status: str = "loaded", seconds: float = 60) -> tuple[str, float]:
    """What wait_for says, and after how long."""
    began = time.monotonic()
    with pytest.raises(Told) as found:
        wait_for(room, days, status, seconds=seconds)
    return str(found.value), time.monotonic() - began


def test_a_scheduler_that_is_stopped_is_told_at_once(room: ControlRoom) -> None:
    said, seconds = told(room)
    assert said == "2024-01-01 is pending, and there is no schedule: press Start" and seconds < 20
    room.start(choice=OFTEN)
    wait_for(room, DAYS, "loaded")
    room.stop()
    land("2024-01-04")
    said, seconds = told(room, [date(2024, 1, 4)])
    assert said == "2024-01-04 is pending, and the scheduler is stopped: press Start" and seconds < 20
    with pytest.raises(Told, match="it has not come about, and the scheduler is stopped"):
        until(lambda: False, room)


def test_a_schedule_that_is_paused_is_told_at_once(room: ControlRoom) -> None:
    room.start(choice=OFTEN)
    room.pause()
    land("2024-01-04")
    said, seconds = told(room, [date(2024, 1, 4)])
    assert said == "2024-01-04 is pending, and the schedule is paused: press Resume" and seconds < 20
    room.resume()
    wait_for(room, [*DAYS, date(2024, 1, 4)], "loaded")


@pytest.mark.slow
def test_a_day_that_is_blocked_is_told_with_its_error(room: ControlRoom) -> None:
    land("2024-01-02", "broken\n")
    room.start(choice=OFTEN)
    wait_for(room, [DAYS[1]], "blocked")
    said, seconds = told(room)
    assert said.startswith("2024-01-02 is blocked, and no tick tries it again: BadSchema") and 5 < seconds < 40
    land("2024-01-02", "a,1\n")
    wait_for(room, DAYS, "loaded")  # a correction is not taken for a day that stays blocked


def test_work_by_hand_is_waited_for_with_no_scheduler(room: ControlRoom, letters: Path) -> None:
    land("2024-01-02", "wait\n")
    room.backfill("2024-01-01", "2024-01-03")
    said, seconds = told(room, seconds=4)
    assert "after 4 s" in said and seconds >= 4
    (letters / "go").touch()
    wait_for(room, DAYS, "loaded")

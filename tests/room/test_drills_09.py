"""Waiting for a room, as the drills of lesson 09 do: it ends with a reason as soon as there is nothing to wait for."""

from __future__ import annotations

import ast
import builtins
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import jupytext
import pytest

from etl_core import settings
from etl_core.views.control_room import ControlRoom, control_room
from etl_core.views.room.choice import Choice
from etl_core.views.room.delivery import Delivery
from exercises.told import Told
from exercises.tools import drills
from exercises.tools.drills import until, wait_for
from tests.core.toy import land

LESSON = settings.REPOSITORY / "notebooks" / "source" / "09_control_room.py"

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


@pytest.fixture
def lesson(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ControlRoom]:
    """The room of the lesson: its flights, and a landing zone of their own that is empty."""
    monkeypatch.setenv("ETL_LANDING", "")  # so that it is restored
    found = control_room(drills.flights)
    found.use(Delivery(days=0))
    found.start(choice=Choice(seconds=1, limit=5))
    yield found
    found.close()


def test_the_holidays_are_done_whatever_was_run_by_hand_meanwhile(lesson: ControlRoom) -> None:
    first, *_ = drills.done()
    wait_for(lesson, lesson.delivery.land(1), "loaded")
    lesson.pause()
    [by_hand, *days] = lesson.delivery.land(4)
    drills.flights.run(by_hand)
    assert drills.done()[first] == ""  # not resumed yet
    lesson.resume()
    wait_for(lesson, days, "loaded")
    assert drills.done()[first] == "3 days landed while the schedule was paused, loaded after it"


def test_a_pause_in_which_nothing_landed_or_all_was_run_by_hand_is_no_drill(lesson: ControlRoom) -> None:
    first, *_ = drills.done()
    lesson.pause()
    lesson.resume()
    wait_for(lesson, lesson.delivery.land(3), "loaded")
    assert drills.done()[first] == ""
    lesson.pause()
    [day] = lesson.delivery.land(1)
    drills.flights.run(day)
    lesson.resume()
    wait_for(lesson, lesson.delivery.land(1), "loaded")
    assert drills.done()[first] == ""


def names(code: str) -> tuple[set[str], set[str]]:
    """Those that are made in a cell, and those that are used in it."""
    found = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name | ast.alias)]
    made = {node.asname or node.name.partition(".")[0] for node in found if isinstance(node, ast.alias)}
    made |= {node.id for node in found if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return made, {node.id for node in found if isinstance(node, ast.Name)} - made


def test_after_a_restart_the_first_two_cells_are_all_that_a_drill_needs() -> None:
    cells = jupytext.read(LESSON).cells
    code = [n for n, cell in enumerate(cells) if cell.cell_type == "code"]
    there = {*dir(builtins)}.union(*(names(cells[n].source)[0] for n in code[:2]))
    drill: set[str] = set()
    for n in range(code[1] + 1, len(cells)):
        if cells[n].cell_type == "code":
            made, used = names(cells[n].source)
            drill |= made
            assert not used - there - drill, f"the cell that begins {cells[n].source[:40]!r} needs a drill before it"
        elif "\n## " in f"\n{cells[n].source}":
            drill = set()
    assert code[2:]

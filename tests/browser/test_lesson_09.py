"""The lesson on the control room as its reader opens it, up to the drill that the reader has to do alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.desk import SECONDS, Desk
from tests.browser.ground import Ground
from tests.browser.room import Room
from tests.browser.server import REPOSITORY, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
NOTEBOOKS = REPOSITORY / "notebooks"


def test_the_lesson_runs_its_room_lives_and_its_last_drill_kills_it(
    server: Server, context: BrowserContext, folder: Path
) -> None:
    for part in ("09_control_room.ipynb", "images"):
        copy = shutil.copytree if (NOTEBOOKS / part).is_dir() else shutil.copy
        copy(NOTEBOOKS / part, folder / part)
    lesson = Desk(server, context.new_page(), folder / "09_control_room.ipynb")
    lesson.open()
    lesson.run_all(limit=240 * SECONDS)
    assert lesson.problems() == ""
    home = server.state / "lesson-09"
    one = Room(lesson, Ground(folder, home, home / "landing"))
    one.has_state("running")
    one.agrees()
    runs = [run for run in one.ground.runs() if run[3] == "retry"]
    one.open_autopsy(runs[0][0])

    # What the lesson leaves to its reader: the kill in earnest, while days land by themselves.
    before = one.ground.loaded()
    one.arm("load.before-commit", "kill its process")
    one.choose("rate", "1 day each 5 s")
    lesson.dismiss_death()
    assert one.ground.loaded() == before
    [(dead, day, *_)] = [run for run in one.ground.runs() if run[2] == "running"]
    lesson.run_cell(0)
    lesson.run_cell(1)
    one.has_state("running")
    one.has_loaded(day)
    assert [run[2] for run in one.ground.of_day(day)] == ["succeeded", "crashed"]
    expect(one.answer("missed")).to_contain_text("1 run recovered")
    expect(one.row(dead)).to_have_attribute("data-shown", "crashed")
    one.without_problems()
    one.press("stop")
    one.has_state("stopped")

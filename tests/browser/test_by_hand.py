"""What an operator does by hand in the control room: a backfill, a schedule of one's own, a bad file; and that all
of it can be read at every width."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.ground import DAYS, Ground
from tests.browser.room import Room

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_by_hand_a_backfill_a_cron_text_and_a_bad_file(room: Callable[..., Room], ground: Ground) -> None:
    ground.land(*DAYS[:5])
    one = room()
    one.has_state("stopped")

    # A backfill needs no scheduler. Three seconds a day, so that its progress can be seen and cancelled.
    one.arm("transform", "slow", 5)
    one.type("first", DAYS[0])
    one.type("last", DAYS[4])
    one.press("backfill")
    expect(one.find('.room-progress :is([data-done="1"], [data-done="2"], [data-done="3"])')).to_be_visible()
    expect(one.answer("now")).to_contain_text(re.compile(r"\d s so far"))
    one.press("cancel")
    expect(one.find(".room-progress")).to_contain_text(re.compile("cancelled after [234] days; the rest is pending"))
    one.press("clear")
    one.agrees()
    done = len(ground.loaded())
    assert done in (2, 3, 4)
    assert {run[2:] for run in ground.runs()} == {("succeeded", "backfill", 1)}
    one.press("backfill")
    one.has_loaded(*DAYS[:5])
    expect(one.find(".room-progress")).to_contain_text(re.compile(rf"{5 - done} days? loaded"))

    # A cron text is checked while it is typed, stored when it is set.
    one.start()
    one.choose("mode", "cron text")
    one.type("cron", "61 * * * *")
    expect(one.find(".room-schedule .bad")).to_contain_text("61")
    expect(one.find("button.room-set-schedule")).to_be_disabled()
    one.type("timezone", "America/New_York")
    one.type("cron", "30 6 * * mon-fri")
    expect(one.find(".room-schedule .bad")).to_have_count(0)
    expect(one.find(".room-schedule")).to_contain_text(re.compile(r"06:30(.*06:30){4}"))
    one.press("set-schedule")
    expect(one.find(".room-schedule")).to_contain_text("stored: 30 6 * * mon-fri (America/New_York)")
    one.without_problems()

    # A bad file stops no other day; retries are useless, and a corrected file is loaded by itself.
    bad = ground.landing / "flights" / f"{DAYS[5]}.csv"
    ground.land(DAYS[6])
    bad.write_text("<html>503 Service Unavailable</html>\n")
    one.press("run-now")
    blocked = one.find(f'.room-runs-table tr[data-day="{DAYS[5]}"][data-shown=blocked]')
    expect(blocked).to_be_visible()
    one.has_loaded(*DAYS[:5], DAYS[6])
    expect(one.find(f'.room-calendar g[data-day="{DAYS[5]}"][data-status=blocked]')).to_be_visible()
    expect(one.answer("failed")).to_contain_text(f"1 day needs you{DAYS[5]}")
    expect(one.answer("failed")).to_have_attribute("data-tone", "bad")
    [(run_id, *_)] = ground.of_day(DAYS[5])
    expect(one.answer("type")).to_contain_text(f"etl show {run_id[:8]}")
    expect(one.open_autopsy(run_id)).to_contain_text(f"{DAYS[5]}.csv")
    ground.land(DAYS[5])
    one.press("run-now")
    one.has_loaded(*DAYS[:7])
    expect(one.answer("failed")).to_have_attribute("data-tone", "ok")
    one.without_problems()
    ground.verify()
    assert one.nameless() == []
    for width in (1600, 1100, 760, 600):
        one.fits(width)
    runs, autopsy = (one.find(f".etl-card:has(.room-{name})").bounding_box() for name in ("runs-table", "autopsy"))
    assert autopsy["y"] > runs["y"] + runs["height"]  # stacked


def test_the_keyboard_stays_in_the_room_and_what_is_run_again_is_seen(
    room: Callable[..., Room], ground: Ground
) -> None:
    """A button that has done its work can no longer be pressed: the focus goes to the one that undoes it."""
    ground.land(DAYS[0])
    one = room()
    one.has_state("stopped")
    one.choose("mode", "every hour")
    one.press_by_key("start")
    one.has_state("running")
    for name, state, then in (("stop", "stopped", "start"), ("start", "running", "stop")):
        expect(one.find(f"button.room-{name}")).to_be_focused()
        one.desk.page.keyboard.press("Enter")
        one.has_state(state)
        expect(one.find(f"button.room-{then}")).to_be_focused()
    one.press_by_key("pause")
    one.has_state("paused")
    expect(one.find("button.room-resume")).to_be_focused()
    one.desk.page.keyboard.press("Enter")
    one.has_state("running")
    expect(one.find("button.room-pause")).to_be_focused()

    # Days that are run again: the answer stands beside the button, and the new run opens.
    one.press("run-now")
    one.has_loaded(DAYS[0])
    [(first, *_)] = ground.runs()
    one.open_autopsy(first)
    one.press("again")
    expect(one.find(".room-again-told")).to_contain_text("1 day loaded, 0 failed")
    one.agrees()
    (again, *_), _ = ground.runs()
    expect(one.find(f'.room-autopsy [data-run-id="{again}"][data-status=succeeded]')).to_be_visible()
    answer, button = (one.find(name).bounding_box() for name in (".room-again-told", "button.room-again"))
    assert abs(answer["y"] - button["y"]) < button["height"]  # beside it, at the width of the other tests
    one.without_problems()


def test_plain_keys_are_for_the_button_that_has_the_keyboard_and_not_for_the_notebook(
    room: Callable[..., Room],
) -> None:
    """In a notebook, x cuts a cell, b inserts one, d d deletes it, m makes text of it, and an arrow leaves it."""
    one = room()
    one.has_state("stopped")
    page, cells = one.desk.page, one.desk.page.locator(".jp-NotebookPanel .jp-Cell")
    kinds = cells.evaluate_all("cells => cells.map(cell => cell.className.match(/jp-(Code|Markdown)Cell/)[0])")
    one.find("button.room-run-now").focus()
    for key in ("b", "x", "m", "d", "d", "Shift+M", "ArrowUp", "ArrowDown", "j"):
        page.keyboard.press(key)
    expect(one.find("button.room-run-now")).to_be_focused()
    one.desk.save()  # what is pressed with Ctrl is the notebook's as before
    assert kinds == cells.evaluate_all("cells => cells.map(cell => cell.className.match(/jp-(Code|Markdown)Cell/)[0])")
    one.has_state("stopped")
    one.desk.cell(0).locator(".cm-content").click()  # and outside the room, all is as it was
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    expect(cells).to_have_count(len(kinds) + 1)
    one.without_problems()

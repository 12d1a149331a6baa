"""The control room in a real browser: operated with the mouse, compared with what its databases hold.

No page may report an error in its console, JupyterLab's own included (it has none, also not on an empty notebook, at a
restart of the kernel, at its death or at a reload), and none may ask another machine for anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.desk import until
from tests.browser.ground import DAYS, Ground
from tests.browser.room import TICK, Room, pid

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_day_at_work_from_the_start_to_the_start_after_a_restart(room: Callable[..., Room], ground: Ground) -> None:
    ground.land(*DAYS[:4])
    one = room()
    one.has_state("stopped")
    expect(one.answer("current")).to_have_attribute("data-tone", "bad")

    one.start(every=TICK)
    one.has_loaded(*DAYS[:4])
    assert [run[1:] for run in ground.runs()] == [(day, "succeeded", "scheduled", 1) for day in reversed(DAYS[:4])]
    expect(one.answer("current")).to_have_attribute("data-tone", "ok")

    # A fault fails both attempts of the stage, so the run; it waits for its retry, and heals.
    one.arm("load", "offline", 2)
    expect(one.find('.room-armed [data-fault="load=offline*2"]')).to_be_visible()
    ground.land(DAYS[4])
    until(one.desk.page, lambda: ground.stored() == ["flights", f"retry|flights|{DAYS[4]}|2"])
    [(failed, *_)] = ground.of_day(DAYS[4])
    [(retry_at,)] = ground.rows("history.db", "SELECT retry_at FROM runs WHERE run_id = ?", failed)
    red = one.find(f'.room-runs-table tr[data-day="{DAYS[4]}"][data-status=failed][data-shown=waiting]')
    expect(red).to_contain_text(retry_at[11:19])
    expect(one.find(".room-timeline [data-retry-at]")).to_be_visible()
    expect(one.find(f'.room-calendar g[data-day="{DAYS[4]}"][data-status=waiting]')).to_be_visible()
    expect(one.answer("failed")).to_contain_text(re.compile("retry|heals", re.IGNORECASE))
    expect(one.find(".room-armed [data-fault]")).to_have_count(0)
    width = one.desk.page.viewport_size["width"]
    for narrow in (1290, 760, 600):  # with the longest state a row can have
        one.fits(narrow)
    one.desk.page.set_viewport_size({"width": width, "height": one.desk.page.viewport_size["height"]})

    one.has_loaded(DAYS[4])
    assert [run[2:] for run in ground.of_day(DAYS[4])] == [("succeeded", "retry", 2), ("failed", "scheduled", 1)]
    expect(one.find("tr[data-shown=waiting]")).to_have_count(0)

    autopsy = one.open_autopsy(failed)
    expect(autopsy).to_contain_text("the network is unreachable")
    expect(autopsy).to_contain_text(f"etl run {DAYS[4]}")
    stages = "SELECT stage, attempt, status FROM stage_runs WHERE run_id = ? ORDER BY started_at"
    assert ground.rows("history.db", stages, failed) == [
        ("extract", 1, "succeeded"),
        ("transform", 1, "succeeded"),
        ("load", 1, "failed"),
        ("load", 2, "failed"),
    ]

    one.press("pause")
    one.has_state("paused")
    ground.land(DAYS[5])
    one.nothing_runs(DAYS[5])
    one.press("resume")
    one.has_state("running")
    one.has_loaded(DAYS[5])

    one.press("stop")
    one.has_state("stopped")
    ground.land(DAYS[6])
    one.nothing_runs(DAYS[6])

    before, process = ground.runs(), pid(one.desk)
    one.desk.restart_kernel()
    expect(one.desk.page.locator(".etl-room.jupyter-widgets-disconnected")).to_be_visible()  # what is dead looks so
    one.desk.run_all()
    assert pid(one.desk) != process
    one.has_state("stopped")
    expect(one.find(".room-schedule")).to_contain_text(re.compile(rf"stored: every {TICK} s"))
    expect(one.find(".room-seconds input")).to_have_value(re.compile(rf"{TICK}(\.0)?"))
    assert ground.stored() == ["flights"]
    one.agrees()
    assert ground.runs() == before
    expect(one.find(".room-durations g[data-run-id]")).to_have_count(len(before))
    expect(one.find(".room-timeline g[data-run-id]").first).to_be_visible()
    expect(one.find(".room-events")).to_be_visible()

    one.start()
    one.has_loaded(*DAYS[:7])
    assert len(ground.runs()) == len(before) + 1
    one.without_problems()
    ground.verify()


def test_the_kernel_is_killed_in_a_load_and_the_data_is_whole(room: Callable[..., Room], ground: Ground) -> None:
    ground.land(*DAYS[:2])
    one = room()
    one.start(every=TICK)
    one.has_loaded(*DAYS[:2])
    process = pid(one.desk)

    one.arm("load.before-commit", "kill its process")
    expect(one.find('.room-armed [data-fault="load.before-commit=kill"]')).to_be_visible()
    ground.land(*DAYS[2:4])
    one.desk.dismiss_death()
    [(dead, *_, status, _, _)] = ground.of_day(DAYS[2])
    assert status == "running"  # nobody is left to write that it is not
    assert ground.loaded() == DAYS[:2]
    assert ground.rows("warehouse.db", "SELECT count(*) FROM flights WHERE flight_date = ?", DAYS[2]) == [(0,)]

    one.desk.run_all()
    assert pid(one.desk) != process
    one.has_state("stopped")
    expect(one.row(dead)).to_have_attribute("data-shown", "died")
    expect(one.answer("failed")).to_contain_text("died")

    one.start()
    one.has_loaded(*DAYS[:4])
    assert [run[2] for run in ground.of_day(DAYS[2])] == ["succeeded", "crashed"]
    assert ground.of_day(DAYS[2])[1][0] == dead
    expect(one.find(".room-state")).to_contain_text("1 recovered")
    expect(one.answer("missed")).to_contain_text("1 run recovered")
    expect(one.row(dead)).to_have_attribute("data-shown", "crashed")
    expect(one.open_autopsy(dead)).to_have_attribute("data-status", "crashed")
    one.without_problems()
    ground.verify()


def test_the_page_is_loaded_again_while_the_scheduler_works(room: Callable[..., Room], ground: Ground) -> None:
    ground.land(*DAYS[:2])
    one = room()
    one.start(every=TICK)
    one.has_loaded(*DAYS[:2])
    process = pid(one.desk)
    one.desk.save()

    one.desk.reload()
    one.has_state("running")  # no cell has been run: the page shows the room that went on without it
    ground.land(DAYS[2])
    one.has_loaded(*DAYS[:3])
    one.press("pause")
    one.has_state("paused")
    one.press("resume")
    one.has_state("running")

    one.desk.run_cell(2)  # the start cell once more: the same room, the same scheduler
    one.has_state("running")
    ground.land(DAYS[3])
    one.has_loaded(*DAYS[:4])
    assert len(ground.events("started")) == 1
    assert ground.holder()["pid"] == pid(one.desk) == process

    one.desk.reload()  # what was not saved is gone from the page, and nothing else
    one.desk.run_all()
    one.has_state("running")
    one.agrees()
    assert len(ground.events("started")) == 1
    one.without_problems()
    ground.verify()


def test_of_two_rooms_the_second_says_who_has_the_scheduler(room: Callable[..., Room], ground: Ground) -> None:
    ground.land(*DAYS[:2])
    first = room("first")
    first.start(every=TICK)
    first.has_loaded(*DAYS[:2])

    second = room("second")
    second.has_state("held")
    holder = ground.holder()
    assert holder["pid"] == pid(first.desk) != pid(second.desk)
    expect(second.answer("scheduler")).to_contain_text(str(holder["pid"]))
    expect(second.answer("scheduler")).to_contain_text(str(holder["since"])[11:19])
    second.agrees()  # it sees what the other has done

    second.press("start")
    second.says(rf"another .*pid {holder['pid']} .*since", tone="bad")
    second.has_state("held")
    assert len(ground.events("started")) == 1
    ground.land(DAYS[2])
    second.has_loaded(*DAYS[:3])  # the first goes on, in sight of the second

    first.press("stop")
    first.has_state("stopped")
    second.has_state("stopped")
    second.start()
    first.has_state("held")
    assert ground.holder()["pid"] == pid(second.desk)
    expect(first.answer("scheduler")).to_contain_text(str(pid(second.desk)))
    ground.land(DAYS[3])
    first.has_loaded(*DAYS[:4])
    for one in (first, second):
        one.without_problems()
    ground.verify()

"""The widgets: buttons do what they say, errors appear, one thread paints, and only what has changed is sent."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ipywidgets as widgets
import pytest

from etl_core.errors import EtlError
from etl_core.scheduling import get_scheduler
from etl_core.views.room.choice import Choice
from etl_core.views.room.delivery import Delivery
from etl_core.views.room.table import ROWS
from tests.core.toy import land, toy, until
from tests.room.look import SELDOM, painted, until_loaded


def state(panel: object) -> str:
    painted(panel)
    return re.search(r'data-state="(\w+)"', panel.face.state.value)[1]


def told(panel: object) -> str:
    painted(panel)
    return panel.face.message.value


def plain(html: str) -> str:
    return re.sub("<[^>]*>", "", html)


def rows(panel: object) -> list[tuple[str, str]]:
    return re.findall(r'data-run-id="(\w+)" data-status="\w+" data-shown="(\w+)"', panel.face.table.value)


def over(panel: object) -> list[widgets.Button]:
    """The buttons that lie over the rows of the table, from the top."""
    found = [row for row in panel.face.rows if row.layout.display != "none"]
    return sorted(found, key=lambda row: int(row.layout.order))


def test_start_pause_resume_stop_by_their_buttons(panel: object) -> None:
    face = panel.face
    assert state(panel) == "stopped"
    assert (face.start.disabled, face.stop.disabled, face.pause.disabled, face.resume.disabled) == (
        False,
        True,
        True,
        True,
    )
    face.start.click()
    until(lambda: 'data-state="running"' in face.state.value)
    assert state(panel) == "running"
    assert (face.start.disabled, face.stop.disabled, face.pause.disabled, face.resume.disabled) == (
        True,
        False,
        False,
        True,
    )
    face.pause.click()
    until(lambda: 'data-state="paused"' in face.state.value)
    face.resume.click()
    until(lambda: 'data-state="running"' in face.state.value)
    face.stop.click()
    until(lambda: 'data-state="stopped"' in face.state.value)
    assert "stopped" in told(panel)


def test_what_a_button_may_not_do_is_said_beside_it(panel: object) -> None:
    panel.face.pause.click()  # as a click that was under way when the state changed
    until(lambda: "nothing to pause" in panel.face.message.value)
    assert 'data-tone="bad"' in panel.face.message.value


def test_an_error_in_a_callback_appears_in_the_panel_and_in_the_log(panel: object, room: object) -> None:
    def broken(given: object) -> None:
        raise ZeroDivisionError("a mistake <b>of</b> mine")

    panel.guarded(broken)(None)
    until(lambda: "ZeroDivisionError: a mistake &lt;b&gt;of&lt;/b&gt; mine" in panel.face.message.value)
    assert "ZeroDivisionError" in (room.home / "logs" / "etl.log").read_text()


def test_an_error_in_painting_appears_and_painting_goes_on(panel: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object, **named: object) -> None:
        raise ZeroDivisionError("painting")

    painted(panel)
    with monkeypatch.context() as patched:
        patched.setattr(panel.room, "view", broken)
        until(lambda: "ZeroDivisionError: painting" in panel.face.message.value)
    panel.face.start.click()
    until(lambda: 'data-state="running"' in panel.face.state.value)


def test_values_are_set_by_the_painter_alone_and_only_when_they_changed(panel: object, room: object) -> None:
    set_by: list[tuple[str, str]] = []
    for widget in (*panel.face.box.children[1].children, panel.face.table, panel.face.calendar, panel.face.autopsy):
        if isinstance(widget, widgets.HTML):
            widget.observe(lambda change: set_by.append((threading.current_thread().name, change["old"])), "value")
    room.run_now()
    until_loaded(room, 3)
    painted(panel)
    assert {name for name, _ in set_by} == {"room-painter"}
    room.worker.join(10)
    painted(panel)
    before = [panel.face.table.value, panel.face.calendar.value, panel.face.durations.value]
    sent: list[object] = []
    for widget in (panel.face.table, panel.face.calendar, panel.face.durations, *panel.face.cards.values()):
        widget.observe(sent.append, "value")
    frames = panel.painter.frames
    until(lambda: panel.painter.frames >= frames + 3)
    assert sent == []
    assert before == [panel.face.table.value, panel.face.calendar.value, panel.face.durations.value]


def test_a_click_on_a_row_opens_its_autopsy(panel: object, room: object) -> None:
    land("2024-01-02", "broken\n")
    room.backfill("2024-01-01", "2024-01-03")
    room.worker.join(30)
    painted(panel)
    at = next(n for n, (_, shown) in enumerate(rows(panel)) if shown == "blocked")
    assert "2024-01-02, blocked" in over(panel)[at].description  # what a screen reader says
    assert "2024-01-02.txt: broken" in panel.face.autopsy.value  # unasked, the newest failure
    over(panel)[at + 1].click()
    until(lambda: rows(panel)[at + 1][0] in panel.face.autopsy.value)
    over(panel)[at].click()
    until(lambda: "2024-01-02.txt: broken" in panel.face.autopsy.value)
    assert rows(panel)[at][0] in panel.face.autopsy.value
    assert "etl --pipeline tests.core.toy:toy run 2024-01-02" in panel.face.autopsy.value
    land("2024-01-02", "a,1\n")
    panel.face.again.click()
    until_loaded(room, 3)
    until(lambda: 'data-status="succeeded"' in panel.face.autopsy.value)  # of the new run
    over(panel)[at + 1].click()
    until(lambda: "the same days were loaded since" in panel.face.autopsy.value)


def test_a_row_is_the_run_that_stands_there_also_after_others_have_come(panel: object, room: object) -> None:
    room.backfill("2024-01-01", "2024-01-02")
    room.worker.join(30)
    painted(panel)
    first, second = (run_id for run_id, _ in rows(panel))
    over(panel)[0].click()
    until(lambda: first in panel.face.autopsy.value)
    seen = over(panel)[1]
    room.run_again(second)
    room.worker.join(30)
    painted(panel)
    assert rows(panel)[0][0] not in (first, second) and first in panel.face.autopsy.value  # what was opened stays open
    over(panel)[0].click()
    painted(panel)
    assert rows(panel)[0][0] in panel.face.autopsy.value
    seen.click()  # by who saw the second row before the new run came
    painted(panel)
    assert f'data-run-id="{second}"' in panel.face.autopsy.value


def test_each_run_in_the_table_has_its_button_however_many_have_come(panel: object, room: object) -> None:
    run_ids = []
    for n in range(2 * ROWS + 3):
        run_ids.append(toy.run(f"2024-01-0{1 + n % 3}").run_id)
        if n % 5 == 0:
            painted(panel)
    painted(panel)
    newest = run_ids[: -ROWS - 1 : -1]
    assert [run_id for run_id, _ in rows(panel)] == newest
    assert [row.run_id for row in over(panel)] == newest
    assert [row.description[-8:] for row in over(panel)] == [run_id[:8] for run_id in newest]


def test_rows_without_a_run_cannot_be_clicked(panel: object) -> None:
    painted(panel)
    assert over(panel) == []
    assert "Click a run" in panel.face.autopsy.value


def test_only_failed_runs(panel: object, room: object) -> None:
    land("2024-01-02", "broken\n")
    room.backfill("2024-01-01", "2024-01-03")
    room.worker.join(30)
    panel.face.filter.value = "failed"
    painted(panel)
    assert [shown for _, shown in rows(panel)] == ["blocked"]


def test_cron_text_is_checked_as_it_is_typed(panel: object, room: object) -> None:
    card = panel.schedule
    panel.face.start.click()
    until(lambda: 'data-state="running"' in panel.face.state.value)
    card.mode.value, card.cron.value = "cron", "*/5 * * *"
    until(lambda: "five fields" in card.told.value)
    assert card.set.disabled
    card.cron.value, card.zone.value = "15 6 * * mon", "UTC"
    until(lambda: card.told.value.count("06:15") == 5)
    assert not card.set.disabled and "Mon" in card.told.value
    until(lambda: "stored: every 5 s" in card.told.value)
    card.set.click()
    until(lambda: 'stored: <span class="whole">15 6 * * mon</span> (UTC)' in card.told.value)
    assert room.view().schedule.when == "15 6 * * mon (UTC)"


def test_the_choices_show_what_is_stored_until_something_is_chosen(panel: object, room: object) -> None:
    room.start(choice=Choice("daily", at="07:45", timezone="UTC", limit=9))
    card = panel.schedule
    until(lambda: (card.mode.value, card.at.value, card.limit.value) == ("daily", "07:45", 9))
    until(lambda: not card.touched)
    card.limit.value = 2
    room.set_schedule(Choice(seconds=600.0, limit=4))  # from elsewhere, meanwhile
    painted(panel)
    assert (card.mode.value, card.limit.value) == ("daily", 2)  # what is being chosen stays


def test_the_times_told_begin_with_the_stored_one_and_none_is_due_while_paused(panel: object, room: object) -> None:
    room.start(choice=Choice(seconds=600.0, timezone="UTC"))
    due = (datetime.now(UTC) + timedelta(minutes=20)).replace(microsecond=0)
    get_scheduler()._background.modify_job("toy", next_run_time=due)
    times = f"{due:%H:%M:%S}, {due + timedelta(minutes=10):%H:%M:%S}, "
    until(lambda: f"next five, as chosen: {times}" in plain(panel.schedule.told.value))
    room.pause()
    until(lambda: "none is due until you press Resume; as chosen: " in plain(panel.schedule.told.value))
    panel.schedule.limit.value = 2  # not what is stored: then what is told is what would come
    until(lambda: times not in plain(panel.schedule.told.value))


def test_start_stores_what_was_chosen_before(panel: object, room: object) -> None:
    panel.schedule.seconds.value = 1234.0
    panel.face.start.click()
    until(lambda: 'data-state="running"' in panel.face.state.value)
    until(lambda: room.view().schedule and room.view().schedule.when == "every 1234 s")
    until(lambda: not panel.schedule.touched)


def test_faults_are_armed_and_cleared_by_their_buttons(panel: object, room: object) -> None:
    faulty = panel.tools[2]
    faulty.point.value, faulty.kind.value, faulty.times.value = "transform", "slow", 2
    faulty.arm.click()
    until(lambda: 'data-fault="transform=slow*2"' in faulty.told.value)
    faulty.clear.click()
    until(lambda: "nothing is armed" in faulty.told.value)
    assert room.view().armed == ()


def test_a_backfill_by_its_buttons(panel: object, room: object) -> None:
    card = panel.tools[1]
    until(lambda: card.first.value is not None)
    assert (str(card.first.value), str(card.last.value)) == ("2024-01-01", "2024-01-03")  # what is pending
    card.go.click()
    until(lambda: "3 days loaded" in card.told.value)
    card.go.click()
    until(lambda: "nothing is pending" in panel.face.message.value)


def test_the_panel_is_shown_as_one_widget_and_reads_well_without(room: object) -> None:
    bundle = room._repr_mimebundle_()
    assert repr(room) == "<control room: toy>"
    assert bundle["text/plain"] == "<control room: toy>: its panel is not kept with the notebook; run this cell again"
    shown = bundle["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert (
        shown
        == room.panel.face.box.model_id
        == room._repr_mimebundle_()["application/vnd.jupyter.widget-view+json"]["model_id"]
    )


def test_another_pipeline_is_chosen_in_the_panel(panel: object, room: object, landing: object) -> None:
    from etl_core import flights

    painted(panel)
    assert panel.face.pipeline.layout.display == "none"
    room.add(flights)
    until(lambda: panel.face.pipeline.options == ("toy", "flights"))
    panel.face.pipeline.value = "flights"
    until(lambda: "2013" in panel.face.calendar.value)
    panel.face.pipeline.value = "toy"
    until(lambda: "2024" in panel.face.calendar.value)


def test_nothing_is_printed(panel: object, room: object, capsys: pytest.CaptureFixture[str]) -> None:
    room.start(choice=SELDOM)
    room.run_now()
    until_loaded(room, 3)
    room.stop()
    with pytest.raises(EtlError):
        room.pause()
    painted(panel)
    assert capsys.readouterr() == ("", "")


def test_in_the_autopsy_what_to_do_and_the_command_stand_above_the_traceback(panel: object, room: object) -> None:
    land("2024-01-02", "broken\n")
    room.backfill("2024-01-02", "2024-01-02")
    room.worker.join(30)
    painted(panel)
    told = panel.face.autopsy.value
    places = [told.index(f">{title}<") for title in ("error", "what to do next", "stages", "traceback")]
    assert places == sorted(places)
    command = "etl --pipeline tests.core.toy:toy run 2024-01-02"
    assert command in told[places[1] : places[2]] and told.count(command) == 1  # and not below "the same again" too
    assert "raise BadSchema" in told[places[-1] :]


def test_every_choice_and_button_has_a_name(panel: object, room: object) -> None:
    """What a screen reader says; that it does is tested in a browser."""
    room.use(Delivery(days=0))
    painted(panel)
    found = [panel.face.box]
    for widget in found:
        found += getattr(widget, "children", ())
    choices = [one for one in found if isinstance(one, (widgets.Text, widgets.DatePicker, widgets.Dropdown))]
    choices += [one for one in found if isinstance(one, (widgets.BoundedIntText, widgets.BoundedFloatText))]
    assert len(choices) == 15 and all(one.tooltip for one in choices)
    assert len({one.tooltip for one in choices}) == 15
    buttons = [one for one in found if isinstance(one, widgets.Button) and one.layout.display != "none"]
    assert len(buttons) >= 10 and all(one.description for one in buttons)


def test_what_is_chosen_while_start_is_under_way_stays(panel: object, room: object) -> None:
    card = panel.schedule
    with room._turn:  # no command can go on
        panel.face.start.click()
        card.mode.value, card.cron.value = "cron", "15 6 * * mon"
    until(lambda: "stored: every 5 s" in card.told.value)
    painted(panel)
    assert card.touched and (card.mode.value, card.cron.value) == ("cron", "15 6 * * mon")


def test_what_run_these_days_again_does_is_said_beside_it_and_the_new_run_is_opened(
    panel: object, room: object, letters: Path
) -> None:
    land("2024-01-02", "broken\n")
    room.backfill("2024-01-01", "2024-01-03")
    room.worker.join(30)
    painted(panel)
    before, beside = panel.opened, panel.face.told_again
    land("2024-01-02", "a,1\nwait\n")
    panel.face.again.click()
    until(lambda: f'data-run-id="{panel.opened}" data-status="running"' in panel.face.autopsy.value)
    assert panel.opened == room.view().at_work[0].run.run_id != before
    assert "begun by hand: <time>2024-01-02" in beside.value
    panel.face.again.click()  # as one that was under way while the button was being greyed
    until(lambda: "at work (0 of 1 days done); wait for it" in beside.value)
    (letters / "go").touch()
    room.worker.join(30)
    until(lambda: 'data-status="succeeded"' in panel.face.autopsy.value)
    panel.face.again.click()
    until(lambda: "1 day loaded, 0 failed" in beside.value)
    over(panel)[-1].click()
    until(lambda: beside.value == "")  # it is about the run that was opened then

"""The widgets: buttons do what they say, errors appear, one thread paints, and only what has changed is sent."""

from __future__ import annotations

import re
import threading

import ipywidgets as widgets
import pytest

from etl_core.errors import EtlError
from tests.core.toy import land, until
from tests.room.look import SELDOM, painted, until_loaded


def state(panel: object) -> str:
    painted(panel)
    return re.search(r'data-state="(\w+)"', panel.face.state.value)[1]


def told(panel: object) -> str:
    painted(panel)
    return panel.face.message.value


def rows(panel: object) -> list[tuple[str, str]]:
    return re.findall(r'data-run-id="(\w+)" data-status="\w+" data-shown="(\w+)"', panel.face.table.value)


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
    assert "ZeroDivisionError" in (room.model.home / "logs" / "etl.log").read_text()


def test_an_error_in_painting_appears_and_painting_goes_on(panel: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: object) -> None:
        raise ZeroDivisionError("painting")

    painted(panel)
    with monkeypatch.context() as patched:
        patched.setattr(panel.model, "view", broken)
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
    room.model.worker.join(10)
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
    room.model.worker.join(30)
    painted(panel)
    at = next(n for n, (_, shown) in enumerate(rows(panel)) if shown == "blocked")
    assert "2024-01-02, blocked" in panel.face.rows[at].description  # what a screen reader says
    assert "2024-01-02.txt: broken" in panel.face.autopsy.value  # unasked, the newest failure
    panel.face.rows[at + 1].click()
    until(lambda: rows(panel)[at + 1][0] in panel.face.autopsy.value)
    panel.face.rows[at].click()
    until(lambda: "2024-01-02.txt: broken" in panel.face.autopsy.value)
    assert rows(panel)[at][0] in panel.face.autopsy.value
    assert "etl --pipeline tests.core.toy:toy run 2024-01-02" in panel.face.autopsy.value
    land("2024-01-02", "a,1\n")
    panel.face.again.click()
    until_loaded(room, 3)
    until(lambda: "the same days were loaded since" in panel.face.autopsy.value)


def test_a_row_is_the_run_that_stands_there_also_after_others_have_come(panel: object, room: object) -> None:
    room.backfill("2024-01-01", "2024-01-02")
    room.model.worker.join(30)
    painted(panel)
    first = rows(panel)[0][0]
    panel.face.rows[0].click()
    until(lambda: first in panel.face.autopsy.value)
    room.run_again(room.view().facts.runs[-1].run_id)
    room.model.worker.join(30)
    painted(panel)
    assert rows(panel)[0][0] != first and first in panel.face.autopsy.value  # what was opened stays open
    panel.face.rows[0].click()
    painted(panel)
    assert rows(panel)[0][0] in panel.face.autopsy.value


def test_rows_without_a_run_cannot_be_clicked(panel: object) -> None:
    painted(panel)
    assert all(row.disabled for row in panel.face.rows)
    panel.face.rows[3].click()
    painted(panel)
    assert "Click a run" in panel.face.autopsy.value


def test_only_failed_runs(panel: object, room: object) -> None:
    land("2024-01-02", "broken\n")
    room.backfill("2024-01-01", "2024-01-03")
    room.model.worker.join(30)
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
    until(lambda: "stored: 15 6 * * mon (UTC)" in card.told.value)
    assert room.view().schedule.when == "15 6 * * mon (UTC)"


def test_the_choices_show_what_is_stored_until_something_is_chosen(panel: object, room: object) -> None:
    from etl_core.views.room.choice import Choice

    room.start(choice=Choice("daily", at="07:45", timezone="UTC", limit=9))
    card = panel.schedule
    until(lambda: (card.mode.value, card.at.value, card.limit.value) == ("daily", "07:45", 9))
    assert not card.touched
    card.limit.value = 2
    room.set_schedule(Choice(seconds=600.0, limit=4))  # from elsewhere, meanwhile
    painted(panel)
    assert (card.mode.value, card.limit.value) == ("daily", 2)  # what is being chosen stays


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
    assert bundle["text/plain"] == "<control room: toy>"
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

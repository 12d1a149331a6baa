"""The commands behind the buttons: in every state, twice in a row, and at once."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from etl_core import history
from etl_core.errors import BadParameter, EtlError, Refused
from etl_core.scheduling import get_scheduler
from etl_core.views.control_room import control_room
from etl_core.views.room.choice import Choice
from tests.core import toy
from tests.core.toy import child, land, until
from tests.room.look import SELDOM, answers, until_loaded, until_state


def in_state(room: object, state: str) -> None:
    """Bring a room that is stopped into this state."""
    if state == "stopped":
        return
    room.start(choice=SELDOM)
    if state == "paused":
        room.pause()
    if state == "failed":
        (room.home / "jobs.db").unlink()
        get_scheduler()._background.wakeup()
    until_state(room, state)


COMMANDS = {
    "start": lambda room: room.start(),
    "stop": lambda room: room.stop(),
    "pause": lambda room: room.pause(),
    "resume": lambda room: room.resume(),
    "run now": lambda room: room.run_now(),
    "set schedule": lambda room: room.set_schedule(Choice(seconds=1800.0)),
    "backfill": lambda room: room.backfill("2024-01-01", "2024-01-03"),
    "cancel": lambda room: room.worker.cancel(),
    "arm": lambda room: room.arm("extract", "offline", 2),
    "clear": lambda room: room.clear_faults(),
}
AFTER = {  # state and command -> the state that follows, where it is another one; an error's words where it is refused
    ("stopped", "start"): "running",
    ("failed", "start"): "running",
    ("running", "stop"): "stopped",
    ("paused", "stop"): "stopped",
    ("failed", "stop"): "stopped",
    ("running", "pause"): "paused",
    ("paused", "resume"): "running",
}
REFUSED = {
    ("stopped", "pause"): "nothing to pause",
    ("stopped", "resume"): "nothing to resume",
    ("stopped", "set schedule"): "press Start",
    ("failed", "pause"): "nothing to pause",
    ("failed", "resume"): "nothing to resume",
    ("failed", "set schedule"): "press Start",
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("state", ["stopped", "running", "paused", "failed"])
def test_every_command_in_every_state(room: object, state: str, command: str) -> None:
    in_state(room, state)
    if refused := REFUSED.get((state, command)):
        with pytest.raises(EtlError, match=refused):
            COMMANDS[command](room)
    else:
        assert isinstance(COMMANDS[command](room), str)
    expected = AFTER.get((state, command), state)
    assert room.view().state == expected
    assert get_scheduler().alive == (expected in ("running", "paused"))


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "backfill"])
@pytest.mark.parametrize("state", ["running", "paused"])
def test_every_command_twice_in_a_row(room: object, state: str, command: str) -> None:
    in_state(room, state)
    COMMANDS[command](room)
    if command == "stop":
        assert "stopped already" in COMMANDS[command](room)
    else:
        COMMANDS[command](room)
    assert room.view().state == AFTER.get((state, command), state)


def test_buttons_pressed_at_once_by_many_threads(room: object) -> None:
    wrong: list[BaseException] = []
    gate = threading.Barrier(12)

    def press(n: int) -> None:
        gate.wait()
        for command in ("start", "pause", "resume", "run now", "stop", "start")[n % 3 :]:
            try:
                COMMANDS[command](room)
            except EtlError as error:
                if "nothing to" not in str(error) and "at work" not in str(error):
                    wrong.append(error)
            except BaseException as error:
                wrong.append(error)

    threads = [threading.Thread(target=press, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    room.start()
    room.resume()
    until_state(room, "running")
    room.run_now()
    until_loaded(room, 3)
    kinds = [event.kind for event in history.newest_events() if event.kind in ("started", "stopped")][::-1]
    assert kinds == ["started", "stopped"] * (len(kinds) // 2) + ["started"]  # never two at once


def test_start_stores_a_schedule_where_there_is_none_and_keeps_the_one_there_is(room: object) -> None:
    assert room.start() == "started; schedule added"
    assert room.view().schedule.when == str(Choice().when())
    room.set_schedule(SELDOM)
    due = room.view().schedule.next_run
    room.stop()
    assert room.start() == "started"
    assert (room.view().schedule.when, room.view().schedule.next_run) == ("every 3600 s", due)


def test_start_runs_the_rooms_own_pipeline_where_another_of_its_name_was_scheduled(
    room: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from dataclasses import replace\nfrom tests.core.toy import toy\ntoy = replace(toy, target='patient:toy')\n"
    (tmp_path / "patient.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    scheduler = get_scheduler().start()  # as `etl --pipeline patient:toy schedule --every 600` would
    scheduler.add_schedule("patient:toy", every=600, limit=2)
    scheduler.stop()
    assert room.start() == "started; schedule changed"
    stored = room.view().schedule
    assert (stored.target, stored.when, stored.limit) == ("tests.core.toy:toy", "every 600 s", 2)


def test_run_now_and_backfill_record_what_died_even_with_nothing_to_load(room: object, letters: Path) -> None:
    for n, begin in enumerate((room.run_now, lambda: room.backfill("2024-01-01", "2024-01-03"))):
        land("2024-01-01", f"a,{n}\n")
        child("toy.run('2024-01-01', '2024-01-03')", ETL_FAULTS=f"load.after-commit=kill*{n + 1}").communicate()
        assert len(room.view().died) == 1
        try:
            assert begin() == "nothing is pending"
        except BadParameter as error:
            assert "nothing is pending from" in str(error)
        assert (room.view().died, history.newest_runs(1)[0].status) == ([], "succeeded")


def test_one_day_a_tick_is_told_as_one(room: object) -> None:
    room.start(choice=SELDOM)
    assert room.set_schedule(Choice(seconds=3600.0, limit=1)).endswith("every 3600 s, 1 day a tick")
    assert "1 day a tick" in room.view().facts.events[0].message


def test_start_with_a_choice_stores_it(room: object) -> None:
    room.start(choice=Choice(mode="daily", at="06:30", timezone="America/New_York", limit=7))
    stored = room.view().schedule
    assert (stored.when, stored.limit) == ("30 6 * * * (America/New_York)", 7)


def test_a_tick_loads_and_the_room_sees_it(room: object) -> None:
    room.start(choice=SELDOM)
    room.run_now()
    until_loaded(room, 3)
    assert {run.trigger for run in room.view().facts.runs} == {"scheduled"}
    assert answers(room)["current"].value == "yes"


def test_run_now_without_a_scheduler_runs_by_hand(room: object) -> None:
    assert "begun by hand" in room.run_now()
    until_loaded(room, 3)
    assert {run.trigger for run in room.view().facts.runs} == {"manual"}
    room.worker.join(10)
    assert room.run_now() == "nothing is pending"


def test_while_paused_nothing_runs_until_resumed(room: object) -> None:
    room.start(choice=Choice(seconds=0.5, limit=1))
    until_loaded(room, 3)
    room.pause()
    land("2024-01-04")
    land("2024-01-05")
    until(lambda: len(room.view().behind) == 2)
    told = answers(room)
    assert (told["current"].value, told["current"].tone) == ("2 days pending", "bad")  # green but stale
    assert told["failed"].value == "nothing"
    assert told["type"].value == "press Resume"
    assert told["type"].command == "etl --pipeline tests.core.toy:toy backfill 2024-01-04 2024-01-05"
    before = len(room.view().facts.runs)
    with pytest.raises(TimeoutError):
        until(lambda: len(room.view().facts.runs) > before, seconds=1.5)
    room.resume()
    until_loaded(room, 5)


def test_stop_waits_for_the_run_at_hand_and_says_stopping_meanwhile(room: object, letters: Path) -> None:
    land("2024-01-01", "a,1\nwait\n")
    room.start(choice=SELDOM)
    room.run_now()
    until(lambda: (letters / "waiting").exists())
    stopping = threading.Thread(target=room.stop, kwargs={"wait": 30})
    stopping.start()
    until_state(room, "stopping")
    (letters / "go").touch()
    stopping.join(30)
    assert room.view().state == "stopped"
    assert room.view().counts["loaded"] == 1  # and the tick went no further


def test_a_run_that_stop_did_not_wait_for_is_still_shown(room: object, letters: Path) -> None:
    land("2024-01-01", "a,1\nwait\n")
    room.start(choice=SELDOM)
    room.run_now()
    until(lambda: (letters / "waiting").exists())
    assert "still at work" in room.stop(wait=0.1)
    view = room.view()
    assert (view.state, view.at_work[0].stage.stage, str(view.days[view.at_work[0].run.interval_start])) == (
        "stopped", "extract", "running",
    )  # fmt: skip
    assert answers(room)["now"].value == "2024-01-01"


def test_a_run_that_ends_while_one_looks_has_not_died(
    room: object, letters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was running when the history was read, and has no lock any more when that is asked."""
    from etl_core import running

    land("2024-01-01", "a,1\nwait\n")
    room.backfill("2024-01-01", "2024-01-01")
    until(lambda: (letters / "waiting").exists())
    ask = running.is_alive

    def late(run_id: str) -> bool:
        (letters / "go").touch()
        room.worker.join(30)
        return ask(run_id)

    monkeypatch.setattr(running, "is_alive", late)
    view = room.view()
    assert (view.working, view.counts["loaded"]) == ((), 1)


def test_backfill_reports_its_progress_and_refuses_another_meanwhile(room: object, letters: Path) -> None:
    land("2024-01-02", "a,1\nwait\n")
    room.backfill("2024-01-01", "2024-01-03")
    worker = room.worker
    until(lambda: (letters / "waiting").exists())
    assert (worker.progress.done, worker.progress.days, worker.busy) == (1, 3, True)
    with pytest.raises(Refused, match="1 of 3 days done"):
        room.backfill("2024-01-01", "2024-01-03")
    (letters / "go").touch()
    worker.join(30)
    assert (worker.progress.done, worker.progress.outcome, worker.progress.ok) == (3, "3 days loaded", True)


def test_what_to_type_while_a_backfill_runs_and_no_tick_comes(room: object, letters: Path) -> None:
    land("2024-01-01", "a,1\nwait\n")
    room.start(choice=SELDOM)
    room.pause()
    room.backfill("2024-01-01", "2024-01-01")
    until(lambda: (letters / "waiting").exists())
    told = answers(room)["type"]
    assert (told.value, told.tone) == ("nothing yet", "busy")
    assert "until you press Resume" in told.detail and told.command.endswith("toy pending")
    (letters / "go").touch()
    room.worker.join(30)
    assert answers(room)["type"].value == "press Resume"


def test_backfill_can_be_cancelled_and_the_rest_is_pending(room: object, letters: Path) -> None:
    land("2024-01-01", "a,1\nwait\n")
    room.backfill("2024-01-01", "2024-01-03")
    until(lambda: (letters / "waiting").exists())
    room.worker.cancel()
    (letters / "go").touch()
    room.worker.join(30)
    assert room.worker.progress.outcome == "cancelled after 1 day; the rest is pending"
    assert room.view().counts == {"loaded": 1, "pending": 2}


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [(None, "2024-01-03", "day"), ("2024-01-03", "2024-01-01", "before"), ("2023-01-01", "2023-01-02", "not landed")],
)
def test_backfill_of_an_impossible_range_says_so(room: object, first: object, last: object, words: str) -> None:
    with pytest.raises(BadParameter, match=words):
        room.backfill(first, last)
    assert not room.worker.busy


def test_a_backfill_counts_what_failed(room: object) -> None:
    land("2024-01-02", "broken\n")
    room.backfill("2024-01-01", "2024-01-03", "month")
    room.worker.join(30)
    progress = room.worker.progress
    assert (progress.done, progress.failed, progress.ok) == (3, 1, False)
    assert progress.outcome.startswith("2 days loaded; 1 failed (BadSchema")


def test_run_again_loads_what_was_loaded(room: object) -> None:
    room.run_now()
    until_loaded(room, 3)
    room.worker.join(10)
    first = room.view().facts.runs[-1]
    room.run_again(first.run_id)
    until(lambda: len(room.view().facts.runs) == 4)
    assert room.view().facts.runs[0].interval == first.interval


def test_what_is_armed_is_shown_fires_and_can_be_cleared(room: object) -> None:
    assert room.arm("extract", "offline", 3) == "armed: extract=offline*3"
    assert room.view().armed == ("extract=offline*3",)
    room.start(choice=Choice(seconds=3600.0, limit=1))
    room.run_now()
    until(lambda: room.view().facts.waiting)
    view = room.view()
    assert view.armed == ()
    assert (view.days[view.facts.waiting[0].interval_start], answers(room)["failed"].tone) == ("waiting", "warn")
    room.arm("load", "kill")
    room.clear_faults()
    assert room.view().armed == ()


@pytest.mark.parametrize("given", [("nowhere", "offline", 1), ("load", "explode", 1), ("load", "offline", 0)])
def test_a_fault_that_cannot_be_is_refused(room: object, given: tuple) -> None:
    with pytest.raises(BadParameter):
        room.arm(*given)
    assert room.view().armed == ()


def test_a_blocked_day_needs_a_person_and_a_corrected_file_heals_it(room: object) -> None:
    land("2024-01-02", "broken\n")
    room.start(choice=Choice(seconds=0.5, limit=3))
    until(lambda: room.view().blocked)
    told = answers(room)
    assert told["failed"].value == "1 day needs you"
    assert told["type"].command == f"etl show {room.view().blocked[0][2][:8]}"
    until_loaded(room, 2)  # the other days go on
    assert "oldest pending 2024-01-02 · 1 of them blocked" in answers(room)["current"].detail
    assert room.run_now() == "there is nothing to load now: 1 blocked"
    land("2024-01-02", "a,1\n")
    until_loaded(room, 3)
    assert answers(room)["failed"].value == "nothing"


def test_the_room_is_one_for_a_process_and_state_folder(
    room: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.start(choice=SELDOM)
    panel = room.panel
    again = control_room(toy.toy)
    assert again is room and again.panel is panel
    assert room.view().state == "running"
    monkeypatch.setenv("ETL_HOME", str(tmp_path / "another"))
    other = control_room(toy.toy)
    assert other is not room
    with pytest.raises(EtlError, match="belongs to"):
        room.stop()
    assert "belongs to" in room.view().problems[0]
    monkeypatch.setenv("ETL_HOME", str(room.home))
    assert room.view().state == "running"
    os.environ["ETL_HOME"] = str(other.home)
    other.close()
    os.environ["ETL_HOME"] = str(room.home)


def test_two_pipelines_in_one_room(room: object, landing: Path) -> None:
    from etl_core import flights

    room.add(flights)
    assert control_room() is room
    assert list(room.pipelines) == ["toy", "flights"]
    room.start(choice=SELDOM)
    room.start("flights", Choice(seconds=3600.0, limit=1))
    room.run_now("flights")
    until(lambda: room.view("flights").counts["loaded"] == 1)
    assert room.view("toy").counts["loaded"] == 0
    room.pause("flights")
    assert (room.view("flights").state, room.view("toy").state) == ("paused", "running")
    with pytest.raises(BadParameter, match="none named 'weather'"):
        room.view("weather")


def test_a_pipeline_that_cannot_be_imported_is_told_what_to_do(room: object) -> None:
    from dataclasses import replace

    room.add(replace(toy.toy, name="mine", target=None))
    with pytest.raises(BadParameter, match="must be importable"):
        room.start("mine")
    assert room.run_now("mine")  # by hand it can be run all the same


@pytest.mark.parametrize("thing", ["flights", None, 3])
def test_only_pipelines_can_be_added(room: object, thing: object) -> None:
    with pytest.raises(BadParameter, match="expected a Pipeline"):
        room.add(thing)

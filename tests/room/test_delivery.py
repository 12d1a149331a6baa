"""Days that land by themselves: what a pipeline sees of them, and the drills."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from etl_core import flights, landed, settings
from etl_core.errors import BadParameter, BadSchema
from etl_core.locks import Lock
from etl_core.views.control_room import control_room
from etl_core.views.room.delivery import Delivery
from etl_core.views.room.view import View
from tests.core.toy import land, toy, until

FIRST, SECOND, THIRD = (date(2013, 1, n) for n in (1, 2, 3))


@pytest.fixture
def delivery(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Delivery]:
    monkeypatch.setenv("ETL_LANDING", str(home / "landing"))
    found = Delivery(days=0, every=0.05)
    yield found
    found.stop()


def test_days_land_by_themselves_oldest_first_and_whole(delivery: Delivery) -> None:
    delivery.days = 2
    delivery.start()
    until(lambda: len(delivery.landed()) >= 6)
    delivery.stop()
    days = delivery.landed()
    assert days == [date(2013, 1, n + 1) for n in range(len(days))]
    source = landed(landing=settings.REPOSITORY / "data" / "landing")
    assert landed() == {day: source[day] for day in days}
    assert len(delivery.landed()) == len(days)  # stopped is stopped


def test_the_rate_can_be_changed_and_off_is_off(delivery: Delivery) -> None:
    delivery.start()
    with pytest.raises(TimeoutError):
        until(delivery.landed, seconds=0.5)
    delivery.days = 1
    until(lambda: len(delivery.landed()) >= 2)


def test_another_process_sees_no_half_file(delivery: Delivery) -> None:
    (delivery.folder / "flights" / "2013-01-01.csv.part").write_text("half")
    assert landed() == {} and delivery.landed() == []


def test_what_has_landed_is_what_lies_there_also_after_a_restart(delivery: Delivery) -> None:
    assert delivery.land(2) == [FIRST, SECOND]
    again = Delivery(days=0)
    assert again.landed() == [FIRST, SECOND]
    assert again.coming()[:2] == [THIRD, date(2013, 1, 4)]


def test_a_bad_file_fails_its_day_and_a_corrected_one_heals_it(delivery: Delivery) -> None:
    assert delivery.spoil() == FIRST
    spoiled = landed()[FIRST]
    with pytest.raises(BadSchema, match="2013-01-01"):
        flights.run(FIRST)
    assert delivery.land() == [SECOND]
    delivery.correct(FIRST)
    assert landed()[FIRST] != spoiled
    assert flights.run(FIRST).rows_loaded == 842


def test_the_good_file_is_never_there_before_the_spoiled_one(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tick would load it."""
    seen: list[bytes] = []
    rename = Path.replace

    def renamed(part: Path, name: Path) -> Path:
        seen.append(part.read_bytes().partition(b"\n")[0])
        return rename(part, name)

    monkeypatch.setattr(Path, "replace", renamed)
    delivery.spoil()
    assert len(seen) == 2 and not any(b",dep_time," in header for header in seen)


def test_only_one_process_delivers_into_a_state_folder(delivery: Delivery) -> None:
    other = Lock("delivery")
    assert other.take()
    delivery.days = 1
    delivery.start()
    until(lambda: "another process" in (delivery.problem or ""))
    assert delivery.landed() == []
    other.release(forget=False)
    until(lambda: delivery.landed() and delivery.problem is None)


def test_trouble_in_delivering_is_kept_to_be_shown_and_passes(delivery: Delivery, tmp_path: Path) -> None:
    delivery.source = tmp_path / "gone"
    delivery.days = 1
    delivery.start()
    until(lambda: "gone" in (delivery.problem or ""))
    delivery.source = settings.REPOSITORY / "data" / "landing"
    until(lambda: delivery.problem is None and delivery.landed())


def test_use_sets_the_landing_zone_of_this_process(delivery: Delivery, home: Path) -> None:
    os.environ["ETL_LANDING"] = "elsewhere"
    delivery.use()
    assert settings.current().landing == str(home / "landing")


@pytest.mark.parametrize(
    ("given", "words"),
    [({"days": -1}, "days"), ({"days": 1.5}, "days"), ({"every": 0}, "every")],
)
def test_what_cannot_be_is_refused(home: Path, given: dict, words: str) -> None:
    with pytest.raises(Exception, match=words):
        Delivery(**given)


@pytest.mark.parametrize("day", ["2012-12-31", "tomorrow", "../.."])
def test_a_day_that_the_source_has_not(delivery: Delivery, day: str) -> None:
    with pytest.raises(BadParameter, match="day"):
        delivery.correct(day)


def test_a_room_with_a_delivery_goes_stale_while_it_is_paused(home: Path) -> None:
    from etl_core.views.control_room import control_room
    from etl_core.views.room.choice import Choice
    from tests.room.look import answers, until_loaded

    before = os.environ.get("ETL_LANDING")
    room = control_room(delivery=Delivery(days=1, every=0.3))
    try:
        room.start(choice=Choice(seconds=0.5, limit=9))
        until_loaded(room, 2)
        room.pause()
        views: list[View] = []

        def stale() -> bool:  # the tick that was at work when it was paused has ended
            views.append(room.view())
            return len(views[-1].behind) >= 3 and {run.status for run in views[-1].facts.runs} == {"succeeded"}

        until(stale)
        told = answers(room)
        assert told["current"].tone == "bad"
        card = room.panel.tools[3]
        until(lambda: "have landed; next <time>2013-" in card.told.value)
        card.rate.value = 3
        assert room.delivery.days == 3
        panel = room.panel
        assert control_room(delivery=Delivery(days=0, every=0.3)).panel is panel  # the cell was run again
        until(lambda: card.rate.value == 0)
        room.resume()
        until(lambda: not room.view().behind)
        assert answers(room)["current"].value == "yes"
    finally:
        room.close()
        os.environ.pop("ETL_LANDING")
        if before is not None:
            os.environ["ETL_LANDING"] = before


def test_what_has_just_landed_is_seen_at_once_however_long_the_look_takes(letters: Path) -> None:
    def slowly() -> dict[date, str]:
        time.sleep(0.1)  # as for a landing zone far away
        return toy.landed()

    room = control_room(replace(toy, landed=slowly))
    try:
        before = len(room.view().behind)
        land("2024-03-01", "a,1\n")
        assert len(room.view(patient=True).behind) == before  # what the painter shows may be some seconds old
        assert len(room.view().behind) == before + 1
    finally:
        room.close()

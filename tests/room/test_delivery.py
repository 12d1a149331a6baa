"""Days that land by themselves: what a pipeline sees of them, and the drills."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from etl_core import flights, landed, settings
from etl_core.errors import BadParameter
from etl_core.running import Lock
from etl_core.views.room.delivery import BAD, Delivery
from etl_core.views.room.view import View
from tests.core.toy import until

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
    assert not delivery.delivering
    with pytest.raises(TimeoutError):
        until(delivery.landed, seconds=0.5)
    delivery.days = 1
    until(lambda: delivery.delivering and len(delivery.landed()) >= 2)


def test_another_process_sees_no_half_file(delivery: Delivery) -> None:
    (delivery.folder / "flights" / "2013-01-01.csv.part").write_text("half")
    assert landed() == {} and delivery.landed() == []


def test_what_has_landed_is_what_lies_there_also_after_a_restart(delivery: Delivery) -> None:
    assert delivery.land(2) == [FIRST, SECOND]
    delivery.hold(THIRD)
    again = Delivery(days=0)
    assert again.landed() == [FIRST, SECOND]
    assert again.held() == [THIRD]
    assert again.next_days(2) == [date(2013, 1, 4), date(2013, 1, 5)]


def test_a_day_that_is_kept_back_comes_late(delivery: Delivery) -> None:
    assert delivery.hold() == FIRST
    assert delivery.land(2) == [SECOND, THIRD]
    assert FIRST not in landed()
    assert delivery.release() == [FIRST]
    assert delivery.landed() == [FIRST, SECOND, THIRD]
    assert delivery.held() == []
    with pytest.raises(BadParameter, match="has landed already"):
        delivery.hold(FIRST)


@pytest.mark.parametrize("how", BAD)
def test_a_bad_file_fails_its_day_and_a_corrected_one_heals_it(delivery: Delivery, how: str) -> None:
    assert delivery.spoil(how=how) == FIRST
    spoiled = landed()[FIRST]
    with pytest.raises(Exception, match="2013-01-01"):
        flights.run(FIRST)
    delivery.correct(FIRST)
    assert landed()[FIRST] != spoiled
    assert flights.run(FIRST).rows_loaded == 842


def test_only_one_process_delivers_into_a_state_folder(delivery: Delivery) -> None:
    other = Lock("delivery")
    assert other.take()
    delivery.days = 1
    delivery.start()
    until(lambda: delivery.elsewhere)
    assert delivery.landed() == []
    other.release(forget=False)
    until(lambda: delivery.landed())
    assert not delivery.elsewhere


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
    [({"days": -1}, "days"), ({"days": 1.5}, "days"), ({"every": 0}, "every"), ({"source": "data/nothing"}, "no such")],
)
def test_what_cannot_be_is_refused(home: Path, given: dict, words: str) -> None:
    with pytest.raises(Exception, match=words):
        Delivery(**given)


@pytest.mark.parametrize("day", ["2012-12-31", "tomorrow", "../.."])
def test_a_day_that_the_source_has_not(delivery: Delivery, day: str) -> None:
    with pytest.raises(BadParameter, match="day"):
        delivery.deliver(day)


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
        until(lambda: "have landed; next 2013-" in card.told.value)
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

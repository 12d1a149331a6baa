"""A schedule as it is typed: what is wrong with it, when it would fire, and how a stored one is shown again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from etl_core.errors import BadParameter
from etl_core.scheduling.store import Stored
from etl_core.views.room.choice import Choice, choice_of

NOON = datetime(2026, 3, 6, 12, 0, 30, tzinfo=UTC)  # a Friday


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(seconds=10.0), ["12:00:40", "12:00:50", "12:01:00", "12:01:10", "12:01:20"]),
        (Choice("hourly", timezone="UTC"), ["13:00:00", "14:00:00", "15:00:00", "16:00:00", "17:00:00"]),
        (Choice("daily", at="6:30", timezone="UTC"), ["06:30:00"] * 5),
        (
            Choice("cron", cron="*/20 * * * *", timezone="UTC"),
            ["12:20:00", "12:40:00", "13:00:00", "13:20:00", "13:40:00"],
        ),
    ],
)
def test_the_next_five_times(choice: Choice, expected: list[str]) -> None:
    found = choice.fires(now=NOON)
    assert [f"{at.astimezone(UTC):%H:%M:%S}" for at in found] == expected
    assert found == sorted(set(found)) and found[0] > NOON


def test_what_is_stored_is_due_when_it_is_stored_and_not_from_now_on() -> None:
    first = NOON + timedelta(seconds=3)
    found = Choice(seconds=40.0).fires(3, now=NOON, first=first)
    assert found == [first, first + timedelta(seconds=40), first + timedelta(seconds=80)]
    assert Choice("hourly", timezone="UTC").fires(2, NOON, first) == [
        first,
        Choice("hourly", timezone="UTC").fires(1, NOON)[0],
    ]


def test_times_are_told_in_the_schedules_own_zone_over_a_clock_change() -> None:
    found = Choice("daily", at="12:00", timezone="America/New_York").fires(3, now=NOON)
    assert [f"{at:%d %H:%M %Z}" for at in found] == ["06 12:00 EST", "07 12:00 EST", "08 12:00 EDT"]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice("cron", cron=""), "five fields"),
        (Choice("cron", cron="*/5 * * *"), "five fields"),
        (Choice("cron", cron="61 * * * *"), "cannot be read"),
        (Choice("cron", cron="0 6 * * 1"), "names"),
        (Choice("cron", cron="0 0 31 2 *"), "never comes"),
        (Choice("daily", at="25:00"), "time of day"),
        (Choice("daily", at=""), "time of day"),
        (Choice("hourly", timezone="Mars/Base"), "Mars/Base"),
        (Choice(seconds=0.0), "every"),
    ],
)
def test_what_is_wrong_is_told(choice: Choice, words: str) -> None:
    with pytest.raises(BadParameter, match=words):
        choice.fires()


@pytest.mark.parametrize(
    "choice",
    [
        Choice(seconds=7.5, timezone="UTC", limit=2),
        Choice("hourly", timezone="Europe/Berlin", limit=31),
        Choice("daily", at="06:05", timezone="America/New_York", limit=1),
        Choice("cron", cron="*/5 6-9 * * mon-fri", timezone="UTC", limit=366),
    ],
)
def test_a_stored_schedule_is_shown_as_it_was_chosen(choice: Choice) -> None:
    stored = Stored("toy", "schedule", "toy", NOON, str(choice.when()), choice.timezone, "x:y", choice.limit)
    assert choice_of(stored).when() == choice.when()
    assert (choice_of(stored).mode, choice_of(stored).limit) == (choice.mode, choice.limit)

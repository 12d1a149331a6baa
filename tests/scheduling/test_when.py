from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from etl_core.errors import BadParameter
from etl_core.scheduling.when import when


def next_times(chosen, start: datetime, count: int = 3) -> list[str]:
    trigger, found, last = chosen.trigger(start), [], None
    for _ in range(count):
        last = trigger.get_next_fire_time(last, last or start)
        found.append(f"{last.astimezone(UTC):%m-%d %H:%M:%S}")
    return found


NEW_YEAR = datetime(2013, 1, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "text", "times"),
    [
        ({"every": 10}, "every 10 s", ["01-01 12:30:10", "01-01 12:30:20", "01-01 12:30:30"]),
        ({"hourly": True}, "0 * * * * (UTC)", ["01-01 13:00:00", "01-01 14:00:00", "01-01 15:00:00"]),
        ({"daily": "6:05"}, "5 6 * * * (UTC)", ["01-02 06:05:00", "01-03 06:05:00", "01-04 06:05:00"]),
        (
            {"cron": " 0  6 * * tue-fri"},
            "0 6 * * tue-fri (UTC)",
            ["01-02 06:00:00", "01-03 06:00:00", "01-04 06:00:00"],
        ),
        ({"cron": "0 6 * * SUN"}, "0 6 * * SUN (UTC)", ["01-06 06:00:00", "01-13 06:00:00", "01-20 06:00:00"]),
    ],
)
def test_what_can_be_said(given: dict, text: str, times: list[str]) -> None:
    chosen = when(**given, timezone="UTC")
    assert str(chosen) == text
    assert next_times(chosen, NEW_YEAR) == times


def test_a_time_zone_is_kept_by_name() -> None:
    assert next_times(when(daily="06:00", timezone="America/New_York"), NEW_YEAR, 1) == ["01-02 11:00:00"]
    assert ZoneInfo(when(hourly=True).timezone)  # the machine's own has one too


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "give one of"),
        ({"every": 10, "cron": "* * * * *"}, "give one of"),
        ({"every": 0}, "less than a year"),
        ({"every": -1}, "less than a year"),
        ({"every": 365 * 86_400}, "less than a year"),
        ({"every": float("nan")}, "less than a year"),
        ({"every": "10"}, "expected seconds"),
        ({"every": True}, "expected seconds"),
        ({"daily": "24:00"}, "expected a time of day"),
        ({"daily": 6}, "expected a time of day"),
        ({"cron": "0 6 * *"}, "five fields"),
        ({"cron": "@daily"}, "five fields"),
        ({"cron": ""}, "five fields"),
        ({"cron": 5}, "five fields"),
        ({"cron": "61 * * * *"}, "maximum value"),
        ({"cron": "*/0 * * * *"}, "Increment"),
        ({"cron": "0 6 * * 1"}, "0 is Sunday for cron and Monday for APScheduler"),
        ({"cron": "0 6 * * */2"}, "write names"),
        ({"cron": "0 6 * * mun"}, "Invalid weekday name"),
        ({"cron": "0 6 1 * mon"}, "leave one of them"),
        ({"cron": "0 6 30 feb *"}, "never comes"),
        ({"hourly": True, "timezone": "Mars/Phobos"}, "no time zone 'Mars/Phobos'"),
        ({"hourly": True, "timezone": ""}, "no time zone"),
        ({"hourly": True, "timezone": "../../etc/passwd"}, "no time zone"),
        ({"hourly": True, "timezone": "America"}, "no time zone"),
        ({"hourly": True, "timezone": 5}, "no time zone"),
    ],
)
def test_what_cannot_be_right_is_refused(given: dict, says: str) -> None:
    with pytest.raises(BadParameter, match=says.replace("*", r"\*")):
        when(**given)

"""When a schedule is due: every so many seconds, or by a line of cron text in a time zone.

Times are checked here, not by APScheduler, whose cron text differs from cron's in two ways that bite: its weekday 0 is
Monday, and where day of month and weekday are both given it wants both, cron either.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from tzlocal import get_localzone_name

from etl_core.errors import BadParameter

SHORTEST, LONGEST = 0.1, 365 * 86_400  # seconds; a year or more would be a slip
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class When:
    """`every` seconds, or `cron` text; `timezone` is an IANA name."""

    timezone: str
    every: float | None = None
    cron: str | None = None

    def __str__(self) -> str:
        return f"every {self.every:g} s" if self.every else f"{self.cron} ({self.timezone})"

    def trigger(self, start: datetime | None = None) -> BaseTrigger:
        """APScheduler's trigger; an interval's first tick comes `every` seconds after `start` (default: now)."""
        zone = ZoneInfo(self.timezone)
        if self.every:
            first = (start or datetime.now(UTC)) + timedelta(seconds=self.every)
            return IntervalTrigger(seconds=self.every, start_date=first, timezone=zone)
        return _cron(self.cron, zone)


def when(
    every: float | None = None,
    cron: str | None = None,
    hourly: bool = False,
    daily: str | None = None,
    timezone: str | None = None,
) -> When:
    """Exactly one of `every` (seconds), `cron` (five fields), `hourly=True` and `daily="06:00"`; else BadParameter.

    `timezone` is the machine's own unless given. Where clocks change, a local time that comes twice is due twice, and
    one that is left out is due an hour off: harmless, because a tick loads what is pending and nothing else.

    >>> print(when(daily="06:00", timezone="America/New_York"))
    0 6 * * * (America/New_York)
    """
    if [every is not None, cron is not None, hourly, daily is not None].count(True) != 1:
        raise BadParameter(
            "schedule: give one of every (seconds), cron, hourly and daily, for example cron='0 6 * * *'"
        )
    zone = _zone(timezone)
    if every is not None:
        return When(zone, every=_seconds(every))
    if daily is not None:
        clock = _CLOCK.fullmatch(daily) if isinstance(daily, str) else None
        if not clock:
            raise BadParameter(f"daily: found {daily!r}, expected a time of day, for example '06:00'")
        cron = f"{int(clock[2])} {int(clock[1])} * * *"
    chosen = When(zone, cron=_text("0 * * * *" if hourly else cron))
    if chosen.trigger().get_next_fire_time(None, datetime.now(UTC)) is None:
        raise BadParameter(f"cron: {chosen.cron!r} never comes, there is no such day in any year")
    return chosen


def _seconds(every: object) -> float:
    if isinstance(every, bool) or not isinstance(every, (int, float)) or not SHORTEST <= every < LONGEST:
        raise BadParameter(f"every: found {every!r}, expected seconds, from {SHORTEST} to less than a year ({LONGEST})")
    return every


def _zone(name: str | None) -> str:
    try:
        found = (get_localzone_name() or "UTC") if name is None else name
        ZoneInfo(found)
    except (KeyError, ValueError, OSError, TypeError):
        raise BadParameter(
            f"timezone: there is no time zone {name!r}; give an IANA name, for example America/New_York or UTC"
        ) from None
    return found


def _text(text: object) -> str:
    fields = text.split() if isinstance(text, str) else []
    if len(fields) != 5:
        raise BadParameter(
            f"cron: found {text!r}, expected five fields (minute hour day-of-month month weekday), "
            "for example '0 6 * * mon-fri' for six o'clock on weekdays"
        )
    if re.search(r"\d", fields[4]):
        raise BadParameter(
            f"cron: found weekday {fields[4]!r}; numbers are refused because 0 is Sunday for cron and Monday for "
            "APScheduler: write names, for example mon or mon-fri or sat,sun"
        )
    if not fields[2].startswith("*") and not fields[4].startswith("*"):
        raise BadParameter(
            f"cron: found day of month {fields[2]!r} and weekday {fields[4]!r}; cron would take either, APScheduler "
            "wants both at once: leave one of them *"
        )
    _cron(" ".join(fields), ZoneInfo("UTC"))
    return " ".join(fields)


def _cron(text: str, zone: ZoneInfo) -> CronTrigger:
    try:
        return CronTrigger.from_crontab(text, timezone=zone)
    except (ValueError, TypeError) as error:
        raise BadParameter(f"cron: {text!r} cannot be read: {error}; for example '30 6 * * mon-fri'") from None

"""A schedule as it is chosen in the panel: checked while it is typed, with the next times it would fire."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from etl_core.scheduling.store import Stored
from etl_core.scheduling.when import When, when

_EVERY = re.compile(r"every ([\d.e+]+) s")
_CRON = re.compile(r"(.+) \(\S+\)")
_DAILY = re.compile(r"(\d+) (\d+) \* \* \*")


@dataclass(frozen=True)
class Choice:
    """`mode` says which of the values counts: every (seconds), hourly, daily (at, as 06:00) or cron (text)."""

    mode: str = "every"
    seconds: float = 5.0
    at: str = "06:00"
    cron: str = "*/5 * * * *"
    timezone: str | None = None  # None: the machine's own
    limit: int = 3  # days a tick

    @property
    def given(self) -> dict[str, object]:
        """As keywords of `when()` and of the scheduler's `add_schedule()`."""
        value = {"every": self.seconds, "hourly": True, "daily": self.at, "cron": self.cron}[self.mode]
        return {self.mode: value, "timezone": self.timezone or None}

    def when(self) -> When:
        """BadParameter says what is wrong with it."""
        return when(**self.given)

    def fires(self, number: int = 5, now: datetime | None = None, first: datetime | None = None) -> list[datetime]:
        """The next times it would be due, in its own time zone, where `first` is what is stored as the next of them;
        BadParameter says what is wrong with it."""
        chosen, now = self.when(), now or datetime.now(UTC)
        trigger, found = chosen.trigger(now), [first] if first else []
        while len(found) < number:
            after = found[-1] if found else None
            due = trigger.get_next_fire_time(after, max(now, after) if after else now)
            if due is None:
                break
            found.append(due)
        return [due.astimezone(ZoneInfo(chosen.timezone)) for due in found]


def choice_of(stored: Stored) -> Choice:
    """The choice that a stored schedule was made by."""
    limit, zone, text = stored.limit or 31, stored.timezone, stored.when or ""
    if every := _EVERY.fullmatch(text):
        return Choice("every", seconds=float(every[1]), timezone=zone, limit=limit)
    cron = found[1] if (found := _CRON.fullmatch(text)) else text
    if cron == "0 * * * *":
        return Choice("hourly", timezone=zone, limit=limit)
    if clock := _DAILY.fullmatch(cron):
        return Choice("daily", at=f"{int(clock[2]):02d}:{int(clock[1]):02d}", timezone=zone, limit=limit)
    return Choice("cron", cron=cron, timezone=zone, limit=limit)

"""The year, a cell a day: loaded, pending, waiting, blocked, running or not landed."""

from __future__ import annotations

from datetime import date, timedelta

from etl_core.views.room.svg import MARKS, box, key, picture, tag, text
from etl_core.views.room.view import View
from etl_core.views.words import count, first_line, listed

ROW, TOP = 20, 22  # pixels
_WEEKDAYS = ("Mon", "", "Wed", "", "Fri", "", "Sun")
_ORDER = ("loaded", "running", "pending", "waiting", "blocked", "missing")


def calendar(view: View) -> str:
    """The year of the newest day that has landed; the sentence counts all days."""
    year = max(view.days).year if view.days else view.at.year
    first = date(year, 1, 1)
    days = [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]
    offset = first.weekday()
    width = 100 / ((offset + len(days) - 1) // 7 + 1)  # of a week, in per cent
    errors = {one.day: one.error for one in view.facts.pending if one.error}
    drawn = ""
    for n, day in enumerate(days):
        week, weekday = divmod(offset + n, 7)
        if day.day == 1:
            drawn += text((week + (0 if weekday == 0 else 0.5)) * width, 13, f"{day:%b}", "start", "t faint")
        drawn += _cell(day, view.days.get(day, "absent"), errors.get(day), week * width, TOP + weekday * ROW, width)
    labels = [(TOP + n * ROW, name) for n, name in enumerate(_WEEKDAYS)]
    legend = "".join(
        key(MARKS[name].css, MARKS[name].sign, f"{view.counts[name]:,} {MARKS[name].word}")
        for name in _ORDER
        if view.counts[name] or name in ("loaded", "pending")
    )
    return picture("calendar", f"{year}: {sentence(view)}", TOP + 7 * ROW, drawn, labels, legend)


def sentence(view: View) -> str:
    """The message of the picture in words."""
    days, counts = view.days, view.counts
    if not view.facts.landed:
        return "nothing has landed yet"
    if counts["loaded"] == len(view.facts.landed):
        said = f"all {count(counts['loaded'], 'day')} that landed are loaded"
    else:
        said = f"{counts['loaded']:,} of {count(len(view.facts.landed), 'landed day')} are loaded"
    for status, words in (("blocked", "blocked"), ("waiting", "waiting for a retry"), ("pending", "pending"),
                          ("running", "being loaded"), ("missing", "not landed though later ones have")):  # fmt: skip
        some = [day for day, found in days.items() if found == status]
        if some:
            said += f"; {len(some):,} {words} ({listed(some, 2)})"
    return said


def _cell(day: date, status: str, error: str | None, x: float, y: float, width: float) -> str:
    mark = MARKS[status]
    tip = f"{day:%a} {day}: {mark.word}" + (f". {first_line(error, 200)}" if error else "")
    drawn = box(x + 0.06 * width, y + 1, 0.88 * width, ROW - 3, f"cell {mark.css}")
    sign = text(x + width / 2, y + ROW - 6, mark.sign, css=f"t sign {mark.css}") if mark.sign else ""
    return tag("g", drawn + sign, title=tip, data_day=day, data_status=status)

"""The control room as its operator uses it: what is pressed and chosen, and what the page then says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, expect

from etl_core.views.room.table import ROWS
from tests.browser.desk import SECONDS, Desk, until
from tests.browser.ground import Ground

TICK = 1  # seconds between two ticks of the schedule that the tests choose
IDLE = 5  # seconds in which nothing may run: several ticks would have come
MISFITS = """() => {
    const room = document.querySelector('.etl-room'), edge = room.getBoundingClientRect()
    const cards = [...room.querySelectorAll('.etl-card')].filter(card => card.offsetWidth > 0)
    const said = card => card.innerText.slice(0, 30)
    const out = cards.filter(card => {
        const place = card.getBoundingClientRect()
        return place.left < edge.left || place.right > edge.right || card.scrollWidth > card.clientWidth + 1
    }).map(card => `sticks out, or is cut off: ${said(card)}`)
    const over = cards.flatMap((one, n) => cards.slice(n + 1).filter(other => {
        const a = one.getBoundingClientRect(), b = other.getBoundingClientRect()
        return a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1
    }).map(other => `overlap: ${said(one)}, ${said(other)}`))
    return [...out, ...over]
}"""


@dataclass
class Room:
    """A room in a notebook whose cells have run."""

    desk: Desk
    ground: Ground

    def find(self, selector: str) -> Locator:
        return self.desk.page.locator(f".etl-room {selector}")

    # ---- what the operator does

    def press(self, name: str) -> None:
        """A button by its class without `room-`. It has to be enabled, visible and not covered."""
        self.find(f"button.room-{name}").click()

    def choose(self, name: str, label: str) -> None:
        self.find(f".room-{name} select").select_option(label=label)

    def type(self, name: str, text: str) -> None:
        field = self.find(f".room-{name} input")
        field.fill(text)
        field.press("Tab")

    def arm(self, point: str, kind: str, times: int = 1) -> None:
        self.choose("point", point)
        self.choose("kind", kind)
        self.type("times", str(times))
        self.press("arm")

    def start(self, every: float | None = None) -> None:
        if every is not None:
            self.type("seconds", f"{every:g}")
        self.press("start")
        self.has_state("running")

    def press_by_key(self, name: str) -> None:
        """With the keyboard alone: the focus is put there, as Tab does, and Enter pressed."""
        button = self.find(f"button.room-{name}")
        expect(button).to_be_enabled()
        button.focus()
        self.desk.page.keyboard.press("Enter")

    def open_autopsy(self, run_id: str) -> Locator:
        """Click a row of the table where it is seen, and return what opens beside it."""
        row = self.row(run_id)
        row.scroll_into_view_if_needed()
        place = row.bounding_box()
        self.desk.page.mouse.click(place["x"] + place["width"] / 3, place["y"] + place["height"] / 2)
        opened = self.find(f'.room-autopsy [data-run-id="{run_id}"]')
        expect(opened).to_be_visible()
        return opened

    # ---- what the page says

    def row(self, run_id: str) -> Locator:
        return self.find(f'.room-runs-table tr[data-run-id="{run_id}"]')

    def answer(self, name: str) -> Locator:
        """One of the headline figures: current, scheduler, now, failed, missed, type."""
        return self.find(f'[data-answer="{name}"]')

    def has_state(self, state: str) -> None:
        expect(self.find(f".room-state [data-state={state}]")).to_be_visible()

    def says(self, pattern: str, tone: str = "ok") -> None:
        expect(self.find(f".room-message [data-tone={tone}]")).to_contain_text(re.compile(pattern))

    def has_loaded(self, *days: str) -> None:
        """The receipts are there, the table and the calendar agree with the databases, and no run is at work."""
        try:
            until(self.desk.page, lambda: set(days) <= set(self.ground.loaded()), 60)
        except AssertionError:
            told = self.find(".room-message").inner_text(), self.ground.told(), self.ground.runs(), self.ground.stored()
            raise AssertionError(f"expected {days} loaded, found {self.ground.loaded()}; {told}") from None
        self.agrees()

    def agrees(self) -> None:
        """Table and calendar show what the databases hold. They are painted each second, so wait for a moment in
        which that is so, with all runs at an end."""

        def same() -> bool:
            runs = self.ground.runs()
            at_rest = all(run[2] != "running" for run in runs)
            return at_rest and self._table() == _newest(runs) and self._calendar() == self.ground.loaded()

        try:
            until(self.desk.page, same)
        except AssertionError:
            assert self._table() == _newest(self.ground.runs())  # these tell the difference
            assert self._calendar() == self.ground.loaded()
            raise

    def _table(self) -> list[tuple[str, str]]:
        rows = "rows => rows.map(row => [row.dataset.runId, row.dataset.status])"
        return [tuple(row) for row in self.find(".room-runs-table tr[data-run-id]").evaluate_all(rows)]

    def _calendar(self) -> list[str]:
        days = self.find(".room-calendar g[data-day][data-status=loaded]")
        return days.evaluate_all("cells => cells.map(cell => cell.dataset.day)")

    def nothing_runs(self, *pending: str) -> None:
        """No run begins though these days are pending. Time itself is waited for here: that nothing comes can only be
        seen by waiting as long as several ticks take."""
        assert not set(pending) & set(self.ground.loaded())
        for day in pending:
            expect(self.find(f'.room-calendar g[data-day="{day}"][data-status=pending]')).to_be_visible()
        before = self.ground.runs()
        self.desk.page.wait_for_timeout(IDLE * SECONDS)
        assert self.ground.runs() == before

    def fits(self, width: int) -> None:
        """At this width, nothing sticks out of the room, nothing is cut off in its cards and no two of them overlap."""
        page = self.desk.page
        around = page.evaluate("innerWidth - document.querySelector('.etl-room').getBoundingClientRect().width")
        page.set_viewport_size({"width": int(width + around), "height": page.viewport_size["height"]})
        until(page, lambda: abs(self.desk.page.locator(".etl-room").bounding_box()["width"] - width) < 2)
        try:
            until(page, lambda: page.evaluate(MISFITS) == [], 10)
        except AssertionError:
            assert page.evaluate(MISFITS) == [], f"{width} pixels wide"

    def nameless(self) -> list[str]:
        """Choices and buttons for which a screen reader has no name, as it would read them."""
        said = self.desk.page.locator(".etl-room").aria_snapshot()
        return re.findall(r'- (?:textbox|combobox|spinbutton|button)(?! "(?!null"|")).*', said)

    def without_problems(self) -> None:
        expect(self.find(".etl-problem")).to_have_count(0)
        assert self.desk.problems() == ""


def _newest(runs: list[tuple]) -> list[tuple[str, str]]:
    return [(run[0], run[2]) for run in runs[:ROWS]]


def pid(desk: Desk) -> int:
    """The process of the kernel, which the first cell shows."""
    return int(desk.output(0))

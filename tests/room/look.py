"""What the tests of the room wait for and look at."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from etl_core.views.room.choice import Choice
from etl_core.views.room.headline import Answer, headline
from tests.core.toy import until

SELDOM = Choice(seconds=3600.0, limit=3)  # ticks come by hand only


def until_state(room: object, state: str, seconds: float = 30) -> None:
    until(lambda: room.view().state == state, seconds)


def until_loaded(room: object, number: int) -> None:
    """This many days or more; in vain, with what the room then said."""
    try:
        until(lambda: room.view().counts["loaded"] >= number)
    except TimeoutError:
        view = room.view()
        told = [f"{event.at:%H:%M:%S} {event.kind}: {event.message}" for event in view.facts.events[:10]]
        runs = [(str(run.interval), run.status, run.error) for run in view.facts.runs[:10]]
        log = (room.home / "logs" / "etl.log").read_text()[-2000:]
        raise AssertionError(
            f"{view.state} {view.counts} {view.problems} {view.schedule} {runs} {told}\n{log}"
        ) from None


def answers(room: object) -> dict[str, Answer]:
    return {answer.name: answer for answer in headline(room.view())}


def painted(panel: object) -> None:
    """Two paintings that began after this call."""
    before = panel.painter.frames
    panel.painter.wake()
    until(lambda: panel.painter.frames > before)
    panel.painter.wake()
    until(lambda: panel.painter.frames > before + 1)


def svg(html: str) -> ElementTree.Element:
    """The drawing of a picture, parsed."""
    return ElementTree.fromstring(re.search(r"<svg .*</svg>", html, re.DOTALL)[0])


def marked(html: str, attribute: str) -> list[dict[str, str]]:
    """The attributes of what carries this one in a drawing."""
    return [one.attrib for one in svg(html).iter() if attribute in one.attrib]

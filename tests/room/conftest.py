from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.conftest import _nothing_left_in_this_process, letters  # noqa: F401
from tests.core.toy import no_tick_at_work, toy, until


@pytest.fixture
def room(letters: Path) -> Iterator[object]:  # noqa: F811
    """The control room of a state folder of its own, with the toy pipeline; all it has begun ends with the test."""
    from etl_core.views.control_room import control_room

    found = control_room(toy)
    yield found
    (letters / "go").touch()
    found.close()
    until(no_tick_at_work)


@pytest.fixture
def panel(room: object) -> object:
    return room.panel

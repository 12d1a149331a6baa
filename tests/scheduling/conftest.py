from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.conftest import _nothing_left_in_this_process, letters  # noqa: F401
from tests.core.toy import REPOSITORY, no_tick_at_work, until


@pytest.fixture
def scheduler(home: Path) -> Iterator[object]:
    """The scheduler of this process and of a state folder of its own; stopped when the test ends."""
    from etl_core.scheduling import get_scheduler

    found = get_scheduler()
    yield found
    found.stop(wait=20)
    until(no_tick_at_work)


@pytest.fixture(name="land_flights")
def _land_flights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """`land_flights("2013-01-15")` puts a real day into an ETL_LANDING that is empty at first."""
    folder = tmp_path / "flights-landing"
    for kind in ("flights", "weather"):
        (folder / kind).mkdir(parents=True)
    monkeypatch.setenv("ETL_LANDING", str(folder))

    def land(*days: object) -> None:
        for kind in ("weather", "flights"):
            for day in days:
                shutil.copy(REPOSITORY / "data" / "landing" / kind / f"{day}.csv", folder / kind)

    return land

"""The pictures: they can be drawn of whatever a run may have, and say the right thing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from etl_core import extract, faults, flights, query, transform
from etl_core.interval import Interval
from etl_core.views import plots

PNG = b"\x89PNG\r\n"


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_HOME", str(tmp_path))


def day(first: str, until: str | None = None) -> pd.DataFrame:
    return transform(extract(Interval.of(first, until))).flights


@pytest.mark.parametrize(
    ("first", "until", "title"),
    [
        ("2013-01-15", None, "2013-01-15: 894 flights, 13 cancelled, 65 left over 15 minutes late"),
        ("2013-02-08", None, "2013-02-08: 930 flights, 472 cancelled, 122 left over 15 minutes late"),
        ("2013-11-28", None, "2013-11-28: 634 flights, 0 cancelled"),  # nobody cancelled: the delays are whole numbers
        ("2013-03-09", "2013-03-10", "2013-03-09 to 2013-03-10: "),  # clocks go forward
        ("2013-11-01", "2013-11-10", "2013-11-01 to 2013-11-10: "),  # by the day, and clocks go back
    ],
)
def test_delays(first: str, until: str | None, title: str) -> None:
    picture = plots.delays(day(first, until))
    png, size = picture._repr_png_()
    assert png.startswith(PNG)
    assert size["width"] > size["height"] > 300
    assert repr(picture).startswith(f"<Picture: {title}")


def test_delays_of_a_day_on_which_nothing_left() -> None:
    frame = day("2013-02-08")
    frame = frame[frame.status == "cancelled"]
    picture = plots.delays(frame)
    assert picture._repr_png_()[0].startswith(PNG)
    assert "472 flights, 472 cancelled, 0 left" in repr(picture)


def test_delays_of_no_flight_at_all() -> None:
    picture = plots.delays(day("2013-02-08").iloc[:0], title="Nothing landed")
    assert picture._repr_png_()[0].startswith(PNG)


def test_delays_of_what_the_warehouse_gives_back() -> None:
    """SQLite gives dates and instants back as text, and delays as floats."""
    flights.run("2013-01-15")
    picture = plots.delays(query("SELECT * FROM flights WHERE flight_date = :day", day="2013-01-15"))
    assert repr(picture) == "<Picture: 2013-01-15: 894 flights, 13 cancelled, 65 left over 15 minutes late>"


def test_stage_times() -> None:
    run = flights.run("2013-01-15")
    picture = plots.stage_times(run.run_id)
    assert picture._repr_png_()[0].startswith(PNG)
    assert [label.get_text() for label in picture.axes[0].get_yticklabels()] == ["extract", "transform", "load"]
    assert "The slowest stage was " in repr(picture)
    assert repr(plots.stage_times(run.run_id, "What to see here")) == "<Picture: What to see here>"


def test_stage_times_of_a_run_that_was_retried_and_failed() -> None:
    faults.inject("extract=offline, transform=bad-schema")
    run = flights.attempt(Interval.of("2013-01-15"))
    picture = plots.stage_times(run.run_id)
    names = [label.get_text() for label in picture.axes[0].get_yticklabels()]
    assert names == ["extract", "extract, attempt 2", "transform"]
    assert repr(picture) == "<Picture: transform failed, and the run with it: BadSchema>"


def test_stage_times_of_a_run_that_has_not_begun_a_stage() -> None:
    run = flights.start("2013-01-15")
    assert plots.stage_times(run.run_id)._repr_png_()[0].startswith(PNG)
    run.extract()
    assert plots.stage_times(run.run_id)._repr_png_()[0].startswith(PNG)
    run.abandon("looked at enough")


def test_pictures_leave_pyplot_alone() -> None:
    code = """
import sys
from etl_core.views import plots
plots.Picture()._repr_png_()
print("matplotlib.pyplot" in sys.modules)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert shown.stdout == "False\n"

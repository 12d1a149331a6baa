"""The job notebook, executed by papermill as a reader would: `papermill notebooks/run_pipeline.ipynb … -p day …`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest

from etl_core import Interval, flights, history
from etl_core.errors import BadParameter
from etl_core.faults import armed, inject

from .conftest import NOTEBOOK, REPOSITORY, Papermill, start, text_of

COMMAND = "papermill notebooks/run_pipeline.ipynb data/state/runs/2013-01-15.ipynb -p day 2013-01-15"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Papermill]]:
    """Three runs at once, since most of the time goes into starting kernels."""
    wanted = {
        "good": ["-p", "day", "2013-01-15", "--inject-output-path"],
        "broken": ["-p", "day", "2013-01-16", "-p", "faults", "transform=bad-schema"],
        "mistyped": ["-p", "dya", "2013-01-15"],
    }
    runs = {name: start(tmp_path_factory.mktemp(name), *arguments) for name, arguments in wanted.items()}
    yield runs
    for run in runs.values():
        run.child.kill()
        run.child.communicate()


def test_a_day_is_loaded_and_recorded(started: dict[str, Papermill], monkeypatch: pytest.MonkeyPatch) -> None:
    good = started["good"]
    assert good.code == 0, good.messages
    (run,) = good.runs(monkeypatch)
    assert (run.status, run.trigger, str(run.interval)) == ("succeeded", "manual", "2013-01-15")
    assert (run.rows_extracted, run.rows_loaded, run.rows_rejected) == (894, 894, 0)
    assert run.notebook == str(good.path.resolve())


def test_the_executed_notebook_is_the_record(started: dict[str, Papermill], monkeypatch: pytest.MonkeyPatch) -> None:
    good = started["good"]
    assert good.code == 0, good.messages
    (run,) = good.runs(monkeypatch)
    cells = [cell for cell in good.notebook.cells if cell.cell_type == "code"]
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert not [output for cell in cells for output in cell.outputs if output.get("name") == "stderr"]
    assert run.run_id in text_of(good.cell("flights.start"))
    assert "894 rows loaded + 0 rejected = 894 lines." in text_of(good.cell("run.load()"))
    assert "No line was rejected." in text_of(good.cell("rejected.empty"))
    for code in ("plots.delays", "plots.stage_times"):
        (picture,) = good.cell(code).outputs
        assert len(picture.data["image/png"]) > 10_000
        assert picture.data["text/plain"].startswith("<Picture: ")
        assert picture.metadata["image/png"]["width"] > 800
    summary = text_of(good.cell("report.explain"))
    assert run.run_id[:8] in summary
    assert "2013-01-15" in summary


def test_a_failing_stage_stops_at_its_cell(started: dict[str, Papermill], monkeypatch: pytest.MonkeyPatch) -> None:
    broken = started["broken"]
    assert broken.code == 1
    (run,) = broken.runs(monkeypatch)
    assert run.status == "failed"
    assert run.error.startswith("BadSchema: fault injected at transform")
    shown = text_of(broken.cell("run.transform()"))
    assert "fault injected at transform" in shown
    assert f"etl show {run.run_id[:8]}" in shown
    assert "To break on purpose: transform=bad-schema" in text_of(broken.cell("Interval.of"))
    assert not broken.cell("run.load()").outputs
    assert "fault injected at transform" in broken.messages


def test_a_mistyped_parameter_loads_nothing(started: dict[str, Papermill], monkeypatch: pytest.MonkeyPatch) -> None:
    """papermill itself only warns of `-p dya`; since day has no default, no other day can be loaded by mistake."""
    mistyped = started["mistyped"]
    assert mistyped.code == 1
    assert "Passed unknown parameter: dya" in mistyped.messages
    assert COMMAND in text_of(mistyped.cell("day is None"))
    assert mistyped.runs(monkeypatch) == []


BAD = [
    ({"day": "2013-02-30"}, "day: 2013-02-30 is not in the calendar"),
    ({"day": "yesterday"}, "day: found 'yesterday', expected a day written YYYY-MM-DD"),
    ({"day": "'; DROP TABLE flights; --"}, "expected a day written YYYY-MM-DD"),
    ({"day": "../../etc/passwd"}, "day: found '../../etc/passwd', expected a day written YYYY-MM-DD"),
    ({"day": ""}, "day: found '', expected a day written YYYY-MM-DD"),
    ({"day": "20130115"}, "day: found 20130115, expected a day written YYYY-MM-DD"),
    ({"day": "True"}, "day: found True, expected a day written YYYY-MM-DD"),
    ({"day": "None"}, COMMAND),
    ({"day": "2013-01-15", "until": "2013-01-14"}, "until: 2013-01-14 is before day 2013-01-15"),
    ({"day": "2013-01-15", "until": "soon"}, "until: found 'soon', expected a day written YYYY-MM-DD"),
    ({"day": "2013-01-15", "faults": "load=of line"}, "faults: found 'load=of line', expected POINT=KIND"),
    ({"day": "2013-01-15", "faults": "load=tired"}, "faults: there is no kind 'tired'"),
    ({"day": "2013-01-15", "faults": "True"}, "faults: found 'True', expected POINT=KIND"),
]
NOT_LANDED = ({"day": "2014-01-01"}, "day: 2014-01-01 has not landed")


@pytest.mark.parametrize(("given", "message"), BAD)
def test_bad_parameters_are_refused(given: dict[str, str], message: str, home: Path) -> None:
    """The notebook's own check, with the values as papermill hands them over; the slow test below goes all the way."""
    from papermill.cli import _resolve_type

    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    values = {"Interval": Interval, "BadParameter": BadParameter, "inject": inject, "armed": armed, "flights": flights}
    exec(next(cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])), values)
    values.update({name: _resolve_type(text) for name, text in given.items()})
    with pytest.raises(BadParameter, match=re.escape(message)):
        exec(next(cell.source for cell in cells if "Interval.of" in cell.source), values)
    [event] = history.newest_events()
    assert (event.kind, event.pipeline) == ("refused", "flights")
    assert message in event.message


@pytest.mark.slow
@pytest.mark.parametrize(("given", "message"), [*BAD, NOT_LANDED])
def test_bad_parameters_leave_no_run(
    given: dict[str, str], message: str, papermill: Callable[..., Papermill], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = papermill(*(word for pair in given.items() for word in ("-p", *pair)))
    assert run.code == 1
    assert message in run.messages
    assert run.runs(monkeypatch) == []


@pytest.mark.slow
def test_several_days(papermill: Callable[..., Papermill], monkeypatch: pytest.MonkeyPatch) -> None:
    run = papermill("-y", "{day: 2013-02-07, until: 2013-02-10}")
    assert run.code == 0, run.messages
    (row,) = run.runs(monkeypatch)
    assert (str(row.interval), row.rows_loaded, row.notebook) == ("2013-02-07 to 2013-02-10", 3375, None)
    assert "2013-02-07 to 2013-02-10: 3,375 flights, 895 cancelled" in text_of(run.cell("plots.delays"))


@pytest.mark.slow
def test_a_retried_run_says_so(papermill: Callable[..., Papermill], monkeypatch: pytest.MonkeyPatch) -> None:
    run = papermill("-p", "day", "2013-01-15", "-p", "faults", "extract=offline*2")
    assert run.code == 0, run.messages
    (row,) = run.runs(monkeypatch)
    assert (row.status, row.attempt) == ("succeeded", 1)
    assert "after 2 failed attempts" in text_of(run.cell("plots.stage_times"))


@pytest.mark.slow
def test_rejected_lines_are_shown(
    papermill: Callable[..., Papermill], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = tmp_path / "landing"
    for kind in ("flights", "weather"):
        (landing / kind).mkdir(parents=True)
        shutil.copy(REPOSITORY / "data/landing" / kind / "2013-01-15.csv", landing / kind)
    day = landing / "flights/2013-01-15.csv"
    header, first, *others = day.read_text().splitlines(keepends=True)
    fields = first.split(",")
    fields[header.split(",").index("distance")] = "<b>far</b>"
    day.write_text("".join([header, ",".join(fields), *others]))

    run = papermill("-p", "day", "2013-01-15", landing=landing)
    assert run.code == 0, run.messages
    (row,) = run.runs(monkeypatch)
    assert (row.rows_extracted, row.rows_loaded, row.rows_rejected) == (894, 893, 1)
    cell = run.cell("rejected.empty")
    assert "distance" in text_of(cell)
    html = "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)
    assert "<b>far</b>" not in html
    assert "893 rows loaded + 1 rejected = 894 lines." in text_of(run.cell("run.load()"))


@pytest.mark.slow
def test_the_same_day_again_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        run = start(tmp_path, "-p", "day", "2013-01-15", "--inject-paths")
        assert run.code == 0, run.messages
    newer, older = run.runs(monkeypatch)
    assert newer.rows_loaded == older.rows_loaded == 894
    assert newer.notebook == str((tmp_path / "out.ipynb").resolve())

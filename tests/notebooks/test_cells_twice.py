"""Shift-Enter pressed twice: a cell that is run again at once does no harm to itself or to those after it."""

from __future__ import annotations

import copy
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from .conftest import REPOSITORY

CELL_SECONDS = 120
SAID = {"00_start_here": ("the killed process", 4)}  # words, and how often they are to be in the outputs


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name",
    ["00_start_here", "01_extract", "03_load", "04_pipeline", "05_run_by_hand", "08_persistence", "09_control_room"],
)
def test_every_cell_may_be_run_twice(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    book = nbformat.read(REPOSITORY / "notebooks" / f"{name}.ipynb", as_version=4)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    book.cells = [copy.deepcopy(cell) for cell in cells for _ in range(2)]
    for number, cell in enumerate(book.cells):
        cell.id = f"cell-{number}"
    folder = {"metadata": {"path": str(REPOSITORY / "notebooks")}}
    NotebookClient(book, timeout=CELL_SECONDS, allow_errors=True, resources=folder).execute()
    raised = [
        (number // 2, cell.source.partition("\n")[0], output.ename, output.evalue)
        for number, cell in enumerate(book.cells)
        for output in cell.outputs
        if output.output_type == "error" and not told_at_the_second(number, cell, output.ename)
    ]
    assert raised == []
    words, times = SAID.get(name, ("", 0))
    said = [output.data["text/plain"] for cell in book.cells for output in cell.outputs if "data" in output]
    assert not words or "".join(said).count(words) == times
    if name == "08_persistence":
        said = "".join(output.get("text", "") for cell in book.cells for output in cell.outputs)
        for line in ("the same: True", "the second: exit code 1", "the third: at work"):
            assert said.count(line) == 2


def told_at_the_second(number: int, cell: nbformat.NotebookNode, error: str) -> bool:
    """A cell that cannot be shown twice says so when it is run again, and does nothing."""
    return number % 2 == 1 and 'once("' in cell.source and error == "Told"

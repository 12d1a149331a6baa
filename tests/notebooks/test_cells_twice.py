"""Shift-Enter pressed twice: a cell that is run again at once does no harm to itself or to those after it."""

from __future__ import annotations

import copy
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from .conftest import REPOSITORY

CELL_SECONDS = 120


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["03_load", "04_pipeline", "05_run_by_hand", "09_control_room"])
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
        if output.output_type == "error"
    ]
    assert raised == []

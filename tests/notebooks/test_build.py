"""The notebooks are what `make notebooks` makes of their sources."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from .conftest import REPOSITORY

SOURCES = sorted((REPOSITORY / "notebooks/source").glob("*.py"))


def test_committed_notebooks_are_the_built_ones() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "notebooks.build", "--check"], cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stdout + checked.stderr


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_notebook_is_whole(source: Path) -> None:
    notebook = nbformat.read(source.parents[1] / f"{source.stem}.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


def test_the_job_notebook_has_parameters_and_no_outputs() -> None:
    notebook = nbformat.read(REPOSITORY / "notebooks/run_pipeline.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not [cell for cell in code if cell.outputs or cell.execution_count]
    assert [cell.metadata.get("tags") for cell in code].count(["parameters"]) == 1
    assert all(len(cell.source.splitlines()) <= 12 for cell in code)

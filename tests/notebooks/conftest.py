"""What the notebook tests share: papermill as a child process, in a folder and with a state folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from etl_core import history
from etl_core.history import Run

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOK = REPOSITORY / "notebooks" / "run_pipeline.ipynb"
KEPT = ("PATH", "HOME", "LANG", "SYSTEMROOT", "TEMP", "TMP", "USERPROFILE", "APPDATA")


@dataclass
class Papermill:
    """One papermill run that has been started; `code`, `messages`, `notebook` and `runs` wait for its end."""

    folder: Path
    child: subprocess.Popen[str]
    output: str | None = None

    @property
    def messages(self) -> str:
        """What it printed, standard error included."""
        if self.output is None:
            self.output = self.child.communicate(timeout=100)[0]
        return self.output

    @property
    def code(self) -> int:
        return self.messages is not None and self.child.returncode

    @property
    def path(self) -> Path:
        return self.folder / "out.ipynb"

    @property
    def notebook(self) -> nbformat.NotebookNode:
        assert self.messages is not None
        return nbformat.read(self.path, as_version=4)

    def runs(self, monkeypatch: pytest.MonkeyPatch) -> list[Run]:
        """The history it left behind, newest first."""
        assert self.messages is not None
        monkeypatch.setenv("ETL_HOME", str(self.folder / "state"))
        return history.newest_runs()

    def cell(self, code: str) -> nbformat.NotebookNode:
        """The first code cell with this in it."""
        return next(cell for cell in self.notebook.cells if cell.cell_type == "code" and code in cell.source)


def text_of(cell: nbformat.NotebookNode) -> str:
    """All that a cell shows as text: what it printed, its value, its error."""
    shown = []
    for output in cell.outputs:
        shown += [output.get("text", ""), output.get("data", {}).get("text/plain", ""), *output.get("traceback", [])]
    return "\n".join(shown)


def start(folder: Path, *arguments: str, landing: Path | None = None, output: str = "out.ipynb") -> Papermill:
    """Start papermill on the job notebook, with `folder` as its working directory."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment = {**kept, "ETL_HOME": str(folder / "state"), **({"ETL_LANDING": str(landing)} if landing else {})}
    command = [sys.executable, "-m", "papermill", str(NOTEBOOK), output, "--no-progress-bar", *arguments]
    child = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return Papermill(folder, child)


@pytest.fixture
def papermill(tmp_path: Path) -> Callable[..., Papermill]:
    """Call it with papermill's options."""
    return lambda *arguments, **given: start(tmp_path, *arguments, **given)

"""`make fresh` starts over: after a question, and without touching what is not the workbook's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(not (shutil.which("make") and shutil.which("git")), reason="needs make and git")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with the Makefile, two notebooks and some state; no clone yet."""
    folder = tmp_path / "a copy"
    for name in ("notebooks/solutions", "data/state/runs", "data/state/locks"):
        (folder / name).mkdir(parents=True)
    for name in ("data/state/runs/.gitkeep", "data/state/history.db", "data/state/locks/a", "data/landing.csv"):
        (folder / name).write_text("made")
    for name in ("notebooks/01.ipynb", "notebooks/solutions/01.ipynb"):
        (folder / name).write_text("as it came")
    shutil.copy(REPOSITORY / "Makefile", folder)
    return folder


def fresh(folder: Path, answer: str) -> str:
    command = ["make", "--no-print-directory", "fresh"]
    done = subprocess.run(command, cwd=folder, input=answer, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def clone(folder: Path) -> None:
    for words in ("init -q", "add -f .", "-c user.name=a -c user.email=a@example.org commit -qm first"):
        subprocess.run(["git", *words.split()], cwd=folder, check=True, timeout=30)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("answer", ["", "n\n", "\n"])
def test_nothing_happens_without_a_yes(copy: Path, answer: str) -> None:
    before = files(copy)
    assert "Nothing changed." in fresh(copy, answer)
    assert files(copy) == before


def test_state_goes_where_there_is_no_clone(copy: Path) -> None:
    (copy / "notebooks/01.ipynb").write_text("mine")
    assert "notebooks/01.ipynb" not in fresh(copy, "y\n")
    assert files(copy / "data") == {"state/runs/.gitkeep", "landing.csv"}
    assert (copy / "notebooks/01.ipynb").read_text() == "mine"


def test_notebooks_come_back_in_a_clone(copy: Path) -> None:
    clone(copy)
    (copy / "notebooks/01.ipynb").write_text("mine")
    (copy / "notebooks/solutions/01.ipynb").unlink()
    (copy / "notebooks/my_01.ipynb").write_text("mine too")
    told = fresh(copy, "y\n")
    assert "  notebooks/01.ipynb\n  notebooks/solutions/01.ipynb\n" in told
    for name in ("notebooks/01.ipynb", "notebooks/solutions/01.ipynb"):
        assert (copy / name).read_text() == "as it came"
    assert (copy / "notebooks/my_01.ipynb").read_text() == "mine too"
    assert files(copy / "data/state") == {"runs/.gitkeep"}

"""How a lesson is made of its source, with a lesson made up for it."""

from __future__ import annotations

import re
import shutil
import socket
from pathlib import Path

import nbformat
import pytest

from notebooks import build, lessons

SOURCE = """\
# %% [markdown]
# # 00 Toy
# [The data](../data/README.md), [the next](01_extract.ipynb), [the web](https://example.org).

# %%
import time
from datetime import UTC, datetime

from exercises import begin, check, progress

home = begin("00")
print(home, datetime.now(UTC), object(), f"{time.time():.3f} s")

# %% tags=["nbval-ignore-output"]
print(time.time_ns(), "as measured")

# %% exercise="0.1"
from exercises.lesson_00 import interval

check("0.1", interval)

# %%
progress()
"""

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `notebooks` with the source of one lesson."""
    folder = tmp_path / "Über uns" / "notebooks"
    (folder / "source").mkdir(parents=True)
    (folder / "source" / "00_toy.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.setattr(lessons, "HERE", folder)
    monkeypatch.setattr(build, "HERE", folder)
    return folder


def cells(path: Path) -> dict[str, nbformat.NotebookNode]:
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


def texts(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.ipynb")}


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "source" / "00_toy.py"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_a_lesson_from_source_to_both_notebooks(notebooks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main([]) == 0
    first = texts(notebooks)
    assert set(first) == {"00_toy.ipynb", "solutions/00_toy.ipynb"}

    reader, solved = cells(notebooks / "00_toy.ipynb"), cells(notebooks / "solutions" / "00_toy.ipynb")
    assert "your code here" in reader["exercise-0-1"].source
    assert "import" not in reader["exercise-0-1"].source.split("check(")[1]
    assert "timedelta(days=1)" in solved["exercise-0-1"].source
    assert "is waiting for your code" in str(reader["exercise-0-1"].outputs)
    assert "0.1 passed" in str(solved["exercise-0-1"].outputs)
    assert reader.keys() & solved.keys() >= {"exercise-0-1"} and len(reader.keys() & solved.keys()) == 4
    links = re.findall(r"\]\(([^)]*)\)", list(solved.values())[1].source)
    assert links == ["../../data/README.md", "01_extract.ipynb", "https://example.org"]

    assert build.main([]) == 0  # times, addresses and folders differ: kept as they were
    assert texts(notebooks) == first
    assert build.main(["--check"]) == 0

    edit(notebooks, "# # 00 Toy", "# # 00 Another title")
    capsys.readouterr()
    assert build.main(["--check"]) == 1
    assert "00_toy.ipynb differs" in capsys.readouterr().out
    assert texts(notebooks) == first, "a check writes nothing"
    assert build.main(["00"]) == 0
    after = cells(notebooks / "00_toy.ipynb")
    assert list(after)[1:] == list(reader)[1:]
    assert after[list(after)[1]].outputs == reader[list(reader)[1]].outputs


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("progress()", "1 / 0", "00_toy.ipynb: a cell raised"),
        ("progress()", "print(__import__('exercises').__file__)", "shows where this repository is"),
        ('check("0.1", interval)', 'check("0.1", lambda day: (day, day))', "exercise 0.1 does not pass"),
        ("from exercises.lesson_00 import interval", "interval = 1", "needs one `from exercises.lesson_NN import"),
    ],
)
def test_a_lesson_that_cannot_be_made_says_why(
    notebooks: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    shutil.rmtree(notebooks / "solutions", ignore_errors=True)
    edit(notebooks, old, new)
    assert build.main([]) == 1
    assert message in capsys.readouterr().err
    assert texts(notebooks) == {}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<object at 0x7f2a0c1b9d30>", "<object at ADDRESS>"),
        ("/tmp/etl-lesson-03-x1/toy.db: gone", "TEMPORARY: gone"),
        ("…/etl-lesson-03/toy.db: gone", "TEMPORARY: gone"),
        ("/private/var/folders/ab/cd_/T/etl-x, and", "TEMPORARY, and"),
        ("run 9f86d081884c7d65 succeeded in 0.31 s (12 ms)", "run RUN_ID succeeded in DURATION (DURATION)"),
        ("loaded (run e6e4e6b9); etl show e6e4e6b9", "loaded (run RUN_ID); etl show RUN_ID"),
        ("2026-02-03T04:05:06.789Z and 2026-02-03 04:05", "INSTANT and INSTANT"),
        ("2013-01-15 10:00:00, 2013-01-15, 139 minutes, 20 s, 39.92", None),
        ("pid 4711 on 127.0.0.1:8080", "pid N on 127.0.0.1:PORT"),
        ("a" * 64, None),
    ],
)
def test_what_is_left_aside(text: str, left: str | None) -> None:
    assert lessons.sanitized(text) == (text if left is None else left)


@pytest.mark.parametrize("text", ["pid 11310 on {host}, since", "\\u001b[2mwhere\\u001b[0mpid 11310 on {host}  "])
def test_outputs_do_not_name_the_machine(text: str) -> None:
    """Also where `etl` prints in colour."""
    shown = lessons._anywhere(text.format(host=socket.gethostname()))
    assert "pid 4711 on your-machine" in shown and "11310" not in shown

"""The same in a real kernel, started in a folder that is not the repository's."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

TOY = """
import os
from exercises import begin, check, hint, mine, progress, reveal, solution
from exercises import model

home = begin("00")
model.find("0.1").seconds = 0.5
"""


def run(cells: list[str], folder: Path, home: Path) -> list[str]:
    """Execute cells and return what each showed, as HTML where there is some."""
    folder.mkdir(parents=True)
    notebook = new_notebook(cells=[new_code_cell(text) for text in [TOY, *cells]])
    client = NotebookClient(
        notebook,
        timeout=60,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--IPKernelApp.log_level=50"],
    )
    try:
        client.execute(env={**os.environ, "ETL_HOME": str(home), "PYDEVD_DISABLE_FILE_VALIDATION": "1"})
    except CellExecutionError as error:
        pytest.fail(str(error))
    return ["".join(_html(output) for output in cell.outputs) for cell in notebook.cells[1:]]


def _html(output: nbformat.NotebookNode) -> str:
    return output.get("text", "") or output.get("data", {}).get("text/html", "")


def answer(*lines: str) -> str:
    """A cell with an answer to 0.1."""
    return "\n".join(["def interval(day):", *lines, "", "check('0.1', interval)"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_lesson_goes_on_whatever_the_answer_does(tmp_path: Path) -> None:
    cells = {
        "exit": answer("    exit()"),
        "quit": answer("    import sys", "    sys.exit(0)"),
        "loop": answer("    while True:", "        try:", "            pass", "        except:", "            pass"),
        "error": answer("    return {}[day]"),
        "stub": answer("    ..."),
        "right": "import datetime\none = datetime.timedelta(days=1)\n" + answer("    return day, day + one"),
        "mine": "del one\nprint(mine('0.1')(datetime.date(2013, 1, 31)))",
        "hint": "hint('0.1')",
        "solution": "solution('0.1')",
        "reveal": "reveal(None, 3, 'a < b')",
        "progress": "progress()",
        "home": "print(home.is_dir(), os.environ['ETL_HOME'] == str(home))",
    }
    shown = dict(
        zip(cells, run(list(cells.values()), tmp_path / "Übung mit Leerzeichen", tmp_path / "home"), strict=True)
    )
    assert "tried to end the whole program" in shown["exit"]
    assert "tried to end the whole program" in shown["quit"]
    assert "still running after 0.5 seconds" in shown["loop"]
    assert "KeyError" in shown["error"] and "line 2 of the cell: return {}[day]" in shown["error"]
    assert "is waiting for your code" in shown["stub"]
    assert "0.1 passed." in shown["right"]
    assert shown["mine"].strip() == "(datetime.date(2013, 1, 31), datetime.date(2013, 2, 1))"
    assert "Hint 1 of 3" in shown["hint"]
    assert "def interval" in shown["solution"]
    assert "a &lt; b" in shown["reveal"]
    assert "1 of 1 passed" in shown["progress"]
    assert shown["home"].strip() == "True True"
    assert (tmp_path / "home" / "exercises.json").exists()
    assert not list((tmp_path / "home").glob("*.db"))

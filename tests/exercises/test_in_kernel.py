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
    """Execute cells in a new kernel and return what each showed, as HTML where there is some."""
    folder.mkdir(parents=True, exist_ok=True)
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


BY_LINE = """
import csv, pandas as pd

def read_raw(path):
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader)
        rows = [(*row, reader.line_num) for row in reader if row]
    return pd.DataFrame(rows, columns=[*header, "source_line"])

check("1.1", read_raw)
"""
BY_TYPE = """
@singledispatch
def worth_retrying(error):
    return error.__cause__ is not None and worth_retrying(error.__cause__)

@worth_retrying.register
def _(error: HTTPError):
    return error.code in worth_retrying.codes

@worth_retrying.register
def _(error: URLError):
    return isinstance(error.reason, Exception) and worth_retrying(error.reason)

@worth_retrying.register(sqlite3.OperationalError)
def _(error):
    return "locked" in str(error)

worth_retrying.codes = {408, 429, 500, 502, 503, 504}
for kind in (ConnectionError, TimeoutError, http.client.IncompleteRead):
    worth_retrying.register(kind, lambda error: True)

check("6.2", worth_retrying)
"""
RECOVER = """
def recover(runs, receipts, is_alive):
    {how}
    ended = {{}}
    for run in runs:
        if run["status"] == "running" and not is_alive(run["run_id"]):
            mine = receipts.get(run["day"]) == run["run_id"]
            ended[run["run_id"]] = "succeeded" if mine else "crashed"
    return ended

check("8.2", recover)
"""
TWO_RUNS = """
dead = {"run_id": "a", "status": "running", "day": 1}, {"run_id": "b", "status": "running", "day": 2}
print(mine("8.2")(dead, {2: "b"}, lambda run_id: False), mine("8.2").__doc__)
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_an_answer_is_used_in_later_cells_and_lessons(tmp_path: Path) -> None:
    """As in lessons 6 and 8: names of the answer stand for other things in the notebook; or it is in several pieces."""
    cells = {
        "imports": "import http.client, sqlite3\nfrom urllib.error import HTTPError, URLError\n"
        "from functools import singledispatch\nfrom filelock import FileLock",
        "others": "runs = receipts = is_alive = run = ended = [object()]",
        "8.2": RECOVER.format(how="'as I did it'"),
        "used 8.2": TWO_RUNS,
        "6.2": BY_TYPE,
        "1.1": BY_LINE,
        "class": "class Inside(RuntimeError): pass\njobs = [object()]",
        "0.1": "import datetime as dt\nDAY = dt.timedelta(days=1)\n"
        + answer("    if not day: raise Inside", "    return day, day + DAY"),
        "0.1 with jobs": answer("    return (day, day + dt.timedelta(days=1)) if jobs else None"),
        "8.4": "from exercises import keeping\nonly_one = FileLock\nprint(keeping.portable(only_one, 'only_one'))",
        "8.2 with jobs": RECOVER.format(how="assert jobs"),
        "used then": TWO_RUNS,
    }
    home = tmp_path / "home"
    shown = dict(zip(cells, run(list(cells.values()), tmp_path / "lesson", home), strict=True))
    for number in ("8.2", "6.2", "1.1", "0.1"):
        assert f"{number} passed." in shown[number] and "not kept" not in shown[number]
    for number, name in (("8.2", "jobs"), ("0.1", "jobs")):
        assert f"It uses <code>{name}</code> of another cell, so it is not kept" in shown[f"{number} with jobs"]
        assert "later cells use the answer of yours that was kept before" in shown[f"{number} with jobs"]
    want = "{'a': 'crashed', 'b': 'succeeded'} as I did it"
    assert shown["used 8.2"].strip() == shown["used then"].strip() == want
    assert shown["8.4"].split() == "from filelock import FileLock only_one = FileLock".split()

    elsewhere = [
        TWO_RUNS,
        "worth = mine('6.2')\nprint(worth(BlockingIOError()), worth(ConnectionResetError()), worth.codes)",
        "check('6.2', worth)",
        "import datetime\nprint(mine('0.1')(datetime.date(2013, 1, 31)))",
    ]
    used = run(elsewhere, tmp_path / "lesson", home)
    assert used[0].strip() == want
    assert used[1].startswith("False True {")
    assert "6.2 passed" in used[2] and "not kept" not in used[2]
    assert "datetime.date(2013, 2, 1)" in used[3]

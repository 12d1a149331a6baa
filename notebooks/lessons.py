"""Lessons: one source makes the reader's notebook, with stubs, and the solved one, both executed.

A cell marked `# %% exercise="3.2"` imports the reader's function from the exercises; in the notebooks the stub or the
solution stands in place of that import. What was executed before and came out the same (times, addresses and the like
left aside, as tests/nbval-sanitize.cfg says) is kept as it is, so that making a notebook again changes nothing.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import re
import socket
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from etl_core import settings
from exercises import model

HERE = Path(__file__).resolve().parent
NOT_COMPARED = "nbval-ignore-output"  # a tag: measured on this machine, so the output that is there is kept
SANITIZE = HERE.parent / "tests" / "nbval-sanitize.cfg"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
IMPORT = re.compile(r"from exercises\.lesson_\d\d import .*\n")
LINK = re.compile(r"(\]\()(?![a-z]+:|#|/|\d\d_\w+\.ipynb)([^)]+\))")
PICTURES = ("image/png",)  # differ with fonts and versions: a test does not compare them, nor does nbval


class LessonError(Exception):
    """A lesson that cannot be made; the message names the file and the cell."""


def is_lesson(source: Path) -> bool:
    return re.match(r"\d\d_", source.name) is not None


def targets(source: Path) -> dict[Path, NotebookNode]:
    """Where a lesson's two notebooks go, and what is in them, without outputs."""
    name = f"{source.stem}.ipynb"
    return {HERE / name: unexecuted(source, solved=False), HERE / "solutions" / name: unexecuted(source, solved=True)}


def unexecuted(source: Path, solved: bool) -> NotebookNode:
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        number = cell.metadata.pop("exercise", None)
        if number is not None:
            _put_exercise(cell, str(number), solved, source)
        elif solved and cell.cell_type == "markdown":
            cell.source = LINK.sub(r"\1../\2", cell.source)
    if solved:
        notebook.cells.insert(
            0,
            nbformat.v4.new_markdown_cell(
                f"*The solved copy of [{source.stem}](../{source.stem}.ipynb): one way to do each exercise.*"
            ),
        )
    name_cells(notebook)
    return notebook


def _put_exercise(cell: NotebookNode, number: str, solved: bool, source: Path) -> None:
    exercise = model.find(number)
    text = exercise.solution_text if solved else exercise.stub_text
    if exercise.file:  # the cell is the file, and is checked in the next one
        text = f"%%writefile {exercise.file}\n{text}"
    rest, imports = IMPORT.subn("", cell.source + "\n")
    if imports != 1:
        raise LessonError(f"{source.name}: the cell of exercise {number} needs one `from exercises.lesson_NN import …`")
    cell.source = f"{text.rstrip()}\n\n\n{rest.strip()}".rstrip()
    cell.metadata["tags"] = [*cell.metadata.get("tags", []), "exercise"]
    cell.id = f"exercise-{number.replace('.', '-')}"


def name_cells(notebook: NotebookNode) -> None:
    """Give cells ids made from their text: the same each time, and a change elsewhere does not touch them."""
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        if "exercise" not in cell.metadata.get("tags", []):
            text = f"{cell.cell_type}\n{cell.source}"
            seen[text] = seen.get(text, 0) + 1
            cell.id = hashlib.sha256(f"{text}\n{seen[text]}".encode()).hexdigest()[:8]


def executed(notebook: NotebookNode, target: Path) -> NotebookNode:
    """Run a notebook from top to bottom where it will stand, with an ETL_HOME of its own."""
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="etl-build-", ignore_cleanup_errors=True) as home:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ETL_")}
        environment = {**kept, "ETL_HOME": home, "PYTHONHASHSEED": "0", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        client = NotebookClient(
            notebook,
            timeout=180,
            kernel_name="python3",
            resources={"metadata": {"path": str(target.parent)}},
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
            extra_arguments=["--IPKernelApp.log_level=40"],
        )
        try:
            client.execute(env=environment)
        except CellExecutionError as error:
            raise LessonError(f"{_short(target)}: a cell raised\n{error}") from None
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells, 1):
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            for output in cell.outputs:  # a widget without its state is an error message; its text says what it is
                output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
            cell.outputs = nbformat.from_dict(json.loads(_anywhere(json.dumps(cell.outputs, ensure_ascii=False))))
        if str(settings.REPOSITORY) in json.dumps(cell.get("outputs", []), ensure_ascii=False).replace("\\\\", "\\"):
            raise LessonError(
                f"{_short(target)}: the output of cell {number} shows where this repository is; print less"
            )
    if target.parent.name == "solutions":
        _expect_passed(notebook, target)
    return notebook


def _anywhere(text: str) -> str:
    """Outputs without what only the machine has on which they were made: its folder for temporary files, its name."""
    text = re.sub(re.escape(tempfile.gettempdir()) + r"/(etl-lesson-\d\d)-\w+", r"…/\1", text)
    host = re.escape(socket.gethostname())
    return re.sub(rf"(?:\b|(?<=\dm))pid \d+ on {host}\b", "pid 4711 on your-machine", text)  # m: the end of a colour


def with_kept_outputs(new: NotebookNode, old: NotebookNode | None, ignored: Iterable[str] = ()) -> NotebookNode:
    """`new`, but with the outputs of `old` where cell and outputs are the same; `ignored` are MIME types."""
    known = {cell.id: cell for cell in old.cells} if old else {}
    for cell in new.cells:
        before = known.get(cell.id)
        if before is None or before.source != cell.source or not same_outputs(before, cell, ignored):
            continue
        if cell.cell_type == "code":
            cell.outputs = before.outputs
            for output in cell.outputs:  # the number it has now: a cell above may be new
                output.update({"execution_count": cell.execution_count} if "execution_count" in output else {})
    return new


def same_outputs(a: NotebookNode, b: NotebookNode, ignored: Iterable[str] = ()) -> bool:
    if all(NOT_COMPARED in cell.metadata.get("tags", []) for cell in (a, b)):
        return True
    return a.cell_type == b.cell_type and _comparable(a, ignored) == _comparable(b, ignored)


def without_outputs(notebook: NotebookNode) -> str:
    """All of a notebook but what its execution added, as text to compare."""
    bare = nbformat.from_dict(json.loads(nbformat.writes(notebook)))
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nbformat.writes(bare)


def _comparable(cell: NotebookNode, ignored: Iterable[str]) -> str:
    outputs = json.loads(json.dumps(cell.get("outputs", [])))
    for output in outputs:
        output.pop("execution_count", None)
        for kind in ignored:
            output.get("data", {}).pop(kind, None)
    return sanitized(json.dumps(outputs, sort_keys=True, ensure_ascii=False))


def sanitized(text: str) -> str:
    for pattern, replacement in _patterns():
        text = pattern.sub(replacement, text)
    return text


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    config = configparser.RawConfigParser()
    config.read(SANITIZE, encoding="utf-8")
    return [(re.compile(config[name]["regex"]), config[name]["replace"]) for name in config.sections()]


def _expect_passed(notebook: NotebookNode, target: Path) -> None:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, following in zip(code, [*code[1:], code[-1]], strict=True):
        if str(cell.id).startswith("exercise-"):
            number = cell.id.removeprefix("exercise-").replace("-", ".")
            checked = following if model.find(number).file else cell
            if f"{number} passed" not in _text_of(checked.outputs):
                raise LessonError(f"{_short(target)}: exercise {number} does not pass:\n{_text_of(checked.outputs)}")


def _text_of(outputs: list[Any]) -> str:
    return "\n".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs)


def _short(path: Path) -> str:
    return path.relative_to(HERE.parent).as_posix()

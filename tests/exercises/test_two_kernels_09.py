"""Lesson 09 in two notebooks at once, in real kernels: the second one looks, and takes nothing from the first."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from etl_core import settings

LESSON = settings.REPOSITORY / "notebooks" / "09_control_room.ipynb"
NUMBERS = "view = room.view('flights'); print(view.state, len(view.facts.landed), len(view.behind))"
PROBLEM = "import time; time.sleep(3 * delivery.every); print(room.delivery.problem)"


@contextmanager
def kernel(folder: Path, home: Path) -> Iterator[BlockingKernelClient]:
    names = {name: value for name, value in os.environ.items() if not name.startswith("ETL_")}
    env = {**names, "ETL_HOME": str(home), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    manager, client = start_new_kernel(cwd=str(folder), env=env, extra_arguments=["--IPKernelApp.log_level=50"])
    try:
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(client: BlockingKernelClient, code: str) -> tuple[str, list[str]]:
    """What a cell prints and shows as text, and the lines of its error."""
    shown, error = [], []

    def hear(message: dict[str, Any]) -> None:
        content = message["content"]
        shown.append(content.get("text", "") or content.get("data", {}).get("text/plain", ""))
        error.extend(content.get("traceback", []))

    client.execute_interactive(code, output_hook=hear, timeout=90, allow_stdin=False)
    return "".join(shown), error


def cells() -> tuple[str, str, str]:
    """The lesson's first two code cells, and the lines that it gives for a second notebook."""
    found = nbformat.read(LESSON, as_version=4).cells
    prose = "\n".join(cell.source for cell in found if cell.cell_type == "markdown")
    lines = re.search(r"((?:^ {4}.*\n|^\n)*^    control_room\(\)$)", prose, re.MULTILINE)[1]
    first, second, *_ = (cell.source for cell in found if cell.cell_type == "code")
    return first, second, re.sub("^    ", "", lines, flags=re.MULTILINE)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_second_notebook_sees_the_same_and_takes_nothing(tmp_path: Path) -> None:
    first, second, look = cells()
    with ExitStack() as stack:
        one, two = (stack.enter_context(kernel(tmp_path, tmp_path / "home")) for _ in range(2))
        assert not run(one, first)[1] and not run(one, second)[1]
        assert not run(one, "wait_for(room, delivery.land(3), 'loaded')")[1]

        # The lesson's own lines: the same days, and no day of the workbook's landing zone.
        shown, error = run(two, look)
        assert not error and "control room: flights" in shown
        assert run(two, f"room = control_room(); {NUMBERS}")[0] == "held 3 0\n"

        # The cells of the lesson: refused, and nothing was taken.
        assert not run(two, first)[1]
        shown, error = run(two, second)
        assert "another scheduler is running (pid" in error[-1]
        assert run(two, NUMBERS)[0] == "held 3 0\n"
        assert run(two, "print(room.delivery)")[0] == "None\n"
        assert run(one, PROBLEM)[0] == "None\n"

        # The first cell once more, beside the scheduler at work: the same days. To empty the folder is refused.
        assert not run(one, first)[1]
        assert run(one, NUMBERS)[0] == "running 3 0\n"
        shown, error = run(one, 'begin("09", keep=True, fresh=True)')
        assert len(error) == 1 and error[0].endswith("restart the kernel, then begin with fresh=True")
        assert run(one, NUMBERS)[0] == "running 3 0\n"
        shown, error = run(two, 'begin("09", keep=True, fresh=True)')
        assert len(error) == 1 and "another scheduler is running (pid" in error[0]

"""From a cold start: `etl history`, `etl run DAY`, and the papermill run."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

from tests.benchmarks.common import REPEAT, REPOSITORY, Row, alternated, call, python, row, state, wall

ETL = [sys.executable, "-m", "etl_core"]
DAY = "2013-01-15"
NOTEBOOK = REPOSITORY / "notebooks" / "run_pipeline.ipynb"

STAGES = """
import time
import pandas, sqlalchemy
from etl_core.stages import extract, load, transform
from etl_core import open_warehouse
began = time.perf_counter()
load.load(transform.transform(extract.extract({day!r})), open_warehouse(), "bare")
print(time.perf_counter() - began)
"""


def imports_of(notebook: Path) -> list[str]:
    """The import statements of a notebook, wherever they stand in it, but those of what it is to run."""
    found = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            tree = ast.parse("".join(cell["source"]))
            found += [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    return sorted(set(found))


def empty_notebook(folder: Path) -> Path:
    """The same imports (and what the stages import when they are called), and two empty figures."""
    first = [*imports_of(NOTEBOOK), "import matplotlib.pyplot as plt", "import etl_core.stages.extract"]
    first += ["import etl_core.stages.transform", "import etl_core.stages.load"]
    figure = "fig, ax = plt.subplots()\nplt.close(fig)\nfig"
    original = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for n, source in enumerate(["\n".join(first), figure, figure])
    ]
    path = folder / "empty.ipynb"
    path.write_text(json.dumps({**original, "cells": cells}), encoding="utf-8")
    return path


def run() -> list[Row]:
    rows = []
    with state() as environment:
        for day in ("2013-01-14", DAY):
            call([*ETL, "run", day], environment)
        found = alternated(
            3 * REPEAT,
            history=lambda: wall([*ETL, "history"], environment),
            sqlalchemy=lambda: wall([sys.executable, "-c", "import sqlalchemy"], environment),
            run=lambda: wall([*ETL, "run", DAY], environment),
            libraries=lambda: wall([sys.executable, "-c", "import pandas, sqlalchemy"], environment),
            stages=lambda: float(python(STAGES.format(day=DAY), environment)),
        )
        nothing = wall([sys.executable, "-c", "pass"], environment)
        rows.append(
            row(
                "etl history : import sqlalchemy",
                found["history"],
                found["sqlalchemy"],
                3.0,
                f"whole processes, from a cold start; an empty one {nothing:.2f} s",
            )
        )
        rows.append(
            row(
                "etl run DAY : import pandas, sqlalchemy + bare stages",
                found["run"],
                found["libraries"] + found["stages"],
                1.5,
                f"imports {found['libraries']:.2f}, bare stages in a new process {found['stages']:.2f} s",
            )
        )
        folder = Path(environment["ETL_HOME"])
        papermill = [sys.executable, "-m", "papermill", "--no-progress-bar", "--log-level", "ERROR"]
        empty = str(empty_notebook(folder))
        found = alternated(
            REPEAT,
            run=lambda: wall([*papermill, str(NOTEBOOK), str(folder / "a.ipynb"), "-p", "day", DAY], environment),
            empty=lambda: wall([*papermill, empty, str(folder / "b.ipynb")], environment),
        )
        note = "the same imports and two empty figures, by papermill"
        rows.append(row("papermill run : an empty notebook", found["run"], found["empty"], 1.2, note))
    return rows

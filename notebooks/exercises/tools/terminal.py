"""A terminal for cells: runs `etl …` and `papermill …` as a shell would, in the lesson's own folder."""

from __future__ import annotations

import os
import subprocess
import sys

MODULES = {"etl": "etl_core"}  # the program's name where it is not its module's
ended: dict[str, subprocess.CompletedProcess[str]] = {}  # by the notebook that papermill wrote, or by etl's command


def terminal(line: str, columns: int | None = None) -> None:
    """Run a line, show what it prints and its exit code, and keep both in `ended`.

    Programs are this environment's own, whatever PATH says. Messages on stderr are kept and not shown. `columns`: as
    wide as that, for what would be wider than a page.
    """
    program, *words = line.split()
    command = [sys.executable, "-m", MODULES.get(program, program), *words]
    env = {**os.environ, **({"COLUMNS": str(columns)} if columns else {})}
    done = subprocess.run(command, cwd=env["ETL_HOME"], env=env, capture_output=True, text=True, errors="replace")
    ended[words[0] if program == "etl" else words[1]] = done  # papermill IN OUT
    print(f"$ {line}\n{done.stdout}exit code {done.returncode}")

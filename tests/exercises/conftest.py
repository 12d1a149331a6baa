"""The exercises package, and a home of its own for each test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

NOTEBOOKS = str(Path(__file__).resolve().parents[2] / "notebooks")
if NOTEBOOKS not in sys.path:  # with the editable install it is there already
    sys.path.append(NOTEBOOKS)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from exercises import record

    monkeypatch.setattr(record, "_reader_home", None)
    monkeypatch.setenv("ETL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"

"""The check in lesson 00 finds what is missing, and says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from exercises.tools import installation


def test_all_is_well_here(capsys: pytest.CaptureFixture[str]) -> None:
    installation.look()
    assert [line[0] for line in capsys.readouterr().out.splitlines()] == ["✓"] * 4


@pytest.mark.parametrize(("content", "said"), [(b"a\r\n", "has changed"), (None, "is not there")])
def test_a_file_that_is_not_as_published_is_named(content: bytes | None, said: str, tmp_path: Path) -> None:
    digest = "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7"  # of "a\n"
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  day.csv\n")
    (tmp_path / "day.csv").write_bytes(b"a\n")
    assert str(installation._data(tmp_path)) == "✓ 1 files of data, byte for byte as published"
    (tmp_path / "day.csv").unlink() if content is None else (tmp_path / "day.csv").write_bytes(content)
    assert f"data/day.csv {said}; git checkout data/day.csv" in str(installation._data(tmp_path))


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "the workbook itself is not installed" in str(installation._packages("no-such-workbook"))
    for wanted, said in (
        ("no-such-package>=1", "no-such-package is not installed"),
        ("pandas<1", "needed is <1"),
        ('no-such-package; extra == "test"', "✓"),
    ):
        monkeypatch.setattr(installation, "requires", lambda name, wanted=wanted: [wanted])
        assert said in str(installation._packages())


def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "set ETL_HOME" in str(installation._home(tmp_path / "file" / "home"))
    assert str(installation._home(tmp_path / "home")) == "✓ a folder to write to"


def test_another_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation.sys, "version_info", (3, 10, 1))
    assert "this is 3.10" in str(installation._python())

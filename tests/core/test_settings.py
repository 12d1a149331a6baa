"""Where things live: defaults, what is refused, and that no message shows a password."""

from __future__ import annotations

import os
import stat
import sys
import traceback
from pathlib import Path

import pytest

from etl_core import history, settings
from etl_core.errors import BadParameter, EtlError, PermanentError
from tests.core.toy import child, out, toy

SECRET = "s3cr/et@p%40ss"  # a slash and an @: as people paste them


def test_defaults_are_anchored_at_the_repository_not_at_the_working_directory(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("ETL_HOME")
    monkeypatch.chdir(tmp_path)
    found = settings.current()
    assert found.home == settings.REPOSITORY / "data" / "state"
    assert found.landing == str(settings.REPOSITORY / "data" / "landing")
    assert found.reference == settings.REPOSITORY / "data" / "reference"
    assert found.warehouse_url == f"sqlite:///{found.home / 'warehouse.db'}"
    assert found.history_url == f"sqlite:///{found.home / 'history.db'}"


def test_an_empty_variable_is_the_default(monkeypatch) -> None:
    monkeypatch.delenv("ETL_HOME")
    before = settings.current()
    for name in ("HOME", "LANDING", "REFERENCE", "WAREHOUSE_URL", "HISTORY_URL", "FAULTS"):
        monkeypatch.setenv(f"ETL_{name}", "")
    assert settings.current() == before


def test_relative_paths_are_relative_to_the_working_directory(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ETL_HOME", "a/../state")
    monkeypatch.setenv("ETL_LANDING", "here")
    monkeypatch.setenv("ETL_WAREHOUSE_URL", "sqlite:///mine.db")
    found = settings.current()
    assert found.home.is_absolute() and found.home.resolve() == (tmp_path / "state").resolve()
    assert Path(found.landing) == tmp_path / "here"
    assert found.warehouse_url == f"sqlite:///{tmp_path / 'mine.db'}"


def test_the_home_folder_of_the_user(monkeypatch) -> None:
    monkeypatch.setenv("ETL_HOME", "~/etl-state")
    assert settings.current().home == Path.home() / "etl-state"


@pytest.mark.parametrize("url", ["s3://bucket/landing", "https://host/landing/", "memory://landing"])
def test_the_landing_zone_may_be_an_address(url: str, monkeypatch) -> None:
    monkeypatch.setenv("ETL_LANDING", url)
    assert settings.current().landing == url.rstrip("/")


def test_settings_are_read_anew_each_time(tmp_path: Path, monkeypatch) -> None:
    for name in ("one", "two"):
        monkeypatch.setenv("ETL_HOME", str(tmp_path / name))
        assert settings.current().home == tmp_path / name


MALFORMED = [
    ("ETL_HOME", "https://x/y", "expected the path of a folder"),
    ("ETL_HOME", "{file}", "is a file, expected a folder"),
    ("ETL_HOME", "~nobody-of-this-name/x", "ETL_HOME"),
    ("ETL_LANDING", "{file}", "is a file, expected a folder"),
    ("ETL_REFERENCE", "{file}", "is a file, expected a folder"),
    ("ETL_REFERENCE", "https://x", "expected the path of a folder"),
    ("ETL_WAREHOUSE_URL", "warehouse.db", "expected sqlite:///PATH or postgresql+psycopg://"),
    ("ETL_WAREHOUSE_URL", "sqlite://", "expected sqlite:///PATH"),
    ("ETL_WAREHOUSE_URL", "sqlite:///", "expected sqlite:///PATH"),
    ("ETL_WAREHOUSE_URL", "sqlite:///:memory:", "expected sqlite:///PATH"),
    ("ETL_WAREHOUSE_URL", "mysql://u:{secret}@h/d", "expected sqlite:///PATH"),
    ("ETL_HISTORY_URL", "postgres://u:{secret}@h/d", "postgresql+psycopg://"),
    ("ETL_HISTORY_URL", "postgresql://u:{secret}@h/d?password={secret}", "postgresql+psycopg://"),
    ("ETL_HISTORY_URL", "postgresql+psycopg2://u:{secret}@h/d", "postgresql+psycopg://"),
    ("ETL_HISTORY_URL", "postgresql+psycopg://u:{secret}@h:port/d", "HOST:PORT"),
    ("ETL_HISTORY_URL", "//u:{secret}@h/d", "expected sqlite:///PATH"),
    ("ETL_HISTORY_URL", "u:{secret}@h/d", "expected sqlite:///PATH"),
]


@pytest.mark.parametrize(("name", "value", "said"), MALFORMED)
def test_a_malformed_value_is_a_clear_error_without_password(
    name: str, value: str, said: str, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(name, value.format(file=tmp_path / "file", secret=SECRET))
    with pytest.raises(BadParameter, match=name) as caught:
        settings.current()
    shown = "".join(traceback.format_exception(caught.value))
    assert said in shown
    assert not any(part in shown for part in (SECRET, "s3cr", "p%40ss"))


def test_one_file_for_warehouse_and_history_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("ETL_WAREHOUSE_URL", f"sqlite:///{tmp_path}/x.db")
    monkeypatch.setenv("ETL_HISTORY_URL", f"sqlite:///{tmp_path}/y/../x.db")
    with pytest.raises(BadParameter, match="ETL_HISTORY_URL: found the warehouse's own file"):
        settings.current()


def test_a_server_that_is_down_is_told_without_its_password(letters: Path, monkeypatch) -> None:
    monkeypatch.setenv("ETL_HISTORY_URL", "postgresql+psycopg://etl:s3cr%2Fet%40p%2540ss@127.0.0.1:1/etl")
    with pytest.raises(Exception) as caught:
        toy.run("2024-01-01")
    shown = "".join(traceback.format_exception(caught.value))
    assert "127.0.0.1" in shown
    assert not any(part in shown for part in (SECRET, "s3cr", "p%40ss"))


def test_the_password_is_not_in_the_history_or_the_log(letters: Path, monkeypatch) -> None:
    monkeypatch.setenv("ETL_WAREHOUSE_URL", "postgresql+psycopg://etl:s3cr%2Fet%40p%2540ss@127.0.0.1:1/etl")
    with pytest.raises(Exception):  # noqa: B017
        toy.run("2024-01-01")
    [run] = history.newest_runs()
    stages = history.stages_of(run.run_id)
    log = (settings.current().home / "logs" / "etl.log").read_text()
    written = [run.error, run.traceback, log, *(f"{stage.error}{stage.traceback}" for stage in stages)]
    assert run.status == "failed" and "127.0.0.1" in str(run.error)
    assert "s3cr" not in str(written)


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits")
def test_the_state_folder_is_its_users_alone(letters: Path, home: Path) -> None:
    toy.run("2024-01-01")
    made = [home, home / "locks", home / "logs"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700] * 3


def test_a_home_that_cannot_be_made_is_a_clear_error(letters: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ETL_HOME", str(tmp_path / "file" / "state"))
    with pytest.raises(EtlError, match="ETL_HOME"):
        toy.run("2024-01-01")
    with pytest.raises(PermanentError, match=r"cannot make this folder .* set ETL_HOME"):
        settings.private_folder(tmp_path / "file" / "state")


# As root every folder is writable, so a child becomes an ordinary user before it looks at the state folder.
UNWRITABLE = """
if hasattr(os, "seteuid") and os.geteuid() == 0:
    os.seteuid(65534)
try:
    toy.run("2024-01-01")
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits")
@pytest.mark.parametrize("exists", [False, True])
def test_an_unwritable_home_is_a_clear_error(letters: Path, exists: bool, ordinary_folder: Path) -> None:
    place = ordinary_folder / "closed"
    place.mkdir()
    (ordinary_folder / "2024-01-01.txt").write_text("a,1\n")
    home = place / "state"
    if exists:
        home.mkdir()
        home.chmod(0o555)
    place.chmod(0o555)
    said = out(child(UNWRITABLE, ETL_HOME=str(home), TOY_LANDING=str(ordinary_folder)))
    place.chmod(0o755)
    assert said.startswith(("PermanentError", "DatabaseError"))
    assert str(home) in said
    assert "writable" in said or "can be written" in said


@pytest.mark.parametrize("name", ["with space", "what?", "a#b", "übung", "per%20cent", "it's", "semi;colon", "a&b=c"])
def test_odd_names_in_paths(name: str, letters: Path, tmp_path: Path, monkeypatch) -> None:
    if sys.platform == "win32" and "?" in name:
        pytest.skip("not a name on Windows")
    home = tmp_path / name
    monkeypatch.setenv("ETL_HOME", str(home))
    assert toy.run("2024-01-01").status == "succeeded"
    assert {path.name for path in home.glob("*.db")} == {"warehouse.db", "history.db"}
    monkeypatch.setenv("ETL_WAREHOUSE_URL", f"sqlite:///{tmp_path / (name + '.sqlite')}")
    monkeypatch.setenv("ETL_HISTORY_URL", f"sqlite:///{tmp_path / (name + '.history')}")
    assert toy.run("2024-01-01").status == "succeeded"
    assert (tmp_path / f"{name}.sqlite").exists() and (tmp_path / f"{name}.history").exists()
    assert os.listdir(home)

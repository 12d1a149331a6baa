"""Where things live, from the environment.

| variable | default | what |
|---|---|---|
| ETL_HOME | data/state | all that a run makes: databases, locks, logs, executed notebooks |
| ETL_LANDING | data/landing | the landing zone: a folder, or an fsspec URL such as https://… or s3://… |
| ETL_REFERENCE | data/reference | airlines.csv, airports.csv, planes.csv |
| ETL_WAREHOUSE_URL | ETL_HOME/warehouse.db | where the data goes: an SQLAlchemy URL of SQLite or PostgreSQL |
| ETL_HISTORY_URL | ETL_HOME/history.db | where the record of the runs goes |
| ETL_FAULTS | none | what is to break: see etl_core.faults |

Defaults are anchored at the repository, never at the working directory, so that a notebook, a cron line and a shell
in another folder mean the same files. Relative paths that the reader gives are relative to the working directory.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from etl_core.errors import BadParameter, PermanentError

REPOSITORY = Path(__file__).resolve().parent.parent

_VARIABLES = (
    *("ETL_HOME", "ETL_LANDING", "ETL_REFERENCE", "ETL_WAREHOUSE_URL", "ETL_HISTORY_URL", "ETL_FAULTS"),
    *("HOME", "USERPROFILE"),  # what ~ stands for
)
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_NO_URL = re.compile(r"(https?|ftp|s3|gs)[:/]+[^/].*:.*@", re.IGNORECASE | re.DOTALL)  # https//me:secret@host
_SQLITE = re.compile(r"sqlite:///(?!:memory:|file:)(.+)", re.DOTALL)
_POSTGRES = re.compile(
    r"postgresql\+psycopg://([^@]*@)?(\[[\da-fA-F:.]+\]|[^@:/?\[\]]*)(:\d+)?(/[^@?]*)?(\?.*)?", re.DOTALL
)


@dataclass(frozen=True)
class Settings:
    home: Path
    landing: str
    reference: Path
    warehouse_url: str
    history_url: str
    faults: str

    @property
    def locks(self) -> Path:
        return self.home / "locks"

    @property
    def runs(self) -> Path:
        return self.home / "runs"


def current() -> Settings:
    """The settings of this moment. Reads the environment each time; raises BadParameter for a malformed value."""
    return _worked_out(os.getcwd(), *(os.environ.get(name) for name in _VARIABLES))


@lru_cache(maxsize=8)
def _worked_out(*depends_on: str | None) -> Settings:
    """Looking at paths takes 0.3 ms, and a run asks thirty times: only where something changed it is done again."""
    home = _folder("ETL_HOME", REPOSITORY / "data" / "state")
    landing = os.environ.get("ETL_LANDING", "")
    if not _URL.match(landing):
        landing = str(_folder("ETL_LANDING", REPOSITORY / "data" / "landing"))
    found = Settings(
        home=home,
        landing=landing.rstrip("/"),
        reference=_folder("ETL_REFERENCE", REPOSITORY / "data" / "reference"),
        warehouse_url=_database("ETL_WAREHOUSE_URL", home / "warehouse.db"),
        history_url=_database("ETL_HISTORY_URL", home / "history.db"),
        faults=os.environ.get("ETL_FAULTS", "").strip(),
    )
    one, other = (url.removeprefix("sqlite:///") for url in (found.warehouse_url, found.history_url))
    if found.history_url.startswith("sqlite") and os.path.realpath(one) == os.path.realpath(other):
        raise BadParameter(
            "ETL_HISTORY_URL: found the warehouse's own file, expected another one than ETL_WAREHOUSE_URL"
        )
    return found


def private_folder(path: Path) -> Path:
    """Make `path` where it is missing, for its user alone (the job store in it holds pickles that are trusted)."""
    try:
        if not path.parent.exists():
            private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise PermanentError(
            f"{path}: cannot make this folder ({error.strerror}); make it writable, or set ETL_HOME to another folder"
        ) from error
    return path


def without_password(url: str) -> str:
    """A URL fit for a message: whole where it cannot hold a password, else no more than how it begins."""
    if "@" not in url and "?" not in url:
        return url
    return url[: url.index("://") + 3] + "…" if _URL.match(url) else "…"


def _folder(name: str, default: Path) -> Path:
    value = os.environ.get(name, "")
    if not value:
        return default
    if "\0" in value or _URL.match(value) or _NO_URL.match(value):
        url = ", or a URL such as https://HOST/PATH" if name == "ETL_LANDING" else ""
        raise BadParameter(f"{name}: found {without_password(value)!r}, expected the path of a folder{url}")
    try:
        path = Path(value).expanduser().absolute()
    except RuntimeError:
        raise BadParameter(f"{name}: found {value!r}, but there is no such user; write the path in full") from None
    if path.exists() and not path.is_dir():
        raise BadParameter(f"{name}: {path} is a file, expected a folder")
    return path


def _database(name: str, default: Path) -> str:
    value = os.environ.get(name, "")
    if not value:
        return f"sqlite:///{default}"
    if sqlite := _SQLITE.fullmatch(value):
        return f"sqlite:///{Path(sqlite[1]).absolute()}"
    if not _POSTGRES.fullmatch(value):
        raise BadParameter(
            f"{name}: found {without_password(value)!r}, expected sqlite:///PATH or "
            "postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE (in a password, write %40 for @)"
        )
    return value

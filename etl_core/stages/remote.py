"""A landing zone behind a URL (https://, s3://, …), read with fsspec.

Days come from a listing of flights/ and weather/, or, where the server lists nothing, from an `index.txt` beside them
with a relative path a line (flights/2013-01-15.csv). A file is fetched for its hash only when its size, Last-Modified
or ETag differ from the last look, or when the server gives none; what was seen is kept in ETL_HOME/landing-cache.json.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from etl_core import settings
from etl_core.errors import BadParameter, EtlError, PermanentError, TransientError
from etl_core.stages.landing import day_of, without_secrets

CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 10, 15, 600
IN_PARALLEL = 16
_MARKS = ("size", "ETag", "Last-Modified", "LastModified", "mtime", "last_modified", "updated", "created")
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}


def read(url: str) -> bytes | None:
    """The bytes behind `url`, None where the server says there is no such file.

    A body shorter than announced is a TransientError, as is a server that is down, slow or busy.
    """
    try:
        return _asked(url, lambda: _filesystem(url).cat_file(url))
    except FileNotFoundError:
        return None


def hashes(landing: str, days: Sequence[date] | None = None) -> tuple[dict[date, str], dict[date, str]]:
    """Day -> SHA-256 of the file's content, for the flights and for the weather files."""
    wanted = None if days is None else set(days)
    files = {url: what for url, what in _listed(landing).items() if wanted is None or what[1] in wanted}
    known = _read_cache()
    with ThreadPoolExecutor(IN_PARALLEL) as pool:
        looked = pool.map(lambda url: _entry(url, known.get(without_secrets(url))), files)
        entries = dict(zip(files, looked, strict=True))
    seen = {without_secrets(url): entry for url, entry in entries.items() if entry.get("marks")}
    place = without_secrets(landing) + "/"
    others = {url: entry for url, entry in known.items() if wanted is not None or not url.startswith(place)}
    if others | seen != known:
        _write_cache(others | seen)  # after a look at all days, without the files that are gone
    found: dict[str, dict[date, str]] = {"flights": {}, "weather": {}}
    for url, (kind, day) in files.items():
        if entries[url]:  # else it is gone since the listing
            found[kind][day] = entries[url]["sha256"]
    return found["flights"], found["weather"]


def _listed(landing: str) -> dict[str, tuple[str, date]]:
    """URL -> (kind, day) of every daily file."""
    fs = _filesystem(landing)
    fs.invalidate_cache()
    names: list[str] = []
    for kind in ("flights", "weather"):
        try:
            folder = f"{landing}/{kind}/"
            listing = _asked(folder, lambda folder=folder: fs.ls(folder, detail=False))
            names += [f"{kind}/{PurePosixPath(unquote(urlsplit(str(name)).path)).name}" for name in listing]
        except (FileNotFoundError, PermanentError):
            continue  # a server that lists nothing
    if not any(day_of(name.partition("/")[2]) for name in names):
        index = read(f"{landing}/index.txt")
        if index is None:
            place = without_secrets(landing)
            raise PermanentError(
                f"{place}: found no listing of {place}/flights/ with files such as 2013-01-15.csv, and no "
                f"{place}/index.txt that names them; put one there, or check ETL_LANDING"
            )
        names = index.decode(errors="replace").split()
    files = {}
    for name in names:
        kind, _, file = name.removeprefix("./").partition("/")
        if kind in ("flights", "weather") and (day := day_of(file)):
            files[f"{landing}/{kind}/{file}"] = kind, day
    return files


def _entry(url: str, known: dict | None) -> dict[str, Any]:
    """What is known of one file now: {"marks": …, "sha256": …}; empty where it is gone."""
    try:
        info = _asked(url, lambda: _filesystem(url).info(url))
    except (FileNotFoundError, EtlError):
        info = {}  # no answer to HEAD: ask for the file itself
    marks = {name: str(info[name]) for name in _MARKS if info.get(name)}
    if marks.keys() <= {"size"}:
        marks = {}  # a size alone tells too little
    if known and marks and known["marks"] == marks:
        return known
    try:
        data = read(url)
    except EtlError as error:
        return {"sha256": f"unreadable: {type(error.__cause__ or error).__name__}"}
    return {} if data is None else {"marks": marks, "sha256": hashlib.sha256(data).hexdigest()}


def _filesystem(url: str) -> Any:
    import fsspec

    options: dict[str, Any] = {}
    scheme = url.partition("://")[0].lower()
    if scheme in ("http", "https"):
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        options["client_kwargs"] = {"timeout": timeout}
    elif scheme == "s3":
        options["config_kwargs"] = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
    try:
        return fsspec.filesystem(scheme, **options)
    except (ValueError, ImportError) as error:
        raise BadParameter(f"ETL_LANDING: {without_secrets(url)} cannot be opened ({error})") from error


def _asked(url: str, ask: Callable[[], Any]) -> Any:
    """The answer, or one of our errors naming the URL; FileNotFoundError where the server says there is none."""
    try:
        return ask()
    except (FileNotFoundError, EtlError):
        raise
    except Exception as error:  # each file system has its own classes
        status = getattr(error, "status", None)
        said = f"the server answered {status}" if status else f"{type(error).__name__}: {error}".rstrip(": ")
        message = f"{without_secrets(url)}: {said.replace(url, without_secrets(url))}"
        if status and status not in _TRY_AGAIN:
            raise PermanentError(f"{message}; expected a file or folder that may be read, check ETL_LANDING") from error
        if isinstance(error, PermissionError):
            raise PermanentError(f"{message}; check the credentials for ETL_LANDING") from error
        raise TransientError(f"{message}; expected the whole file, try again") from error


def _read_cache() -> dict[str, dict]:
    try:
        cache = json.loads((settings.current().home / "landing-cache.json").read_bytes())
        return cache if all(entry.keys() == {"marks", "sha256"} for entry in cache.values()) else {}
    except (OSError, ValueError, AttributeError):
        return {}  # a lost or damaged cache costs one look at every file, nothing more


def _write_cache(cache: dict[str, dict]) -> None:
    home = settings.private_folder(settings.current().home)
    with tempfile.NamedTemporaryFile("w", dir=home, prefix="landing-cache.", suffix=".tmp", delete=False) as file:
        json.dump(cache, file, indent=1)
    Path(file.name).replace(home / "landing-cache.json")

"""A landing zone behind a URL (https://, s3://, …), read with fsspec.

Days come from a listing of flights/ and weather/, or, where the server lists nothing, from an `index.txt` beside them
with a relative path a line (flights/2013-01-15.csv). Weather that is in no listing is looked for by its name, as a run
does. A file is fetched for its hash only when its size, Last-Modified or ETag differ from the last look, or when the
server gives none; what was seen is kept in ETL_HOME/landing-cache.json.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from inspect import signature
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from etl_core import settings
from etl_core.errors import BadParameter, EtlError, PermanentError, TransientError
from etl_core.stages import s3
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
    files = {f"{landing}/{kind}/{day}.csv": (kind, day, sure) for kind, day, sure in _listed(landing, wanted)}
    known = _read_cache()
    with ThreadPoolExecutor(IN_PARALLEL) as pool:
        looked = pool.map(lambda url: _entry(url, known.get(without_secrets(url)), files[url][2]), files)
        entries = dict(zip(files, looked, strict=True))
    seen = {without_secrets(url): entry for url, entry in entries.items() if entry.get("marks")}
    place = without_secrets(landing) + "/"
    others = {url: entry for url, entry in known.items() if wanted is not None or not url.startswith(place)}
    if others | seen != known:
        _write_cache(others | seen)  # after a look at all days, without the files that are gone
    found: dict[str, dict[date, str]] = {"flights": {}, "weather": {}}
    for url, (kind, day, _) in files.items():
        if entries[url]:  # else it is gone since the listing, or was never there
            found[kind][day] = entries[url]["sha256"]
    return found["flights"], found["weather"]


def _listed(landing: str, wanted: set[date] | None) -> list[tuple[str, date, bool]]:
    """Kind and day of every daily file (of the `wanted` days), and whether it is sure to be there."""
    fs = _filesystem(landing)
    fs.invalidate_cache()
    found: dict[str, set[date]] = {}
    refused: list[PermanentError] = []
    for kind in ("flights", "weather"):
        folder = f"{landing}/{kind}/"
        try:
            listing = _asked(folder, lambda folder=folder: fs.ls(folder, detail=False))
        except FileNotFoundError:
            continue  # nothing has landed there, or the server lists nothing
        except PermanentError as error:
            refused.append(error)
            continue
        found[kind] = _days(PurePosixPath(unquote(urlsplit(str(name)).path)).name for name in listing)
    if refused and any(found.values()):
        raise refused[0]  # who lists one of them and not the other would seem to have no weather
    everything = "weather" in found
    if not found.get("flights"):
        found, everything = _indexed(landing), False
    days = {kind: each if wanted is None else each & wanted for kind, each in found.items()}
    flights, weather = days.get("flights", set()), days.get("weather", set())
    files = [("flights", day, True) for day in flights] + [("weather", day, True) for day in weather]
    return files + [("weather", day, False) for day in flights - weather if not everything]


def _indexed(landing: str) -> dict[str, set[date]]:
    """The days of each kind that index.txt names; PermanentError where there is none, or it names no file of a day."""
    index, place = read(f"{landing}/index.txt"), without_secrets(landing)
    if index is None:
        raise PermanentError(
            f"{place}: found no listing of {place}/flights/ with files such as 2013-01-15.csv, and no "
            f"{place}/index.txt that names them; put one there, or check ETL_LANDING"
        )
    text = index.decode("utf-8-sig", errors="replace")
    names = [name.removeprefix("./").partition("/") for name in text.split()]
    found = {kind: _days(file for folder, _, file in names if folder == kind) for kind in ("flights", "weather")}
    if not any(found.values()):
        raise PermanentError(
            f"{place}/index.txt: found {text[:60]!r}, expected lines such as flights/2013-01-15.csv; correct it, or "
            "check ETL_LANDING (a page to log in looks like this too)"
        )
    return found


def _days(names: Iterable[str]) -> set[date]:
    return {day for name in names if (day := day_of(name))}


def _entry(url: str, known: dict | None, sure: bool) -> dict[str, Any]:
    """What is known of one file now: {"marks": …, "sha256": …}; empty where it is not there.

    Of one that is not `sure` to be there it takes one question to learn that it is not.
    """
    try:
        if not (sure or known) and read(url) is None:
            return {}
    except EtlError as error:
        return _unreadable(error)
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
        return _unreadable(error)
    return {} if data is None else {"marks": marks, "sha256": hashlib.sha256(data).hexdigest()}


def _unreadable(error: EtlError) -> dict[str, Any]:
    return {"sha256": f"unreadable: {type(error.__cause__ or error).__name__}"}


def _filesystem(url: str) -> Any:
    """The file system of a URL; BadParameter where it has none, or one that needs to be told more than a URL."""
    import fsspec

    options: dict[str, Any] = {}
    scheme = url.partition("://")[0].lower()
    if scheme in ("http", "https"):
        import aiohttp

        if not _names_a_host(url):
            raise _unusable(url, "found no host, or no port from 1 to 65535; in a password, / is written %2F and @ %40")
        timeout = aiohttp.ClientTimeout(total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        options["client_kwargs"] = {"timeout": timeout}
    elif scheme in s3.SCHEMES:
        if not s3.names_a_bucket(url):
            raise _unusable(url, s3.NO_BUCKET)
        options["config_kwargs"] = s3.waiting(CONNECT_SECONDS, READ_SECONDS)
    try:
        signature(fsspec.get_filesystem_class(scheme).__init__).bind(None, **options)
        fs = fsspec.filesystem(scheme, **options)
        return s3.tries_once(fs) if scheme in s3.SCHEMES else fs
    except TypeError as error:
        raise _unusable(url, f"{scheme} takes more than a URL: {error}") from error
    except Exception as error:  # no server was asked yet: each file system says in its way what it lacks
        raise _unusable(url, str(error)) from error


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool((parts.hostname or "").encode("idna")) and parts.port != 0 and not re.search(r"\s", parts.netloc)
    except ValueError:  # no such port, a bracket that is not closed, a name with two dots in a row
        return False


def _unusable(url: str, why: str) -> BadParameter:
    return BadParameter(
        f"ETL_LANDING: {without_secrets(url)} cannot be opened ({why}); expected the path of a folder, or a URL such "
        "as https://HOST/PATH or s3://BUCKET/PATH"
    )


def _asked(url: str, ask: Callable[[], Any]) -> Any:
    """The answer, or one of our errors naming the URL; FileNotFoundError where the server says there is none."""
    try:
        return ask()
    except (FileNotFoundError, EtlError):
        raise
    except NotImplementedError as error:
        raise _unusable(url, "it has no folders and files") from error
    except Exception as error:  # each file system has its own classes
        status = getattr(error, "status", None)
        said = f"the server answered {status}" if status else f"{type(error).__name__}: {error}".rstrip(": ")
        message = f"{without_secrets(url)}: {said.replace(url, without_secrets(url))}"
        if status and status not in _TRY_AGAIN:
            raise PermanentError(f"{message}; expected a file or folder that may be read, check ETL_LANDING") from error
        if isinstance(error, PermissionError):
            raise PermanentError(f"{message}; check the credentials for ETL_LANDING") from error
        if url.startswith(s3.SCHEMES) and s3.is_lasting(error):
            raise PermanentError(f"{message}; check ETL_LANDING and the AWS_… variables, or ~/.aws") from error
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

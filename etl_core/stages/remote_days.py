"""What has landed behind a URL (https://, s3://, …): the days, and the hashes of their files.

Days come from a listing of flights/ and weather/, or, where the server lists nothing, from an `index.txt` beside them
with a relative path a line (flights/2013-01-15.csv). Weather that is in no listing is looked for by its name, as a run
does. A file is fetched for its hash only when its size, Last-Modified or ETag differ from the last look, or when the
server gives none; what was seen is kept in ETL_HOME/landing-cache.json.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

from etl_core import settings
from etl_core.errors import EtlError, PermanentError
from etl_core.stages import remote
from etl_core.stages.landing import day_of, digest, without_secrets


def hashes(landing: str, days: Sequence[date] | None = None) -> tuple[dict[date, str], dict[date, str]]:
    """Day -> SHA-256 of the file's content, for the flights and for the weather files."""
    wanted = None if days is None else set(days)
    files = {f"{landing}/{kind}/{day}.csv": (kind, day, sure) for kind, day, sure in _listed(landing, wanted)}
    known = _read_cache()
    with ThreadPoolExecutor(remote.IN_PARALLEL) as pool:
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
    found: dict[str, set[date]] = {}
    refused: list[PermanentError] = []
    for kind in ("flights", "weather"):
        try:
            found[kind] = _days(remote.names(landing, kind))
        except FileNotFoundError:
            pass  # nothing has landed there, or the server lists nothing
        except PermanentError as error:
            refused.append(error)
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
    index, place = remote.read(f"{landing}/index.txt"), without_secrets(landing)
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
        if not (sure or known) and remote.read(url) is None:
            return {}
        marks = remote.marks(url)
        if known and marks and known["marks"] == marks:
            return known
        data = remote.read(url)
    except EtlError as error:
        return {"sha256": f"unreadable: {type(error.__cause__ or error).__name__}"}
    return {} if data is None else {"marks": marks, "sha256": digest(data)}


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

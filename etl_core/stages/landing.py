"""The landing zone: one flights file and one weather file a day, in a folder or behind a URL.

    flights/2013-01-15.csv
    weather/2013-01-15.csv      may come late, or never

What has landed is found by looking, and known by its content: a corrected file has another hash, whatever its date
says. Local files are hashed at every look, remote ones (see remote_days.py) when the server says that they changed.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from etl_core import settings
from etl_core.errors import PermanentError, StillBeingWritten

FILE_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.csv")


@dataclass(frozen=True)
class LandedDay:
    """The bytes of one day, read once: what is hashed is what is parsed. `weather` is None where none has landed."""

    day: date
    flights: bytes = field(repr=False)
    weather: bytes | None = field(repr=False)
    flights_path: str
    weather_path: str

    @property
    def source_hash(self) -> str:
        """SHA-256 over the flights file and the weather file, or the weather's absence."""
        return _combined(digest(self.flights), None if self.weather is None else digest(self.weather))


def landed(days: Sequence[date] | None = None, landing: str | Path | None = None) -> dict[date, str]:
    """Each day (or each of `days`) with a flights file, oldest first, and the hash of what has landed for it.

    A file that cannot be read has the hash "unreadable: …", so that its day is tried, and its run says why. Raises
    PermanentError where there is no landing zone at this place, TransientError where a server cannot be asked now.
    """
    landing = str(landing or settings.current().landing)
    if is_url(landing):
        from etl_core.stages import remote_days

        flights, weather = remote_days.hashes(landing, days)
    else:
        flights, weather = (_local_hashes(Path(landing), kind, days) for kind in ("flights", "weather"))
    return {day: _combined(flights[day], weather.get(day)) for day in sorted(flights)}


def read_days(days: Sequence[date], landing: str | Path | None = None) -> list[LandedDay]:
    """The files of `days`. Raises PermanentError if some are missing or unreadable, StillBeingWritten in mid-write."""
    landing = str(landing or settings.current().landing)
    if not is_url(landing):
        return [_read_day(day, landing, read_local) for day in days]
    from etl_core.stages import remote

    with ThreadPoolExecutor(remote.IN_PARALLEL) as pool:
        return list(pool.map(lambda day: _read_day(day, landing, remote.read), days))


def _read_day(day: date, landing: str, read: Callable[[str], bytes | None]) -> LandedDay:
    paths = [f"{landing}/{kind}/{day}.csv" for kind in ("flights", "weather")]
    flights, weather = (read(path) for path in paths)
    named = [without_secrets(path) for path in paths]
    if flights is None:
        raise PermanentError(
            f"{named[0]}: not found, so there are no flights for {day}; wait until it lands, or check ETL_LANDING"
        )
    return LandedDay(day, flights, weather, *named)


def is_url(landing: str) -> bool:
    return "://" in landing


def without_secrets(place: str) -> str:
    """A path or URL fit for a message: no user, no password, no query (which may hold a signature).

    A password may hold a / or an @ that is not written as %2F or %40, so all before the last @ goes.
    """
    if not is_url(place):
        return place
    scheme, _, rest = place.partition("://")
    rest, _, query = rest.partition("?")
    return f"{scheme}://" + ("…" if "@" in query else rest.rpartition("@")[2])  # a ? of the password, or of a query


def read_local(path: str | Path) -> bytes | None:
    """The bytes of a file, None where there is none; StillBeingWritten where it changes while it is read."""
    path = Path(path)
    try:
        before = path.stat()
        data = _bytes_of(path)
        after = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PermanentError(f"{path}: cannot be read ({error.strerror}); expected a readable file") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != after.st_size:
        raise StillBeingWritten(f"{path}: changed while it was read; try again when it is complete")
    return data


def day_of(name: str) -> date | None:
    """The day a file name stands for; None for any other file, which is not ours."""
    match = FILE_NAME.fullmatch(name)
    try:
        day = date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None
    return None if day == date.max else day  # the last day there is cannot be an interval: none begins after it


def _names(folder: Path, days: Sequence[date] | None) -> Collection[str]:
    """The names to look at. Few wanted days need no listing of the folder; of many, most may not be there."""
    wanted = None if days is None else {f"{day}.csv" for day in days}
    if wanted and len(wanted) <= 31 and folder.is_dir():
        return wanted
    names = {entry.name for entry in folder.iterdir()}
    return names if wanted is None else names & wanted


def _local_hashes(landing: Path, kind: str, days: Sequence[date] | None) -> dict[date, str]:
    folder = landing / kind
    try:
        names = _names(folder, days)
    except FileNotFoundError:
        if kind == "weather":
            return {}
        raise PermanentError(f"{folder}: there is no such folder; expected a landing zone, check ETL_LANDING") from None
    except OSError as error:
        raise PermanentError(f"{folder}: cannot be read ({error.strerror}); expected a readable folder") from error
    found: dict[date, str] = {}
    for name in names:
        if day := day_of(name):
            try:
                found[day] = digest(_bytes_of(folder / name))
            except FileNotFoundError:
                continue  # gone since the listing
            except OSError as error:
                found[day] = f"unreadable: {error.strerror}"
    return found


def _bytes_of(path: Path) -> bytes:
    """All of a regular file; OSError for any other. Reading a FIFO would wait for whoever writes into it."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # reading a folder is an error already
        raise OSError(None, "not a regular file")
    return path.read_bytes()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _combined(flights: str, weather: str | None) -> str:
    for part in (flights, weather or ""):
        if part.startswith("unreadable"):
            return part
    return digest(f"flights {flights}\nweather {weather or 'absent'}\n".encode())

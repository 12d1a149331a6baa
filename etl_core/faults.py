"""Break any stage on purpose.

One grammar for `ETL_FAULTS`, `etl run --fault`, `inject()` and the control room: `POINT=KIND[*TIMES]`, separated by
commas, for example `extract=offline*2,load.before-commit=kill`.

| kind | what happens at the point |
|---|---|
| offline | ConnectionError, as from a network that is down: transient |
| locked | the error of a SQLite file that another process holds: transient |
| bad-schema | BadSchema: permanent |
| slow | a pause of three seconds |
| kill | the process is killed, as by `kill -9` or the machine's out-of-memory killer |

Each use is claimed by creating a file under `faults/` before it fires. So two failures are two however many processes
share them, and a kill does not come back after the restart.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import signal
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from etl_core import settings
from etl_core.errors import BadParameter, BadSchema

POINTS = ("extract", "transform", "load", "load.before-commit", "load.after-commit", "retry.before-alarm", "recovery")
KINDS = ("offline", "locked", "bad-schema", "slow", "kill")
SLOW = 3.0  # seconds

_FAULT = re.compile(r"(?P<point>[a-z.-]+)=(?P<kind>[a-z-]+)(?:\*(?P<times>[0-9]{1,4}))?")
_here: list[tuple[str, str]] = []  # armed for this process alone: (arming, text)


@dataclass(frozen=True)
class Fault:
    point: str
    kind: str
    times: int = 1

    def __str__(self) -> str:
        return f"{self.point}={self.kind}" + (f"*{self.times}" if self.times > 1 else "")


def parse(text: str, name: str = "faults") -> list[Fault]:
    """The faults that `text` describes; BadParameter names what is wrong with it and what there is."""
    faults = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _FAULT.fullmatch(part)
        if not match or int(match["times"] or 1) == 0:
            raise BadParameter(f"{name}: found {part!r}, expected POINT=KIND or POINT=KIND*TIMES, as load=offline*2")
        if match["point"] not in POINTS:
            raise BadParameter(f"{name}: there is no point {match['point']!r}; points are {', '.join(POINTS)}")
        if match["kind"] not in KINDS:
            raise BadParameter(f"{name}: there is no kind {match['kind']!r}; kinds are {', '.join(KINDS)}")
        faults.append(Fault(match["point"], match["kind"], int(match["times"] or 1)))
    return faults


def inject(text: str, everywhere: bool = True) -> list[Fault]:
    """Arm faults for every process with this ETL_HOME, until used up or `clear()`; or for this process alone."""
    faults = parse(text)
    arming = secrets.token_hex(4)
    if faults and everywhere:
        (settings.private_folder(_folder()) / f"{arming}.armed").write_text(text, encoding="utf-8")
    elif faults:
        _here.append((arming, text))
    return faults


def clear() -> None:
    """Disarm what `inject` armed and forget what was claimed, so that the faults in ETL_FAULTS count anew."""
    _here.clear()
    for path in _folder().glob("*"):
        path.unlink(missing_ok=True)


def armed() -> list[Fault]:
    """What would still fire, with the times that are left."""
    left = []
    for arming, fault in _armings():
        used = sum(_claim(arming, fault, n).exists() for n in range(fault.times))
        if used < fault.times:
            left.append(Fault(fault.point, fault.kind, fault.times - used))
    return left


def fire(point: str) -> None:
    """What is armed at `point` happens now, once; without faults this costs one look into a folder."""
    for arming, fault in _armings():
        if fault.point == point and _claimed(arming, fault):
            _happen(fault)


def _armings() -> list[tuple[str, Fault]]:
    """What is armed, each under a name of its own, by which its uses are claimed."""
    texts = [(arming, text, "faults") for arming, text in _here]
    environment = settings.current().faults
    if environment:
        name = hashlib.sha256(environment.encode()).hexdigest()[:8]
        texts.append((f"env-{name}", environment, "ETL_FAULTS"))
    for path in _folder().glob("*.armed"):
        with contextlib.suppress(FileNotFoundError):  # cleared since the listing
            texts.append((path.stem, path.read_text(encoding="utf-8"), path.name))
    return [(f"{arming}-{n}", fault) for arming, text, name in texts for n, fault in enumerate(parse(text, name))]


def _claimed(arming: str, fault: Fault) -> bool:
    settings.private_folder(_folder())
    for n in range(fault.times):
        try:
            _claim(arming, fault, n).touch(exist_ok=False)
        except FileExistsError:
            continue
        return True
    return False


def _claim(arming: str, fault: Fault, n: int) -> Path:
    return _folder() / f"{arming}.{fault.point}-{fault.kind}.{n + 1}"


def _folder() -> Path:
    return settings.current().home / "faults"


def _happen(fault: Fault) -> None:
    where = f"fault injected at {fault.point}"
    if fault.kind == "offline":
        raise ConnectionError(f"{where}: the network is unreachable")
    if fault.kind == "locked":
        raise sqlite3.OperationalError(f"database is locked ({where})")
    if fault.kind == "bad-schema":
        raise BadSchema(
            f"{where}: found column 'dep_tme', expected 'dep_time'; nothing to do but run without the fault"
        )
    if fault.kind == "slow":
        time.sleep(SLOW)
    else:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # on Windows SIGTERM ends a process at once

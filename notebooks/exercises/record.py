"""What the reader has done, in exercises.json of the reader's own ETL_HOME: it outlives kernels and lessons."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from etl_core import settings

_reader_home: Path | None = None  # where a lesson was begun: ETL_HOME is the lesson's own from then on


def path() -> Path:
    return (_reader_home or settings.current().home) / "exercises.json"


def keep_home() -> None:
    """From now on the record stays where ETL_HOME points at this moment, whatever becomes of ETL_HOME."""
    global _reader_home
    _reader_home = _reader_home or settings.current().home


def read() -> dict[str, dict[str, Any]]:
    """Exercise -> what is known: `passed` (when first), `tries`, `hints` (levels seen), `answer` (its source)."""
    try:
        found = json.loads(path().read_text(encoding="utf-8"))
        return {number: entry for number, entry in found.items() if isinstance(entry, dict)}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError):  # not ours, or cut short: kept aside, and a new one begun
        os.replace(path(), path().with_suffix(".broken.json"))
        return {}


def entry(number: str) -> dict[str, Any]:
    return read().get(number, {})


def update(number: str, **changes: Any) -> None:
    """Change what is known about an exercise, as one step: another notebook may be writing too."""
    settings.private_folder(path().parent)
    with FileLock(path().with_suffix(".lock")):
        everything = read()
        everything.setdefault(number, {}).update(changes)
        fresh = path().with_suffix(".new.json")
        fresh.write_text(json.dumps(everything, indent=1, ensure_ascii=False), encoding="utf-8")
        os.replace(fresh, path())


def passed(number: str, answer: str | None) -> None:
    """Note that it passed, with the answer as text; None leaves the one that was kept before."""
    known = entry(number)
    update(
        number,
        passed=known.get("passed") or datetime.now(UTC).isoformat(timespec="seconds"),
        answer=answer or known.get("answer"),
        tries=known.get("tries", 0) + 1,
    )


def failed(number: str) -> None:
    update(number, tries=entry(number).get("tries", 0) + 1)

"""What a stage hands on to the next: refused where that could not work with it, and its rows counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from numbers import Integral
from typing import Any

from etl_core.errors import PermanentError


def check(result: Any, stage: str, pipeline: str) -> None:
    """PermanentError where a result is None, or it or a part of it can be read only once, as a generator.

    The next stage gets the same object again when it is tried again; a generator would be empty then, and "nothing"
    would be loaded with success.
    """
    if result is None:
        raise PermanentError(
            f"{stage} of pipeline {pipeline!r}: found None, expected what the next stage works on; "
            "is a `return` missing?"
        )
    for part in (result, *_parts(result)):
        if isinstance(part, Iterator):
            raise PermanentError(
                f"{stage} of pipeline {pipeline!r}: found a {type(part).__name__}, which can be read only once, and "
                "the next stage reads it again when it is tried again; hand on a list"
            )


def count(value: Any) -> int | None:
    """The rows of a stage's result; None where it cannot be told, as of a dict of files."""
    if hasattr(value, "columns") or isinstance(value, list):  # a DataFrame first: it may have a column "rows"
        return _length(value)
    rows = getattr(value, "rows", value)
    if isinstance(rows, Integral):
        return int(rows)
    return None if rows is value else _length(rows)


def rejected(value: Any) -> int | None:
    """The rejected rows of a stage's result; None where it does not tell."""
    return count(value.rejected) if hasattr(value, "rejected") and not hasattr(value, "columns") else None


def notes(value: Any) -> list[str]:
    """What a result says of itself that is odd and does no harm: its list `notes`."""
    found = None if hasattr(value, "columns") else getattr(value, "notes", None)
    return [str(note) for note in found] if isinstance(found, (list, tuple)) else []


def _parts(result: Any) -> Iterable[Any]:
    if isinstance(result, Mapping):
        return result.values()
    return result if isinstance(result, tuple) else getattr(result, "__dict__", {}).values()


def _length(value: Any) -> int | None:
    try:
        return len(value)
    except TypeError:  # a cursor, a lazy frame
        return None

"""Is it the same? Datetimes are compared as instants, frames as multisets of rows; extra columns and keys may be."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def difference(got: Any, want: Any) -> str:
    """The first difference in words, or nothing."""
    if _is(want, "DataFrame"):
        return frame_difference(got, want)
    if isinstance(want, Mapping):
        return _mapping_difference(got, want)
    if _alike(plain(got), plain(want)):
        return ""
    expected, found = show(want), show(got)
    cut = expected.endswith("…") or found.endswith("…")
    return (_list_difference(got, want) if cut else "") or f"expected {expected}, got {found}"


def same(got: Any, want: Any) -> bool:
    return not difference(got, want)


def _alike(got: Any, want: Any) -> bool:
    """Whether they are equal and both truth values or both not. What cannot be compared is not: a frame, say."""
    try:
        found = got == want
    except Exception:  # the answer's own class, or an array in a list: whatever it is, it is not what is wanted
        return False
    return isinstance(plain(found), bool) and plain(found) and isinstance(got, bool) == isinstance(want, bool)


def plain(value: Any) -> Any:
    """A value by its meaning: instants as UTC, missing values as None, numpy's numbers as Python's, tuples as lists."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if _is(value, "NaTType") or _is(value, "NAType"):
        return None
    if _is(value, "Timestamp"):
        value = value.to_pydatetime(warn=False)
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value


def rows_of(frame: pd.DataFrame, columns: list[str]) -> list[tuple[Any, ...]]:
    """A frame's rows as tuples of plain values."""
    return list(zip(*([plain(value) for value in frame[column]] for column in columns), strict=True))


def frame_difference(got: Any, want: pd.DataFrame) -> str:
    """As multisets of rows, in the columns of `want`."""
    if not _is(got, "DataFrame"):
        return f"expected a DataFrame, got {show(got)}"
    columns = [str(column) for column in want.columns]
    absent = [column for column in columns if column not in got.columns]
    if absent:
        return f"the column {absent[0]!r} is not there; there are {', '.join(map(str, got.columns))}"
    if len(got) != len(want):
        return f"expected {len(want):,} rows, got {len(got):,}"
    have, need = Counter(rows_of(got, columns)), Counter(rows_of(want, columns))
    for row in need - have:
        near = min(have - need, key=lambda other: sum(a != b for a, b in zip(row, other, strict=True)))
        column, right, found = next(x for x in zip(columns, row, near, strict=True) if x[1] != x[2])
        return f"a row with {column} = {show(right)} is expected; the nearest there is has {column} = {show(found)}"
    return ""


def show(value: Any, width: int = 200) -> str:
    """A value as a person writes it, cut to `width` characters."""
    if _is(value, "DataFrame"):
        text = f"a DataFrame of {len(value):,} rows and {len(value.columns)} columns"
    elif _is(value, "Series") or _is(value, "Index"):
        text = f"{'a Series' if _is(value, 'Series') else 'an Index'} of {len(value):,} values"
    elif isinstance(value, datetime):
        text = value.isoformat(" ")
    elif isinstance(value, date):
        text = value.isoformat()
    elif isinstance(value, list | tuple) and value and all(isinstance(item, date) for item in value):
        text = f"({', '.join(map(show, value))})" if isinstance(value, tuple) else f"[{', '.join(map(show, value))}]"
    else:
        text = _repr(value)
    return text if len(text) <= width else text[: width - 1] + "…"


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # a class of the reader's, half written
        return f"a {type(value).__name__} that cannot be shown ({type(error).__name__})"


def _is(value: Any, name: str) -> bool:
    """Whether it is of this class of pandas. Asked by name: to import pandas takes half a second, in each child."""
    return any(kind.__name__ == name and kind.__module__.startswith("pandas") for kind in type(value).__mro__)


def _list_difference(got: Any, want: Any) -> str:
    """The first place at which two long lists differ."""
    if not (isinstance(got, list | tuple) and isinstance(want, list | tuple)):
        return ""
    if len(got) != len(want):
        return f"expected {len(want):,} items, got {len(got):,}: expected {show(want, 90)}, got {show(got, 90)}"
    found = (difference(*pair) for pair in zip(got, want, strict=True))
    return next((f"item {n}: {text}" for n, text in enumerate(found) if text), "")


def _mapping_difference(got: Any, want: Mapping) -> str:
    if not isinstance(got, Mapping):
        return f"expected a dict, got {show(got)}"
    for key, value in want.items():
        if key not in got:
            return f"the key {show(key)} is not there"
        if found := difference(got[key], value):
            return f"at {show(key)}: {found}"
    return ""

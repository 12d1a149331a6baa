"""Which files a piece of code writes or takes away: seen as it happens, not guessed by looking often."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_told: Callable[[str, Path], None] | None = None
_hooked = False


@contextmanager
def watched(told: Callable[[str, Path], None]) -> Iterator[None]:
    """While the block runs, `told("open", path)` is called before a file is opened for writing, and
    `told("rename", path)` before one gets the name `path`, `told("gone", path)` before one is removed or loses the name
    `path`. Calls come from the thread that does it."""
    global _told, _hooked
    if not _hooked:
        sys.addaudithook(_hook)  # for the life of the process: it cannot be taken away, only do nothing
        _hooked = True
    _told = told
    try:
        yield
    finally:
        _told = None


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _told is None:
        return
    if event == "open" and isinstance(args[0], str | bytes | os.PathLike) and _writes(*args[1:3]):
        _told("open", Path(os.fsdecode(args[0])))
    elif event in ("os.rename", "os.remove") and isinstance(args[0], str | bytes | os.PathLike):
        _told("gone", Path(os.fsdecode(args[0])))
        if event == "os.rename":
            _told("rename", Path(os.fsdecode(args[1])))


def _writes(mode: str | None, flags: int) -> bool:
    if mode is not None:
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR))

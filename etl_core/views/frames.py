"""A traceback's few lines that matter: those of the reader's code and of this package, not of the libraries between."""

from __future__ import annotations

import re
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from etl_core.settings import REPOSITORY

MOST = 3  # frames
MACHINERY = {"active_run.py", "retry.py", "pipeline.py", "backlog.py", "__main__.py"}  # of etl_core: in every traceback

_FRAME = re.compile(r'^  File "(?P<path>.+)", line (?P<line>\d+), in (?P<function>.+)$')
_LIBRARIES = tuple(
    {str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Frame:
    """One place a traceback went through."""

    path: str
    line: int
    function: str
    source: str

    @property
    def place(self) -> str:
        """Where it is, as short as it can be told: 'etl_core/stages/load.py:35', or 'a notebook cell:3'."""
        if "ipykernel_" in self.path or self.path.startswith("<ipython-input"):
            return f"a notebook cell:{self.line}"
        path = Path(self.path)
        for folder in (REPOSITORY, Path.cwd()):
            if path.is_relative_to(folder):
                return f"{path.relative_to(folder).as_posix()}:{self.line}"
        return f"{self.path}:{self.line}"


def frames_that_matter(traceback: str) -> list[Frame]:
    """The last frames, oldest first, of the error that was raised last; none where the text holds none."""
    frames: list[Frame] = []
    for raw in traceback.splitlines():
        text = raw.removeprefix("  | ") if raw.startswith("  | ") else raw
        if text.startswith("Traceback (most recent call last)"):
            frames = []  # of an error that this one was raised from: it says more, and comes after it
        elif match := _FRAME.match(text):
            frames.append(Frame(match["path"], int(match["line"]), match["function"], ""))
        elif frames and not frames[-1].source and text.startswith("    ") and text.strip(" ~^"):
            frames[-1] = Frame(frames[-1].path, frames[-1].line, frames[-1].function, text.strip())
    own = [frame for frame in frames if not _is_library(frame.path)]
    return ([frame for frame in own if not _is_machinery(frame.path)] or own)[-MOST:]


def _is_library(path: str) -> bool:
    return path.startswith(("<frozen", "<string")) or str(Path(path)).startswith(_LIBRARIES) or "site-packages" in path


def _is_machinery(path: str) -> bool:
    here = Path(path)
    return (here.parent == _PACKAGE and here.name in MACHINERY) or here.is_relative_to(_PACKAGE / "cli")

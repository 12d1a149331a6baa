"""What an exercise is: declared once in lesson_NN.py, known here by its number.

one = Exercise("1.1", "Read what arrived", star=True, hints=("…", "…", "…"))

@one.stub                       what the reader finds in the cell
@one.solution                   what solution("1.1") shows, and the solved notebook runs
@one.wrong("message", when=…)   a wrong answer that people give; the most damaging first
@one.right                      another right answer (optional)
@one.grade                      calls the answer through a Trial, and looks at what it did
@one.scene                      what the reader did before, such as a drill: tests do it too (optional)

Where the answer is a whole file (`file="weather.py"`), stub, solution, right and wrong answers are functions without
arguments that return its text, and the reader gives its path: `check("9.3", "weather.py")`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from exercises.source import code_of, same_code, text_of

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Wrong:
    """A wrong answer with a name, what to tell whoever gives it, and how it is recognised.

    `when` is asked with what the grader saw (`Trial.seen`), and only if something was wrong. `message` says what the
    mistake causes, not what to type; {names} in it are filled in from what was seen.
    """

    name: str
    example: Callable[..., Any]
    message: str
    when: Callable[[Any], Any]


@dataclass(repr=False)
class Exercise:
    """`none`: None is a proper answer (otherwise the reader is told that nothing was returned). `twin`: "module:name"
    of what the package has for it. `passed`: a sentence for whoever passes. `seconds`: a call may take so long. `file`:
    the name of the file that is the answer."""

    number: str
    title: str
    hints: tuple[str, str, str]
    star: bool = False
    none: bool = False
    twin: str = ""
    passed: str = ""
    seconds: float = 10
    file: str = ""
    wrongs: list[Wrong] = field(default_factory=list)
    rights: list[Callable[..., Any]] = field(default_factory=list)
    parts: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _known[self.number] = self

    def __repr__(self) -> str:
        return f"<exercise {self.number}>"

    def stub(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return self.parts.setdefault("stub", function)

    def solution(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return self.parts.setdefault("solution", function)

    def grade(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return self.parts.setdefault("grade", function)

    def scene(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return self.parts.setdefault("scene", function)

    def right(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.rights.append(function)
        return function

    def wrong(self, message: str, when: Callable[[Any], Any]) -> Callable[..., Any]:
        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            self.wrongs.append(Wrong(function.__name__, function, message, when))
            return function

        return declare

    @property
    def lesson(self) -> str:
        return f"{int(self.number.split('.')[0]):02d}"

    @property
    def name(self) -> str:
        """The name that the reader's function has."""
        return self.parts["solution"].__name__

    @cached_property
    def stub_text(self) -> str:
        return self.parts["stub"]() if self.file else text_of(self.parts["stub"])

    @cached_property
    def solution_text(self) -> str:
        return self.parts["solution"]() if self.file else text_of(self.parts["solution"])

    def is_stub(self, answer: Any) -> bool:
        """Whether the answer still is what the reader found in the cell, or nothing yet."""
        if answer is None or answer is ...:
            return True
        if self.file:
            return not Path(answer).exists() or same_code(Path(answer).read_text(encoding="utf-8"), self.stub_text)
        stub = self.parts["stub"]
        return answer is stub or (code_of(answer) is not None and code_of(answer) == code_of(stub))


_known: dict[str, Exercise] = {}


class Unknown(LookupError):
    """No exercise has this number; the message names those of the lesson."""


def find(number: str) -> Exercise:
    """The exercise with this number, such as "3.2"."""
    lesson = str(number).partition(".")[0]
    if lesson.isdecimal() and (FOLDER / f"lesson_{int(lesson):02d}.py").exists():
        importlib.import_module(f"exercises.lesson_{int(lesson):02d}")
    if str(number) in _known:
        return _known[str(number)]
    there = [other for other in _known if other.split(".")[0] == lesson] or [e.number for e in every()]
    raise Unknown(f"There is no exercise {number!r}; there are {', '.join(there)}.")


def every() -> list[Exercise]:
    """All exercises, in order."""
    for path in sorted(FOLDER.glob("lesson_*.py")):
        importlib.import_module(f"exercises.{path.stem}")
    return sorted(_known.values(), key=lambda e: [int(n) for n in e.number.split(".")])

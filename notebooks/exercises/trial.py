"""Grading: a Trial calls the answer, notes what is seen, and makes one Outcome of it."""

from __future__ import annotations

import gc
import inspect
import linecache
import shutil
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exercises import guard
from exercises.model import Exercise, Wrong
from exercises.tools.compare import difference, show

OURS = str(Path(__file__).parent)


@dataclass(frozen=True)
class Outcome:
    """`kind` is passed, untouched, waiting, raised, mistake or wrong; the rest is what to tell, in plain text.

    `aside` is a sentence in grey, of what has nothing to do with whether the answer is right."""

    kind: str
    exercise: Exercise
    message: str
    case: str = ""
    detail: str = ""
    printed: str = ""
    mistake: str = ""
    aside: str = ""

    @property
    def passed(self) -> bool:
        return self.kind == "passed"


@dataclass(frozen=True)
class Raised:
    """What Trial.call returns for an error that it was told to expect."""

    error: BaseException

    def __repr__(self) -> str:
        return f"{type(self.error).__name__}: {self.error}" if str(self.error) else type(self.error).__name__


class Seen:
    """What the grader saw, by name. A name that was not set is None."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


class _Over(Exception):
    """There is nothing more to try: the failure is noted."""


class Trial:
    """One grading. `folder` is empty, and deleted afterwards; `seen` is what `Wrong.when` is asked with."""

    def __init__(self, exercise: Exercise, answer: Any, folder: Path) -> None:
        self.exercise, self.answer, self.folder = exercise, answer, folder
        self.seen = Seen()
        self.failure: dict[str, str] = {}  # the first one, as fields of the Outcome
        self._printed = ""
        self._last: tuple[str, Any] = "", None  # the last call's case, and what it returned

    def call(self, *args: Any, case: str = "", allow: Any = (), none: bool | None = None, **kwargs: Any) -> Any:
        """The answer's result for these arguments; `case` says in words what they are.

        An error of a type in `allow` (or any Exception, with True) is returned as Raised. Another one, a name that is
        not known, or code that does not come to an end, ends the grading with "your code raised".
        """
        if not callable(self.answer):
            name = self.exercise.name
            text = f"{show(self.answer, 60)} is no function. Give the function itself, not called: `{name}`."
            self.stop("", "", "wrong", text)
        return self.do(lambda: self.answer(*args, **kwargs), case=case, allow=allow, none=none)

    def do(self, work: Callable[[], Any], case: str = "", allow: Any = (), none: bool | None = None) -> Any:
        """The same for any work in which the reader's code runs, such as `with answer(path): …`."""
        ran = guard.run(work, self.exercise.seconds)
        self.seen.error, self.seen.endless = ran.error, ran.timed_out
        self._printed = self._printed or ran.printed
        if ran.timed_out:
            text = f"Your code was still running after {self.exercise.seconds:g} seconds, and was stopped."
            self.stop(case, "Does every loop in it come to an end?", "raised", text)
        mistyped = isinstance(ran.error, NameError)  # is no answer to anything, and its line is what helps
        if not mistyped and isinstance(ran.error, Exception if allow is True else allow or ()):
            return Raised(ran.error)
        if isinstance(ran.error, SystemExit):
            self.stop(
                case, "", "raised", "Your code tried to end the whole program (`exit`). The kernel was kept running."
            )
        if ran.error is not None:
            self.stop(case, line_of(ran.error), "raised", f"Your code raised {Raised(ran.error)!r}")
        if inspect.iscoroutine(ran.value):
            ran.value.close()
            self.stop(case, "", "wrong", "An `async` function, called, returns a coroutine: nothing was done yet.")
        if ran.value is None and not (self.exercise.none if none is None else none):
            self.stop(case, "", "wrong", "Your function returned None: does every way through it end in a `return`?")
        self._last = case, ran.value
        return ran.value

    def equal(self, got: Any, want: Any, case: str) -> bool:
        """Compare (see tools/compare.py) and note a difference; the grading goes on. Returns whether they are equal."""
        found = difference(got, want)
        return self.true(not found, case, found)

    def true(self, condition: Any, case: str, detail: str) -> bool:
        """Note, unless `condition` holds, that it does not; `detail` says what was seen instead."""
        if not condition:
            self.fail(case, detail)
        return bool(condition)

    def fail(self, case: str, detail: str, kind: str = "wrong", message: str = "") -> None:
        new = {"kind": kind, "message": message, "case": case, "detail": detail, "printed": self._printed}
        self.failure = self.failure or new

    def lost(self, error: Exception) -> None:
        """Note that the grader could make nothing of what it found: an array for a number, a closed database."""
        case, value = self._last
        given = f"got {show(value)}" if value is not None else "your function has returned"
        self.fail(case, f"{given}, and with what is there the check cannot go on: {Raised(error)!r}")

    def stop(self, case: str, detail: str, kind: str = "wrong", message: str = "") -> None:
        """Note a failure after which trying more makes no sense, and end the grading."""
        self.fail(case, detail, kind, message)
        raise _Over


def grade(exercise: Exercise, answer: Any) -> Outcome:
    """Try an answer. Nothing is shown and nothing is recorded."""
    if exercise.is_stub(answer):
        return Outcome("untouched", exercise, "")
    if str(getattr(answer, "__module__", "")).startswith("etl_core"):
        text = f"This is the package's own {answer.__name__}, not yours: an import has replaced the name."
        return Outcome("untouched", exercise, text)
    folder = Path(tempfile.mkdtemp(prefix="etl-check-"))
    try:
        return _tried(exercise, Trial(exercise, answer, folder))
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()  # closes what the answer left open, without a warning, and Windows lets the folder go
        shutil.rmtree(folder, ignore_errors=True)


def _tried(exercise: Exercise, trial: Trial) -> Outcome:
    try:
        exercise.parts["grade"](trial)
    except _Over:
        pass
    except Exception as error:  # nothing that an answer gives may end in a traceback of ours
        trial.lost(error)
        return Outcome(exercise=exercise, **trial.failure)
    if not trial.failure:
        return Outcome("passed", exercise, exercise.passed)
    if trial.failure["kind"] == "waiting":
        return Outcome("waiting", exercise, trial.failure["message"])
    for wrong in exercise.wrongs:
        if text := _told(wrong, trial.seen):
            return Outcome("mistake", exercise, text, mistake=wrong.name, printed=trial.failure["printed"])
    return Outcome(exercise=exercise, **trial.failure)


def _told(wrong: Wrong, seen: Seen) -> str:
    """The mistake's message, where it is this mistake."""
    try:
        if not wrong.when(seen):
            return ""
        return wrong.message.format_map(vars(seen)) if "{" in wrong.message else wrong.message
    except Exception:  # what was seen is not of the shape the question expects: so it is not this mistake
        return ""


def line_of(error: BaseException) -> str:
    """The deepest line of the reader's own code that the error passed through."""
    theirs = ""
    for frame in traceback.extract_tb(error.__traceback__):
        library = "site-packages" in frame.filename or frame.filename.startswith((OURS, sys.base_prefix, "<frozen"))
        library = library or frame.filename.endswith((".pyx", ".pxi", ".pxd"))  # of pandas, say, without its folder
        if not library:
            line = linecache.getline(frame.filename, frame.lineno or 0).strip()
            theirs = f"line {frame.lineno} of the cell: {line}" if line else f"line {frame.lineno}"
    return theirs

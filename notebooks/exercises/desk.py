"""What a reader calls: each function finds the exercise, asks the grader or the record, and shows the answer."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exercises import model, record, state, view
from exercises.source import portable, same_code
from exercises.trial import grade

NOTHING = object()


def check(number: str, answer: Any = NOTHING, keep: bool = True) -> None:
    """Try an answer to an exercise and show what came of it: `check("1.1", read_raw)`.

    With `keep=False` it is only shown: `progress()` and `mine()` stay as they are.
    """
    if callable(number):
        view.note(f"The number comes first: {_turned(number, answer)}")
        return
    exercise = _find(number)
    if exercise is None:
        return
    number = exercise.number  # as text, where the reader wrote 1.1
    if answer is NOTHING:
        view.note(f'Give your answer along: check("{number}", {exercise.name})')
        return
    if answer is None and not exercise.file:
        view.note(f'{number} got None. Give the function itself, not called: check("{number}", {exercise.name})')
        return
    outcome = grade(exercise, answer)
    if keep and outcome.passed:
        record.passed(number, _text(exercise, answer))
    elif keep and outcome.kind not in ("untouched", "waiting"):
        record.failed(number)
    view.outcome(outcome)


def hint(number: str) -> None:
    """Show the next hint: there are three, and each call shows one more."""
    exercise = _find(number)
    if exercise is None:
        return
    level = min(record.entry(exercise.number).get("hints", 0) + 1, len(exercise.hints))
    record.update(exercise.number, hints=level)
    view.hints(exercise, level)


def solution(number: str) -> None:
    """Show one way to solve an exercise."""
    exercise = _find(number)
    if exercise is not None:
        view.solution(exercise)


def progress(lessons: str = "") -> None:
    """Show which exercises are done: of this lesson, of another such as "03", or of all with `progress("all")`."""
    lesson = str(lessons).zfill(2) if lessons else state.lesson() or "all"
    chosen = [exercise for exercise in model.every() if lesson in ("all", exercise.lesson)] or model.every()
    view.progress(chosen, record.read(), "" if lesson == "all" else 'progress("all") shows every lesson.')


def mine(number: str) -> Callable[..., Any]:
    """Your own answer, as it was when it last passed; what the package has for it if there is none.

    Where it is a file: the pipeline in it, importable, if the file is there and still the one that passed.
    """
    exercise = model.find(number)
    saved = record.entry(exercise.number).get("answer")
    if exercise.file:
        from etl_core.pipeline import find_pipeline

        path = Path(exercise.file)
        whole = saved is not None and path.exists() and same_code(path.read_text(encoding="utf-8"), saved)
        if whole:
            sys.modules.pop(path.stem, None)  # it may have been written again since it was imported
            importlib.invalidate_caches()
        return find_pipeline(f"{path.stem}:{exercise.name}" if whole else exercise.twin)
    if saved:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        try:
            exec(compile(saved, f"<your answer to {number}>", "exec"), namespace)
            return namespace[exercise.name]
        except Exception as error:
            view.note(f"Your saved answer to {number} does not run here ({error!r}); using the workbook's.")
    if exercise.twin:
        module, _, name = exercise.twin.partition(":")
        return getattr(importlib.import_module(module), name)
    return exercise.parts["solution"]


def _turned(answer: Callable[..., Any], number: Any) -> str:
    """How to call `check` for a function that was given where the number belongs."""
    name = getattr(answer, "__name__", "answer")
    known = [str(number)] if isinstance(number, str | float) else [e.number for e in model.every() if e.name == name]
    return f'check("{(known or ["1.1"])[0]}", {name})'


def _text(exercise: model.Exercise, answer: Any) -> str | None:
    """The answer as text that defines it again, or None where that cannot be had."""
    if exercise.file:
        return Path(answer).read_text(encoding="utf-8")
    return portable(answer, exercise.name) if callable(answer) else None


def reveal(guess: Any, answer: Any, why: str = "") -> None:
    """Settle a prediction: show what was guessed, what is so, and why."""
    view.reveal(guess, answer, why)


def _find(number: str) -> model.Exercise | None:
    try:
        return model.find(number)
    except model.Unknown as error:
        view.note(str(error))
        return None

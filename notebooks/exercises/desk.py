"""What a reader calls: each function finds the exercise, asks the grader or the record, and shows the answer."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from exercises import model, record, state, view
from exercises.source import portable
from exercises.trial import grade

NOTHING = object()


def check(number: str, answer: Any = NOTHING) -> None:
    """Try an answer to an exercise and show what came of it: `check("1.1", read_raw)`."""
    exercise = _find(number)
    if exercise is None:
        return
    if answer is NOTHING:
        view.note(f'Give your answer along: check("{number}", {exercise.name})')
        return
    outcome = grade(exercise, answer)
    if outcome.passed:
        record.passed(number, portable(answer, exercise.name) if callable(answer) else None)
    elif outcome.kind != "untouched":
        record.failed(number)
    view.outcome(outcome)


def hint(number: str) -> None:
    """Show the next hint: there are three, and each call shows one more."""
    exercise = _find(number)
    if exercise is None:
        return
    level = min(record.entry(number).get("hints", 0) + 1, len(exercise.hints))
    record.update(number, hints=level)
    view.hints(exercise, level)


def solution(number: str) -> None:
    """Show one way to solve an exercise."""
    exercise = _find(number)
    if exercise is not None:
        view.solution(exercise)


def progress(lessons: str = "") -> None:
    """Show which exercises are done: those of this lesson, or of all with `progress("all")`."""
    lesson = lessons or state.lesson() or "all"
    chosen = [exercise for exercise in model.every() if lesson in ("all", exercise.lesson)]
    view.progress(chosen, record.read(), "" if lesson == "all" else 'progress("all") shows every lesson.')


def mine(number: str) -> Callable[..., Any]:
    """Your own answer, as it was when it last passed; what the package has for it if there is none."""
    exercise = model.find(number)
    saved = record.entry(number).get("answer")
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


def reveal(guess: Any, answer: Any, why: str = "") -> None:
    """Settle a prediction: show what was guessed, what is so, and why."""
    view.reveal(guess, answer, why)


def _find(number: str) -> model.Exercise | None:
    try:
        return model.find(number)
    except model.Unknown as error:
        view.note(str(error))
        return None

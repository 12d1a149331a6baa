"""What a reader calls: each function finds the exercise, asks the grader or the record, and shows the answer."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from exercises import guard, model, record, state, view
from exercises.keeping import Unkept, portable, restored
from exercises.source import code_of, same_code
from exercises.trial import grade

NOTHING = object()
QUICK = 2  # seconds: what was graded in less is graded a second time, from the text that is kept of it


def check(number: str, answer: Any = NOTHING, keep: bool = True) -> None:
    """Try an answer to an exercise and show what came of it: `check("1.1", read_raw)`.

    With `keep=False` it is only shown: `progress()` and `mine()` stay as they are. An answer that passes and cannot be
    kept as text is told so; the one that passed before it, if any, stays.
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
    began = time.monotonic()
    outcome = grade(exercise, answer)
    if keep and outcome.passed:
        try:
            record.passed(number, _text(exercise, answer, time.monotonic() - began < QUICK))
        except Unkept as why:
            record.passed(number, None)
            outcome = replace(outcome, aside=_not_kept(exercise, str(why)))
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
    """Your own answer, as it was when it last passed and could be kept; if there is none, what the package has for it.

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
        try:
            return restored(saved, exercise.name, _place(exercise))
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


def _text(exercise: model.Exercise, answer: Any, quick: bool) -> str:
    """An answer that has passed as text that defines it again. Unkept unless that text does what the answer does.

    A quick one must pass again, made anew from the text; of one that takes seconds the code is compared.
    """
    if exercise.file:
        return Path(answer).read_text(encoding="utf-8")
    try:
        text = portable(answer, exercise.name)
    except Unkept:
        raise
    except Exception as error:  # of a kind of answer that nobody thought of: it has passed all the same
        raise Unkept(f"cannot be made a text ({error!r})") from error
    anew = guard.run(lambda: restored(text, exercise.name, _place(exercise)), exercise.seconds)
    same = anew.error is None and (quick or code_of(anew.value) == code_of(answer))
    if not same or (quick and not grade(exercise, anew.value).passed):
        raise Unkept("does not pass again when it is made anew from its cell's text alone")
    return text


def _place(exercise: model.Exercise) -> str:
    return f"<your answer to {exercise.number}>"


def _not_kept(exercise: model.Exercise, why: str) -> str:
    older = record.entry(exercise.number).get("answer")
    instead = "the answer of yours that was kept before" if older else "the workbook's version"
    return f"It {why}, so it is not kept: later cells use {instead}."


def reveal(guess: Any, answer: Any, why: str = "") -> None:
    """Settle a prediction: show what was guessed, what is so, and why."""
    view.reveal(guess, answer, why)


def _find(number: str) -> model.Exercise | None:
    try:
        return model.find(number)
    except model.Unknown as error:
        view.note(str(error))
        return None

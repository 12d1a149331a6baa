"""Every exercise: the stub is "not attempted", right answers pass, and each mistake gets its own message."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exercises import model
from exercises.trial import grade

EXERCISES = model.every()
SOURCE = Path(__file__).resolve().parents[2] / "notebooks" / "source"


def each(pick: Callable[[model.Exercise], list[Any]]) -> list[Any]:
    pairs = [(exercise, item) for exercise in EXERCISES for item in pick(exercise)]
    names = [getattr(item, "name", None) or getattr(item, "__name__", "") for _, item in pairs]
    return [pytest.param(e, item, id=f"{e.number}-{name}") for (e, item), name in zip(pairs, names, strict=True)]


def run_alone(text: str, name: str) -> Any:
    """The function that a cell with nothing but this text defines."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, "<cell>", "exec"), namespace)
    return namespace[name]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.number)
def test_stub_is_not_attempted_and_runs_alone(exercise: model.Exercise) -> None:
    stub = run_alone(exercise.stub_text, exercise.name)
    assert exercise.parts["stub"].__name__ == exercise.name
    assert grade(exercise, stub).kind == "untouched"


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.number)
def test_solution_passes_alone(exercise: model.Exercise) -> None:
    outcome = grade(exercise, run_alone(exercise.solution_text, exercise.name))
    assert outcome.passed, outcome


@pytest.mark.parametrize(("exercise", "answer"), each(lambda e: e.rights))
def test_other_right_answer_passes(exercise: model.Exercise, answer: Callable[..., Any]) -> None:
    outcome = grade(exercise, answer)
    assert outcome.passed, outcome


@pytest.mark.parametrize(("exercise", "wrong"), each(lambda e: e.wrongs))
def test_wrong_answer_gets_its_message(exercise: model.Exercise, wrong: model.Wrong) -> None:
    outcome = grade(exercise, wrong.example)
    assert (outcome.kind, outcome.mistake) == ("mistake", wrong.name), outcome
    assert "{" not in outcome.message.replace("{}", "")
    assert "None" not in outcome.message.replace("returned None", "") or "None" in wrong.message


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.number)
def test_declaration_is_complete(exercise: model.Exercise) -> None:
    assert len(exercise.hints) == 3
    assert len(set(exercise.hints)) == 3
    assert len(exercise.wrongs) >= 3
    assert len({wrong.message for wrong in exercise.wrongs}) == len(exercise.wrongs)
    assert exercise.parts["stub"].__doc__, "the stub says what to write"


def test_no_lesson_rebinds_a_name_of_an_exercise() -> None:
    """A later `from etl_core import pending` would have check() look at the package's function."""
    names = {exercise.name for exercise in EXERCISES}
    for path in SOURCE.glob("[0-9][0-9]_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("exercises"):
                found = names & {alias.asname or alias.name for alias in node.names}
                assert not found, f"{path.name}, line {node.lineno}: imports {found}; use it as etl_core.NAME"

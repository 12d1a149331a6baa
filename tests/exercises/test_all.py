"""Every exercise: the stub is "not attempted", right answers pass, and each mistake gets its own message.

In the quick tests each stub and each solution; of those whose check ends real processes, the other answers are slow.
"""

from __future__ import annotations

import ast
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import exercises
from exercises import model
from exercises.trial import grade

EXERCISES = model.every()
ENDS_PROCESSES = ("8.2", "8.3", "8.4", "9.3")
_scenes: dict[str, Path] = {}  # exercise -> the state folder that its scene left
SOURCE = Path(__file__).resolve().parents[2] / "notebooks" / "source"


def each(pick: Callable[[model.Exercise], list[Any]]) -> list[Any]:
    pairs = [(exercise, item) for exercise in EXERCISES for item in pick(exercise)]
    names = [getattr(item, "name", None) or getattr(item, "__name__", "") for _, item in pairs]
    return [
        pytest.param(e, item, id=f"{e.number}-{name}", marks=[pytest.mark.slow] if e.number in ENDS_PROCESSES else [])
        for (e, item), name in zip(pairs, names, strict=True)
    ]


@pytest.fixture(autouse=True)
def scene(request: pytest.FixtureRequest, home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a reader has done before answering, such as a drill: really done, once for all tests of an exercise."""
    exercise = getattr(request.node, "callspec", None) and request.node.callspec.params.get("exercise")
    if not exercise or "scene" not in exercise.parts:
        return
    if exercise.number not in _scenes:
        _scenes[exercise.number] = tmp_path_factory.mktemp("scene")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ETL_HOME", str(_scenes[exercise.number]))
            exercise.parts["scene"]()
    shutil.copytree(_scenes[exercise.number], home)


def given(exercise: model.Exercise, answer: Callable[..., Any], folder: Path) -> Any:
    """What a reader hands to check(): a function, or the path of a file."""
    return written(exercise, answer(), folder) if exercise.file else answer


def written(exercise: model.Exercise, text: str, folder: Path) -> Path:
    (folder / exercise.file).write_text(text, encoding="utf-8")
    return folder / exercise.file


def run_alone(exercise: model.Exercise, text: str, folder: Path) -> Any:
    """The function that a cell with nothing but this text defines, or the file that it writes."""
    if exercise.file:
        return written(exercise, text, folder)
    name = exercise.name
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, "<cell>", "exec"), namespace)
    return namespace[name]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.number)
def test_stub_is_not_attempted_and_runs_alone(exercise: model.Exercise, tmp_path: Path) -> None:
    stub = run_alone(exercise, exercise.stub_text, tmp_path)
    assert exercise.parts["stub"].__name__ == exercise.name
    assert grade(exercise, stub).kind == "untouched"


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.number)
def test_solution_passes_alone(exercise: model.Exercise, tmp_path: Path) -> None:
    outcome = grade(exercise, run_alone(exercise, exercise.solution_text, tmp_path))
    assert outcome.passed, outcome


@pytest.mark.parametrize(("exercise", "answer"), each(lambda e: e.rights))
def test_other_right_answer_passes(exercise: model.Exercise, answer: Callable[..., Any], tmp_path: Path) -> None:
    outcome = grade(exercise, given(exercise, answer, tmp_path))
    assert outcome.passed, outcome


@pytest.mark.parametrize(("exercise", "wrong"), each(lambda e: e.wrongs))
def test_wrong_answer_gets_its_message(exercise: model.Exercise, wrong: model.Wrong, tmp_path: Path) -> None:
    if wrong.name == "zone_of_the_machine" and not hasattr(time, "tzset"):
        pytest.skip("the zone of a process cannot be changed here")
    outcome = grade(exercise, given(exercise, wrong.example, tmp_path))
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


class Half:
    """A class that somebody has half written."""

    def __eq__(self, other: object) -> bool:
        raise NotImplementedError

    def __bool__(self) -> bool:
        raise NotImplementedError

    def __repr__(self) -> str:
        raise NotImplementedError


def items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


FOREIGN: dict[str, Callable[[Any], Any]] = {  # what is returned in place of a right result
    "DataFrame": lambda value: pd.DataFrame({"all": items(value)}),
    "Series": lambda value: pd.Series(items(value), dtype=object),
    "array": lambda value: np.array([*items(value), None], dtype=object)[:-1],
    "Index": lambda value: pd.Index(items(value), dtype=object),
    "NA": lambda value: pd.NA,
    "object": lambda value: Half(),
}
FUNCTIONS = [exercise for exercise in EXERCISES if not exercise.file]


@pytest.mark.slow
@pytest.mark.parametrize("exercise", FUNCTIONS, ids=lambda e: e.number)
def test_whatever_is_returned_check_has_an_answer(exercise: model.Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    for name, make in FOREIGN.items():
        exercises.check(exercise.number, lambda *args, make=make, **kwargs: make([]))
        shown = capsys.readouterr().out
        assert f"{exercise.number}: not yet." in shown, f"{name}: {shown}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "exercise", [e for e in FUNCTIONS if not e.number.startswith(("8.", "9.2"))], ids=lambda e: e.number
)
def test_a_right_result_in_a_strange_box(exercise: model.Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    """Refused, or taken where it does no harm; and a function whose result is not asked for may return anything."""
    solve = exercise.parts["solution"]
    for name, make in FOREIGN.items():
        exercises.check(exercise.number, lambda *args, make=make, **kwargs: make(solve(*args, **kwargs)))
        shown = capsys.readouterr().out
        passed = f"{exercise.number} passed" in shown
        assert passed or f"{exercise.number}: not yet." in shown, f"{name}: {shown}"
        assert passed or solve.__annotations__["return"] != "None" or name == "object", f"{name}: {shown}"


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.number)
def test_the_lesson_announces_it_in_one_way(exercise: model.Exercise) -> None:
    text = next(SOURCE.glob(f"{exercise.lesson}_*.py")).read_text(encoding="utf-8")
    assert f"**Exercise {exercise.number}{' ★' if exercise.star else ''}**" in text

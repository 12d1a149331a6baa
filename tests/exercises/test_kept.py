"""What is kept of an answer that passed: as text, it does the same without the notebook that it was written in."""

from __future__ import annotations

import ast
import itertools
import linecache
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import exercises
from exercises import desk, model, record
from exercises.keeping import Unkept, portable
from exercises.source import code_of
from exercises.trial import Trial

ENDS_PROCESSES = ("8.1", "8.2", "8.3", "8.4")
FUNCTIONS = [
    pytest.param(e, id=e.number, marks=[pytest.mark.slow] if e.number in ENDS_PROCESSES else [])
    for e in model.every()
    if not e.file and "scene" not in e.parts
]
_numbers = itertools.count()


class Notebook(dict):
    """A namespace in which cells are run as a kernel runs them: each is a file of its own to Python."""

    def __init__(self) -> None:
        super().__init__(__name__="__main__")

    def run(self, *cells: str) -> Notebook:
        for text in cells:
            name = f"<cell {next(_numbers)} of a test>"
            linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name
            exec(compile(text, name, "exec", dont_inherit=True), self)
        return self


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[model.Exercise]:
    """An exercise made up for it: `double(n)` is 2n."""
    model.every()
    monkeypatch.setattr(model, "_known", dict(model._known))
    toy = model.Exercise("77.1", "Double", hints=("one", "two", "three"), twin="operator:neg")

    @toy.stub
    def double(n: int) -> int:
        """Twice n."""
        ...

    @toy.solution
    def double(n: int) -> int:  # noqa: F811
        return n + n

    @toy.grade
    def look(t: Trial) -> None:
        for n in (3, 5):
            t.equal(t.call(n, case=f"n = {n}"), 2 * n, f"n = {n}")

    yield toy


def checked(*cells: str) -> str:
    """What is kept as 77.1 when `double` is checked after these cells."""
    exercises.check("77.1", Notebook().run(*cells)["double"])
    return record.entry("77.1").get("answer") or ""


def alone(text: str, expression: str) -> str:
    """What an expression gives in another process that has run this text and nothing else."""
    program = f"{text}\nprint(repr({expression}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def names_within(text: str) -> set[str]:
    """Every parameter, local name and attribute in a text."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        found |= {node.arg} if isinstance(node, ast.arg) else set()
        found |= {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else set()
        found |= {node.attr} if isinstance(node, ast.Attribute) else set()
        found |= {node.name} if isinstance(node, ast.ExceptHandler) and node.name else set()
    return found


def statements(text: str) -> set[str]:
    """What stands in a text, each import by itself."""
    found: set[str] = set()
    for node in ast.parse(text).body:
        names = [[alias] for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else [None]
        found |= {ast.unparse(type(node)(**{**vars(node), "names": one}) if one else node) for one in names}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("exercise", FUNCTIONS)
def test_an_answer_is_kept_whatever_else_has_its_names(
    exercise: model.Exercise, capsys: pytest.CaptureFixture[str]
) -> None:
    text = exercise.solution_text
    top = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    notebook = Notebook()
    notebook.update({name: object() for name in names_within(text) - top})
    notebook.run(text)
    exercises.check(exercise.number, notebook[exercise.name])
    shown = capsys.readouterr().out
    assert f"{exercise.number} passed" in shown and "not kept" not in shown
    kept = record.entry(exercise.number)["answer"]
    assert statements(kept) == statements(text), "this, and nothing of the notebook's"
    assert exercises.mine(exercise.number).__module__ == "__main__", "not the workbook's"


@pytest.mark.parametrize("exercise", FUNCTIONS)
def test_code_is_the_same_with_and_without_its_imports(exercise: model.Exercise) -> None:
    """Of an exercise that takes seconds, the code is all that is compared; and stubs are known by it."""
    for text, function in (
        (exercise.solution_text, exercise.parts["solution"]),
        (exercise.stub_text, exercise.parts["stub"]),
    ):
        assert code_of(Notebook().run(text)[exercise.name]) == code_of(function)


def test_what_was_kept_can_be_checked_again(double: model.Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    kept = checked("from math import *\nFACTOR = int('2')\ndef double(n):\n    return FACTOR * floor(n)\n")
    record.update("77.1", answer=kept, passed=None)
    exercises.check("77.1", exercises.mine("77.1"))
    assert capsys.readouterr().out.endswith("✓ 77.1 passed.\n")
    assert record.entry("77.1")["answer"] == kept


KEPT = {
    "a registry": """
        from functools import singledispatch

        @singledispatch
        def double(n):
            raise TypeError(n)

        @double.register
        def _(n: int):
            return n + n
        """,
    "a registry behind a function": """
        from functools import singledispatch

        @singledispatch
        def of(n):
            raise TypeError(n)

        @of.register(int)
        def whole(n):
            return n + n

        of.register(float, whole)

        def double(n):
            return of(n)
        """,
    "an attribute": """
        def double(n):
            return double.factor * n

        double.factor = int("2")
        """,
    "a table that is filled": """
        FACTORS = {}
        for n in range(10):
            FACTORS[n] = 2

        def double(n):
            return FACTORS[n] * n
        """,
    "things that are no literals": """
        import operator
        from functools import partial as bound
        from datetime import timedelta
        STEP = timedelta(days=2); APPLY = bound(operator.mul)

        def double(n):
            return APPLY(STEP.days, n)
        """,
    "a class of the notebook": """
        class Pair:
            def __init__(self, n):
                self.all = (n, n)

        class Sum(Pair):
            pass

        def double(n):
            return sum(Sum(n).all)
        """,
    "a decorator that leaves no trace": """
        def twice(f):
            def inner(n):
                return f(n) + f(n)
            return inner

        @twice
        def double(n):
            return n
        """,
    "an import that may fail": """
        try:
            import no_such_module as calc
        except ImportError:
            calc = None

        def double(n):
            return n + n if calc is None else calc.double(n)
        """,
    "a lambda with a name": "double = lambda n: n + n",
    "another name": """
        def mine(n):
            return n + n

        double = mine
        """,
    "a memory of its own": """
        seen = {}

        def double(n):
            if seen.setdefault(n, 0) > 3:
                raise ValueError("asked too often")
            seen[n] += 1
            return n + n
        """,
}


@pytest.mark.parametrize("cell", KEPT.values(), ids=KEPT)
def test_what_a_cell_does_for_its_answer_is_kept(
    cell: str, double: model.Exercise, capsys: pytest.CaptureFixture[str]
) -> None:
    text = textwrap.dedent(cell)
    kept = checked("n = inner = whole = object()", text + "\nshown = [double(4)]\nprint(shown, double)\n")
    assert "not kept" not in capsys.readouterr().out
    assert "shown" not in kept
    assert alone(kept, "[double(n) for n in (3, 5)]") == "[6, 10]"
    assert exercises.mine("77.1")(4) == 8


def test_what_other_cells_define_comes_along(double: model.Exercise) -> None:
    kept = checked(
        "from os.path import join\nimport json as j, csv\nrows = [object()]\nlimit = 2\nseconds = 3",
        "class Odd(ValueError):\n    def __str__(self):\n        return 'odd'\nstep = object()",
        "BASE = (int, bool)\n\ndef helper(n):  # of its own cell\n    return isinstance(n, BASE) and limit * n",
        "def double(n, rows=None):\n    seconds = 7\n    if not n:\n        raise Odd(j.dumps(n))\n"
        "    return helper(n) if join('a', 'b') and [step for step in (n,)] else seconds",
    )
    assert alone(kept, "double(4)") == "8"
    assert "import json as j\n" in kept and "class Odd" in kept and "# of its own cell" in kept
    assert not any(name in kept for name in ("csv", "[object", "seconds = 3", "step = object"))


def test_the_cell_that_was_run_last_counts(double: model.Exercise) -> None:
    old, new = (f"def helper(n):\n    return {factor} * n\n" for factor in (3, 2))
    kept = checked(old, "def double(n):\n    return helper(n)\n", new)
    assert alone(kept, "double(4)") == "8" and "3" not in kept


NOT_KEPT = {
    "uses `jobs` of another cell": ["jobs = [object()]", "def double(n):\n    return n + n if jobs else n"],
    "uses `held` of another cell": [
        "held = [{1}, object()]",
        "more = held[:]\ndef double(n):\n    return n * len(more)",
    ],
    "is not defined by a `def` in a cell": ["double = None", "exec('def double(n):\\n    return n + n')"],
    "does not pass again when it is made anew from its cell's text alone": [
        "def double(n):\n    return n * double.factor",
        "double.factor = 2",
    ],
    "is made in one statement with `check`": [
        "from exercises import check\nif True:\n    def double(n):\n        return n + n\n    check('77.1', double)"
    ],
}


@pytest.mark.parametrize(("why", "cells"), NOT_KEPT.items(), ids=NOT_KEPT)
def test_what_cannot_be_kept_is_told(
    why: str, cells: list[str], double: model.Exercise, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(*cells) == ""
    told = f"✓ 77.1 passed.\nIt {why}, so it is not kept: later cells use "
    assert f"{told}the workbook's version.\n" in capsys.readouterr().out
    assert record.entry("77.1")["passed"]
    assert exercises.mine("77.1")(3) == -3, "the twin"
    kept = checked("def double(n):\n    return sum((n, n))")
    capsys.readouterr()
    assert checked(*cells) == kept
    assert f"{told}the answer of yours that was kept before.\n" in capsys.readouterr().out


def test_of_a_slow_exercise_the_code_is_compared(
    double: model.Exercise, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(desk, "QUICK", 0)
    asked = []
    grade = double.parts["grade"]
    double.parts["grade"] = lambda t: (asked.append(1), grade(t))
    assert checked("def double(n):\n    return n + n") and len(asked) == 1
    capsys.readouterr()
    pick = "made = []\n\ndef pick(f):\n    made.append(f)\n    return f if len(made) == 2 else lambda n: -n\n"
    again = "@pick\ndef double(n):\n    return sum((n, n))\n"
    assert "sum" not in checked(pick, again, again)
    assert "made anew from its cell's text alone, so it is not kept" in capsys.readouterr().out


@pytest.mark.parametrize(
    "body",
    ["for k in range(n):\n        time.sleep(0)", "try:\n        os.stat('')\n    except OSError:\n        pass"],
)
def test_a_call_of_a_modules_function_changes_no_code(body: str) -> None:
    """Python compiles it in another way where the import stands in the same text: each jump over it is another one."""
    function = f"def double(n):\n    {body}\n    return 2 * n\n"
    apart = Notebook().run("import os, time", function)["double"]
    together = Notebook().run(f"import os, time\n{function}")["double"]
    assert code_of(apart) == code_of(together)
    other = Notebook().run("import os, time", function.replace("return 2 * n", "return n"))["double"]
    assert code_of(other) != code_of(apart)


def test_imports_are_those_that_the_reader_wrote() -> None:
    cell = "def only_one(path):\n    return FileLock(path, timeout=0)"
    written = f"import filelock, csv\nfrom filelock import Timeout, FileLock\n\n{cell}\n"
    kept = portable(Notebook().run(written)["only_one"], "only_one")
    assert kept == f"from filelock import FileLock\n\n{cell}\n", "the name that works on every system"
    elsewhere = portable(Notebook().run("from filelock import *", cell)["only_one"], "only_one")
    assert elsewhere == kept
    of_parts = "import urllib.error\nimport urllib.request\n\ndef code(error):\n    return urllib.error, urllib.request"
    kept = portable(Notebook().run(of_parts)["code"], "code")
    assert {"import urllib.error", "import urllib.request"} <= set(kept.splitlines())


def test_what_another_function_made_is_kept_with_what_it_has_of_it() -> None:
    def made(factor: Any) -> Callable[[int], int]:
        def double(n: int) -> int:
            return factor * n

        return double

    assert alone(portable(made(2), "double"), "double(4)") == "8"
    with pytest.raises(Unkept, match="uses `factor` of another cell"):
        portable(made(object()), "double")


def test_the_workbooks_own_is_not_kept_as_the_readers(capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check("5.3", model.find("5.3").parts["solution"])
    assert "It is the workbook's own, so it is not kept" in capsys.readouterr().out


def test_an_answer_of_a_file_of_the_readers(
    double: model.Exercise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "readers_own.py").write_text("FACTOR = int('2')\n\n\ndef double(n):\n    return FACTOR * n\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    kept = checked("from readers_own import double")
    monkeypatch.delitem(sys.modules, "readers_own")
    assert alone(kept, "double(4)") == "8"


def test_an_error_in_a_kept_answer_shows_its_line(double: model.Exercise) -> None:
    checked("def double(n):\n    return n + n  # here\n")
    with pytest.raises(TypeError) as raised:
        exercises.mine("77.1")(None)
    assert "return n + n  # here" in "".join(traceback.format_exception(raised.value))

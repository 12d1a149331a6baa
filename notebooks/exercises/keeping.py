"""An answer as text that runs by itself: its own lines, and what it uses of the notebook that it was written in.

Kept are the statements of the reader's cells that make a needed name or change it: `def`, `class`, `KINDS = (…)`, and
`@answer.register`, `answer.kinds = …`, `KINDS.append(…)`. Needed are names that are global in what is kept already: not
a parameter or a local name, even if the notebook has a variable of that name.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import sys
import textwrap
import types
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from exercises.cells import (
    DEFINES,
    Cell,
    as_imported,
    cells_of,
    changes,
    global_names,
    made_in,
    makes,
    parsed,
    texts_with,
    unwrapped,
)

Scope = dict[str, Any]


class Unkept(Exception):
    """There is no such text. The message goes on after "It": "uses `jobs` of another cell"."""


@dataclass
class Found:
    """What is needed so far. `cells` are in the order in which they were run; `kept` are places in them."""

    scope: Scope
    cells: list[Cell]
    homes: set[int] = field(default_factory=set)  # the answer's own cell, and those with functions that it uses
    done: set[str] = field(default_factory=set)
    above: list[str] = field(default_factory=list)  # imports, and values that are literals
    kept: set[tuple[int, int]] = field(default_factory=set)


def portable(answer: Any, name: str) -> str:
    """Source that defines `answer` under `name` in an empty namespace.

    Raises Unkept where that cannot be had. Whether the text does what the answer does is for the caller to try.
    """
    plain = unwrapped(answer)
    if str(getattr(plain, "__module__", "")).startswith("exercises."):
        raise Unkept("is the workbook's own")
    scope = _scope_of(plain)
    found = Found(scope, cells_of(plain, scope))
    called = next((known for known in (name, _name_of(plain), *scope) if scope.get(known) is answer), "")
    place, last = made_in(called, answer, found.cells), ""
    if called and (place is not None or as_imported(called, answer, found.cells)):
        found.homes = {place} - {None}
        _take(called, found)
    elif _of_library(plain):
        called, found.above = name, [_public(name, plain)]
    else:
        called, last = _name_of(plain), _definition(plain)
        _take_closure(plain, found)
        _take_all_in(last, found)
    parts = ["\n".join(dict.fromkeys(found.above))]
    parts += [found.cells[cell].source(found.cells[cell].body[n]) for cell, n in sorted(found.kept)]
    parts += [last, f"{name} = {called}" if called != name else ""]
    return "\n\n".join(filter(None, parts)) + "\n"


def restored(text: str, name: str, file: str) -> Any:
    """What a text from `portable` defines under `name`, made anew; `file` is what a traceback calls its place.

    Annotations in it are not evaluated, as this module's are not (`compile` inherits that).
    """
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file  # a traceback shows its lines
    namespace: Scope = {"__name__": "__main__"}
    exec(compile(text, file, "exec"), namespace)
    return namespace[name]


def _take(name: str, found: Found, optional: bool = False) -> None:
    """Note what it takes to have `name` as it is in the scope. Unkept if that cannot be had and is not optional."""
    if name in found.done or name not in found.scope:  # a builtin, or a name that nobody knows
        return
    found.done.add(name)
    value = found.scope[name]
    home = str(getattr(value, "__module__", None))
    if (there := getattr(builtins, name, None)) and (unwrapped(value) is there or home.startswith("IPython.")):
        return  # a kernel has an `open` and an `exit` of its own
    if name == "check" and home == "exercises.desk":
        raise Unkept("is made in one statement with `check`")
    if lines := as_imported(name, value, found.cells):
        found.above += lines
        return
    place = made_in(name, value, found.cells)
    cell = found.cells[place] if place is not None else Cell("", [])
    if place in found.homes or any(isinstance(one, DEFINES) and one.name == name for one in cell.body):
        found.homes.add(place)
        for n, statement in enumerate(cell.body):
            if (place, n) not in found.kept and (makes(statement, name) or changes(statement, name)):
                found.kept.add((place, n))
                _take_all_in(cell.source(statement), found, optional)
    elif line := _public(name, value) or _literal(name, value):
        found.above.append(line)
    elif optional:
        found.done.remove(name)
    else:
        raise Unkept(f"uses `{name}` of another cell")


def _take_closure(plain: types.FunctionType, found: Found) -> None:
    """What a function made by another one has of that one counts as global."""
    own = texts_with(plain)
    found.homes = {n for n, cell in enumerate(found.cells) if cell.text in own}
    inner = zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=True)
    found.scope = found.scope | {name: cell.cell_contents for name, cell in inner}
    found.done.add(plain.__name__)


def _take_all_in(text: str, found: Found, optional: bool = False) -> None:
    """The same for all that a text uses. What stands only in annotations comes along where it can be had."""
    bare = ast.parse(text)
    for node in ast.walk(bare):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    needed = global_names(ast.unparse(bare))
    for name in sorted(global_names(text)):
        _take(name, found, optional or name not in needed)


def _public(name: str, value: Any) -> str:
    """How to import a thing of which only the value is known: from the shortest module that has it."""
    if isinstance(value, types.ModuleType):
        return f"import {value.__name__} as {name}" if value.__name__ != name else f"import {name}"
    home, called = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(home, str) or home == "__main__" or not isinstance(called, str):
        return ""
    for module in accumulate(home.split("."), "{}.{}".format):
        for attribute in (name, called):
            if module in sys.modules and getattr(sys.modules[module], attribute, None) is value:
                return f"from {module} import {attribute}" + (f" as {name}" if attribute != name else "")
    return ""


def _literal(name: str, value: Any) -> str:
    try:
        same = type(ast.literal_eval(repr(value))) is type(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""
    return f"{name} = {value!r}" if same else ""


def _name_of(plain: Any) -> str:
    return str(getattr(plain, "__name__", ""))


def _scope_of(plain: Any) -> Scope:
    """The namespace that the answer was written in: its module's, or the notebook's."""
    if isinstance(plain, types.FunctionType) and not _of_library(plain):
        return plain.__globals__
    home = plain.__module__ if isinstance(plain, type) and not _of_library(plain) else "__main__"
    return vars(sys.modules[home if home in sys.modules else "__main__"])


def _of_library(plain: Any) -> bool:
    """Is it from somewhere else altogether, such as `FileLock` itself?"""
    home = sys.modules.get(str(getattr(plain, "__module__", None)))
    file = getattr(home, "__file__", None) or ""
    return (
        home is not None
        and home.__name__ != "__main__"
        and (not file or "site-packages" in file or file.startswith(sys.base_prefix))
    )


def _definition(plain: Any) -> str:
    """The `def` of a function that has no name in its notebook, being made by another one."""
    try:
        text = textwrap.dedent(inspect.getsource(plain)) if isinstance(plain, types.FunctionType) else ""
    except OSError:
        text = ""
    tree = parsed(text)
    if tree is None or not tree.body or not isinstance(tree.body[0], ast.FunctionDef):
        raise Unkept("is not defined by a `def` in a cell")
    return text.rstrip()

"""What was run in a notebook, as Python: its cells, and which of their statements make or change a name."""

from __future__ import annotations

import ast
import linecache
import symtable
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from exercises.source import only_names

DEFINES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
LATER = DEFINES | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp  # have names of their own


@dataclass(frozen=True)
class Cell:
    """What was run, as Python, and its top-level statements."""

    text: str
    body: list[ast.stmt]

    def source(self, statement: ast.stmt) -> str:
        """The lines of a statement, with its decorators and comments."""
        first, last = _lines(statement)
        beside = [_lines(other) for other in self.body if other is not statement]
        if any(begin <= last and end >= first for begin, end in beside):
            return ast.unparse(statement)  # two in one line
        return "\n".join(self.text.splitlines()[first - 1 : last])


def cells_of(plain: Any, scope: dict[str, Any]) -> list[Cell]:
    """What was run in this namespace, in order: the notebook's cells, or the files that functions in it are from."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    notebook = shell is not None and vars(shell.user_module) is scope
    run = [text.strip() for text in (shell.user_ns.get("In", []) if notebook else [])]
    run = list(dict.fromkeys(reversed(run)))[::-1]  # a cell that was run again counts where it was run last
    others = [text for value in [*scope.values(), plain] for text in texts_with(value, scope)]
    texts = [text for text in dict.fromkeys(others) if text not in run] + run
    return [Cell(text, tree.body) for text in texts if (tree := parsed(text))]


def texts_with(value: Any, scope: dict[str, Any] | None = None) -> list[str]:
    """The cells or files with the code of a function, or of a class's methods; with `scope`, only what is of it."""
    parts = [value, *vars(value).values()] if isinstance(value, type) else [value]
    plain = [one for part in parts if isinstance(one := unwrapped(part), types.FunctionType)]
    files = dict.fromkeys(one.__code__.co_filename for one in plain if scope is None or one.__globals__ is scope)
    return [text for file in files if (text := "".join(linecache.getlines(file)).strip())]


def unwrapped(value: Any) -> Any:
    """What a decorator was put around (as functools.wraps notes it), or the value itself; asks no `__getattr__`."""
    own = getattr(value, "__dict__", None) if not isinstance(value, type) else None
    return unwrapped(own["__wrapped__"]) if isinstance(own, dict) and "__wrapped__" in own else value


def parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def global_names(text: str) -> set[str]:
    """The names that a text uses and that are neither parameters nor local in it, builtins included."""
    names: set[str] = set()
    tables = [symtable.symtable(text, "<cell>", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        everything = table.get_type() == "module"
        names |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (everything or s.is_global())}
    return names


def as_imported(name: str, value: Any, cells: list[Cell]) -> list[str]:
    """The import that the reader wrote for it, cut down to this name; all of them for `import a.b` and `import a.c`."""
    lines: dict[str, None] = {}
    for statement in (one for cell in reversed(cells) for one in reversed(cell.body)):
        if isinstance(statement, ast.Import | ast.ImportFrom) and (line := only_names(statement, {name})):
            namespace: dict[str, Any] = {}
            try:
                exec(line, namespace)
            except Exception:  # the cell with it has failed, too
                continue
            if namespace.get(name) is value:
                lines[line] = None
                if isinstance(statement, ast.ImportFrom):
                    break
    return list(lines)


def made_in(name: str, value: Any, cells: list[Cell]) -> int | None:
    """Which cell has made it: of a function the one with its code, otherwise the last one that makes such a name."""
    making = [n for n, cell in enumerate(cells) if any(makes(statement, name) for statement in cell.body)]
    own = texts_with(value)
    return next((n for n in reversed(making) if cells[n].text in own), making[-1] if making else None)


def makes(statement: ast.stmt, name: str) -> bool:
    """Does it bind the name in its cell, by `def`, `=`, `for`, `with`, an `import` in a `try` …?"""
    for node in _at_once(statement):
        if isinstance(node, DEFINES):
            bound = node.name
        elif isinstance(node, ast.alias):
            bound = node.asname or node.name.split(".")[0]
        else:
            bound = node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else None
        if bound == name:
            return True
    return False


def changes(statement: ast.stmt, name: str) -> bool:
    """Does it set a part of what has the name, register with it, or call a method of it for the effect?"""
    for node in _at_once(statement):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            used = [node]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            used = [node.value.func]
        else:
            used = node.decorator_list if isinstance(node, DEFINES) else []
        if any(not isinstance(one, ast.Name) and _root(one) == name for one in used):
            return True
    return False


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _at_once(node: ast.AST) -> Iterator[ast.AST]:
    """The statement and what is in it, but for what has names of its own, such as the body of a function."""
    yield node
    if not isinstance(node, LATER):
        for child in ast.iter_child_nodes(node):
            yield from _at_once(child)


def _lines(statement: ast.stmt) -> tuple[int, int]:
    first = min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", []))])
    return first, statement.end_lineno or first

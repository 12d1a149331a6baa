"""The source of a function of the workbook, as text that runs by itself; and code that can be compared."""

from __future__ import annotations

import ast
import dis
import inspect
import textwrap
import types
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

JUMPS = {*dis.hasjrel, *dis.hasjabs}


def text_of(function: Callable[..., Any]) -> str:
    """A function's source with the imports it uses, without the decorators that declare it as part of an exercise."""
    lines, tree = _parsed(function)
    own = [node.lineno for node in tree.decorator_list if not _declares(node)]
    body = "\n".join(lines[min([*own, tree.lineno]) - 1 :]).rstrip()
    tree.decorator_list = tree.decorator_list[len(tree.decorator_list) - len(own) :]
    module = ast.parse(inspect.getsource(inspect.getmodule(function)))
    imports = [node for node in module.body if isinstance(node, ast.Import | ast.ImportFrom)]
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - _names_imported_in(tree)
    needed = [text for node in imports if (text := only_names(node, used))]
    return "\n".join(needed) + "\n\n\n" + body + "\n" if needed else body + "\n"


def code_of(answer: Any) -> tuple[Any, ...] | None:
    """What a function does, comparable: equal for equal code, whatever its docstring, comments or place."""
    code = getattr(inspect.unwrap(answer) if callable(answer) else answer, "__code__", None)
    return _comparable(code) if code else None


def same_code(one: str, other: str) -> bool:
    """Whether two texts of modules do the same, whatever their docstrings, comments and layout."""
    try:
        return _bare(one) == _bare(other)
    except SyntaxError:
        return one == other


def _bare(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def _comparable(code: types.CodeType) -> tuple[Any, ...]:
    """Calls of `module.function()` are compiled in another way, and longer, where the `import` stands in the same text:
    where a jump goes to is counted in what is left of the steps."""
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("NOP", "PUSH_NULL", "EXTENDED_ARG")]
    places = [step.offset for step in steps]
    values = tuple(
        bisect_left(places, step.argval) if step.opcode in JUMPS else _constant(step.argval) for step in steps
    )
    names = tuple(step.opname.replace("LOAD_METHOD", "LOAD_ATTR") for step in steps)
    return code.co_varnames[: code.co_argcount], names, values


def _constant(value: Any) -> Any:
    if isinstance(value, types.CodeType):
        return _comparable(value)
    # A set of constants has no order of its own: it differs from process to process.
    return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)


def _parsed(function: Callable[..., Any]) -> tuple[list[str], ast.stmt]:
    text = textwrap.dedent(inspect.getsource(function))
    return text.splitlines(), ast.parse(text).body[0]


def _declares(decorator: ast.expr) -> bool:
    """Is it one of an exercise (`@one.stub`, `@one.wrong(…)`)? They stand above those that belong to the function."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Attribute) and called.attr in ("stub", "solution", "wrong", "right", "grade")


def only_names(node: ast.Import | ast.ImportFrom, used: set[str]) -> str:
    """An import statement cut down to the names that are used; nothing if none is."""
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return ""
    names = [alias for alias in node.names if (alias.asname or alias.name.split(".")[0]) in used]
    return ast.unparse(type(node)(**{**vars(node), "names": names})) if names else ""


def _names_imported_in(tree: ast.AST) -> set[str]:
    inner = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name.split(".")[0] for node in inner for alias in node.names}

"""How answers, hints and progress look: HTML where a notebook shows it, plain text in a terminal."""

from __future__ import annotations

import sys
from html import escape
from typing import Any

from exercises.model import Exercise
from exercises.tools.compare import same, show
from exercises.trial import Outcome

# A colour and a sign for each kind of message. JupyterLab takes var(--jp-…) out of outputs that it did not see made: so
# these are colours that can be read on light and on dark; texts keep the colour of the theme.
LOOKS = {
    "passed": ("#2e9e4f", "✓"),
    "raised": ("#d9423a", "!"),
    "mistake": ("#d97706", "→"),
    "wrong": ("#d97706", "≠"),
    "info": ("#2b7fd0", "i"),
    "quiet": ("#808080", "·"),
}
GREY = "color: #808080"
CODE = (
    "margin: 4px 0 0; padding: 4px 8px; white-space: pre-wrap; font-size: 92%; "
    "background-color: rgba(128, 128, 128, 0.12)"
)


def note(text: str) -> None:
    """One grey line."""
    _show(text, f'<div style="{GREY}">{_prose(text)}</div>')


def outcome(found: Outcome) -> None:
    number = found.exercise.number
    if found.kind == "waiting":  # for something that the reader does elsewhere
        note(f"{number}: {found.message}")
        return
    if found.kind == "untouched":
        note(f'{number} is waiting for your code. hint("{number}") helps. {found.message}'.strip())
        return
    head = f"{number} passed." if found.passed else f"{number}: not yet."
    parts = [("prose", found.message)]
    if found.case:
        parts.append(("prose", f"Tried with: {found.case}"))
    if found.detail:
        parts.append(("code", found.detail))
    if found.printed.strip() and not found.passed:
        parts += [("prose", "Your code printed:"), ("code", _head(found.printed))]
    _box(found.kind, head, [*parts, ("grey", found.aside)])


def hints(exercise: Exercise, level: int) -> None:
    total = len(exercise.hints)
    parts = [("prose", f"{n}. {text}") for n, text in enumerate(exercise.hints[:level], 1)]
    more = f'solution("{exercise.number}") shows one way.' if level == total else "Call it again for the next."
    _box("info", f"Hint {level} of {total} for {exercise.number}. {more}", parts)


def solution(exercise: Exercise) -> None:
    _box("info", f"One way to solve {exercise.number}:", [("code", exercise.solution_text.strip())])


def reveal(guess: Any, answer: Any, why: str) -> None:
    if guess is None or guess is ...:
        head = f"It is {_said(answer)}. (Take a guess first: it makes the answer stick.)"
        _box("quiet", "", [("prose", head), ("prose", why)])
    elif same(guess, answer) or _bare(guess) == _bare(answer):
        _box("passed", f"As you said: {_said(answer)}.", [("prose", why)])
    else:
        _box("info", f"You said {_said(guess)}; it is {_said(answer)}.", [("prose", why)])


def progress(exercises: list[Exercise], known: dict[str, dict[str, Any]], more: str) -> None:
    marks = {e.number: _mark(known.get(e.number, {})) for e in exercises}
    done = sum(mark == "✓" for mark in marks.values())
    lessons: dict[str, list[Exercise]] = {}
    for exercise in exercises:
        lessons.setdefault(exercise.lesson, []).append(exercise)
    one = len(lessons) == 1
    named = {
        e.number: f"{marks[e.number]} {e.number}{'★' if e.star else ' '}{f' {e.title}' if one else ''}"
        for e in exercises
    }
    rows = [[e] for e in exercises] if one else list(lessons.values())
    legend = f"{done} of {len(exercises)} passed.  ✓ passed  ~ tried  · open  ★ pass this one before moving on.  {more}"
    lines = ["   ".join(named[e.number] for e in row).rstrip() for row in rows]
    table = "".join(f"<tr>{''.join(_square(e, marks[e.number], named[e.number]) for e in row)}</tr>" for row in rows)
    html = f'<table style="margin-left: 0">{table}</table><div style="{GREY}">{_prose(legend.rstrip())}</div>'
    _show("\n".join([*lines, legend.rstrip()]), html)


def _square(exercise: Exercise, mark: str, text: str) -> str:
    colour = {"✓": LOOKS["passed"][0], "~": LOOKS["mistake"][0]}.get(mark, LOOKS["quiet"][0])
    return (
        f'<td title="{escape(exercise.title)}" style="text-align: left; border-left: 4px solid {colour}">'
        f"{escape(text.strip())}</td>"
    )


def _mark(entry: dict[str, Any]) -> str:
    return "✓" if entry.get("passed") else "~" if entry.get("tries") else "·"


def _box(kind: str, head: str, parts: list[tuple[str, str]]) -> None:
    """A message with a coloured edge. `parts`: "prose", "grey" or "code", each with a text; empty ones are left out."""
    colour, sign = LOOKS[kind]
    parts = [(how, text) for how, text in parts if text]
    lines = [f"{sign} {head}".rstrip()] if head else []
    body = [f'<b><span style="color: {colour}">{sign}</span> {_prose(head)}</b>'] if head else []
    for how, text in parts:
        lines.append("\n".join("    " + line for line in text.splitlines()) if how == "code" else text)
        tag = {"code": f'pre style="{CODE}"', "grey": f'div style="{GREY}"'}.get(how, "div")
        body.append(f"<{tag}>{escape(text) if how == 'code' else _prose(text)}</{tag.split()[0]}>")
    edge = f"border-left: 4px solid {colour}; padding: 4px 12px; max-width: 900px"
    _show("\n".join(lines), f'<div style="{edge}">{"".join(body)}</div>')


def _prose(text: str) -> str:
    """HTML of a text in which `code` is set as code."""
    pieces = escape(text, quote=False).split("`")
    if len(pieces) % 2 == 0:
        return "`".join(pieces)
    return "".join(f"<code>{piece}</code>" if n % 2 else piece for n, piece in enumerate(pieces))


def _said(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:,}" if type(value) in (int, float) else show(value)


def _bare(value: Any) -> str:
    """A guess as it is meant: "5:30" is 05:30, "2,682" is 2682, "No" is no, 30 % is 30."""
    return str(value).strip().rstrip("% ").replace(",", "").lower().lstrip("0") or "0"


def _head(text: str, lines: int = 10) -> str:
    shown = text.rstrip().lstrip("\n").splitlines()
    return "\n".join(shown[:lines]) + (f"\n… and {len(shown) - lines} lines more" if len(shown) > lines else "")


def _show(text: str, html: str) -> None:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and hasattr(shell, "kernel"):
        from IPython.display import display

        display({"text/plain": text, "text/html": html}, raw=True)
    else:
        print(text)

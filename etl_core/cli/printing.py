"""Where output goes: results on stdout, messages on stderr, colour only on a terminal, nothing read as markup."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

PLAIN_WIDTH = 160  # of a table that goes into a pipe or a file, unless COLUMNS says otherwise


def console(err: bool = False) -> Console:
    """A rich console on stdout, or stderr."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else PLAIN_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def print_rich(what: RenderableType, out: Console | None = None) -> None:
    """Print on stdout; into a pipe or a file without the blanks that pad lines to the width."""
    out = out or console()
    if out.is_terminal:
        out.print(what, crop=False)
        return
    with out.capture() as captured:
        out.print(what, crop=False)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_json(document: Any) -> None:
    """One JSON document, and nothing else on stdout."""
    click.echo(json.dumps(document, indent=2))


def note(message: str) -> None:
    """A message on stderr."""
    click.echo(message, err=True)


def signed(status: str) -> Text:
    """A status with its sign and colour."""
    from rich.text import Text

    from etl_core.views.words import STATES

    sign, colour, _ = STATES[status]
    return Text(f"{sign} {status}", style=colour)

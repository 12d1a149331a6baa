"""Where output goes: results on stdout, messages on stderr, colour only on a terminal, nothing read as markup."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
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


def table(*columns: str, right: Collection[str] = (), gap: int = 2) -> Table:
    """An empty table in the style of all lists: no lines, its columns as wide as what is in them."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim")
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    return made


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

"""The `etl` command: the manual path, with no scheduler running, and a look at all that happened.

Each command lives in a module that is imported when the command is used, and imports what is heavy in its function:
`etl history` needs no pandas. Exit codes: 0 done, 1 the work failed or the answer is no, 2 bad usage.
"""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, TextIO

import click

from etl_core.errors import BadParameter, EtlError

if TYPE_CHECKING:
    from etl_core.pipeline import Pipeline

FLIGHTS = "etl_core:flights"
COMMANDS = {
    "run": "etl_core.cli.work:run",
    "backfill": "etl_core.cli.work:backfill",
    "pending": "etl_core.cli.look:pending",
    "history": "etl_core.cli.past:history",
    "show": "etl_core.cli.past:show",
    "status": "etl_core.cli.look:status",
    "verify": "etl_core.cli.care:verify",
    "schedule": "etl_core.cli.schedule:schedule",
    "schedules": "etl_core.cli.schedule:schedules",
    "prune": "etl_core.cli.care:prune",
}
FIRST = ("run", "backfill", "pending", "history", "show")


@dataclass(frozen=True)
class Chosen:
    """What `--pipeline` names. It is imported when a command asks for it, not before."""

    target: str | None = None

    @cached_property
    def pipeline(self) -> Pipeline:
        """Of a module that is importable, or in the working directory; BadParameter if there is none."""
        from etl_core.pipeline import find_pipeline

        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())  # as `python -m` does
        try:
            return find_pipeline(self.target or FLIGHTS)
        except BadParameter as error:
            raise BadParameter(f"--pipeline: {error}") from error

    @property
    def option(self) -> str:
        """What to put behind `etl` so that a suggested command means the same pipeline."""
        return f"--pipeline {self.target} " if self.target not in (None, FLIGHTS) else ""


class Failed(click.ClickException):
    """One line on stderr, and the exit code: 1, or 2 for what was asked wrongly."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def show(self, file: TextIO | None = None) -> None:
        click.echo(click.style("Error: ", fg="red", bold=True) + self.format_message(), file=file, err=file is None)


class Commands(click.Group):
    """A group whose commands are imported when they are called, and whose errors become a line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        return getattr(import_module(module), name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            ctx.fail(
                f"There is no command {args[0]!r}; " + (f"did you mean {near[0]!r}?" if near else "see etl --help.")
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        others = [name for name in COMMANDS if name not in FIRST]
        for title, names in (("First", FIRST), ("Later", others)):
            with formatter.section(title):
                formatter.write_dl([(name, self.get_command(ctx, name).get_short_help_str(80)) for name in names])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BadParameter as error:
            raise Failed(str(error), exit_code=2) from error
        except EtlError as error:
            raise Failed(str(error)) from error
        except KeyboardInterrupt:
            raise Failed("interrupted") from None
        except OSError as error:
            if error.errno == errno.ENOSPC and error.filename is None:
                raise Failed("the output cannot be written: the disk is full") from error
            raise
        except Exception as error:
            if type(error).__module__.startswith("sqlalchemy.") and getattr(error, "orig", None):
                raise Failed(f"the database says: {str(error.orig).splitlines()[0]}") from error
            raise


EPILOG = """\b
Each command tells more: etl run --help.

\b
The Tab key completes commands, days and run ids after this line in
  ~/.bashrc                   eval "$(_ETL_COMPLETE=bash_source etl)"
  ~/.zshrc                    eval "$(_ETL_COMPLETE=zsh_source etl)"
  ~/.config/fish/config.fish  _ETL_COMPLETE=fish_source etl | source
"""


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--pipeline",
    "target",
    metavar="MODULE:NAME",
    help=f"The pipeline to work on, importable or in the working directory.  [default: {FLIGHTS}]",
)
@click.pass_context
def etl(ctx: click.Context, target: str | None) -> None:
    """Load days of flights into the warehouse, and see what happened.

    \b
      etl run 2013-01-15                   load one day
      etl backfill 2013-01-01 2013-01-31   load what is pending of a month
      etl show last                        how the newest run went
    """
    ctx.obj = Chosen(target)


def main() -> None:
    """The console command. A terminal that cannot show a character gets a question mark, not an error."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever started this has closed it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        if hasattr(stream := getattr(sys, name), "reconfigure"):
            stream.reconfigure(errors="replace")
    etl.main(prog_name="etl", windows_expand_args=False)

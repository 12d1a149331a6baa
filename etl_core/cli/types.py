"""Kinds of arguments: how they are checked, and how the Tab key completes them."""

from __future__ import annotations

import re
from typing import Any

import click
from click.shell_completion import CompletionItem

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Day(click.ParamType):
    """A day as text; the command says what is wrong with it. Tab completes what has landed, month by month."""

    name = "day"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from etl_core import settings
        from etl_core.cli import Chosen

        try:
            if "://" in settings.current().landing:
                return []  # a server's answer may take longer than a key press
            chosen = Chosen(ctx.find_root().params.get("target"))
            return [CompletionItem(str(day)) for day in chosen.pipeline.landed() if str(day).startswith(incomplete)]
        except Exception:
            return []


class RunId(click.ParamType):
    """The beginning of a run's id, or "last". Tab completes the newest fifty."""

    name = "run"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from etl_core import history

        try:
            runs = history.newest_runs(limit=50)
        except Exception:
            return []
        known = {"last": "the newest run"} | {run.run_id[:8]: f"{run.interval}, {run.status}" for run in runs}
        return [CompletionItem(run, help=what) for run, what in known.items() if run.startswith(incomplete)]


class Duration(click.ParamType):
    """90m, 24h, 2d, or seconds; becomes seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = _DURATION.fullmatch(str(value))
        if not match:
            self.fail(f"found {value!r}, expected a duration such as 90m, 24h, 2d, or a number of seconds", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]


DAY, RUN, DURATION = Day(), RunId(), Duration()

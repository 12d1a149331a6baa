"""A report for the terminal, by rich: 80 columns are enough, more are used."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from etl_core.views.report import NUMBERS, Bar, Report
from etl_core.views.words import STATES, clean, first_line, instant, number, seconds


def as_text(report: Report) -> RenderableType:
    """All sections that have something to say."""
    more = (line for section in (_rejected, _error, _events, _next) for line in section(report))
    return Group(_header(report), _Timeline(report), *more)


def _header(report: Report) -> Table:
    run = report.run
    sign, colour, _ = STATES[report.state]
    title = Text.assemble(
        (f"{sign} {report.state}", f"bold {colour}"), f"  {run.pipeline} ", (str(run.interval), "bold")
    )
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("run", run.run_id)
    for name, value in header_lines(report):
        table.add_row(name, clean(value))
    return Group(title, _indented(table))


def header_lines(report: Report) -> list[tuple[str, str]]:
    """The run in words, line by line; also for the HTML form."""
    run = replace(report.run, **report.committed)
    lines = [
        ("started by", f"{run.trigger}, attempt {run.attempt}"),
        ("when", f"{instant(run.started_at)} UTC{_took(report)}"),
        ("where", f"pid {run.pid} on {run.host}"),
    ]
    if run.rows_loaded is None:
        read = "" if run.rows_extracted is None else f", {run.rows_extracted:,} read"
        lines.append(("rows", f"none loaded{read}"))
    else:
        all_told = run.rows_extracted == run.rows_loaded + (run.rows_rejected or 0)
        read = f"{run.rows_extracted:,} read {'=' if all_told else 'and'} " if run.rows_extracted is not None else ""
        lines.append(("rows", f"{read}{run.rows_loaded:,} loaded + {number(run.rows_rejected)} rejected"))
    if run.notebook:
        lines.append(("notebook", run.notebook))
    if len(report.attempts) > 1:
        chain = "  →  ".join(f"{each.run_id[:8]} {each.status}" for each in report.attempts)
        lines.append(("attempts", chain))
    return lines


def _took(report: Report) -> str:
    if report.duration is None:
        return f", ended by {instant(report.run.finished_at)}" if report.run.finished_at else ""
    return f", {'for ' if report.run.status == 'running' else 'took '}{seconds(report.duration)}"


class _Timeline:
    """A line an attempt of a stage; the bars share what the width leaves."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.report.stages:
            yield Text("\nNo stage had begun.")
            return
        width = max(12, min(60, options.max_width - 54))
        table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
        for name in ("stage", "", *NUMBERS):
            table.add_column(name, justify="right" if name in NUMBERS else "left", no_wrap=True)
        for bar in self.report.timeline:
            sign, colour, _ = STATES[bar.stage.status]
            table.add_row(
                Text(f"{sign} {bar.name}", style=colour), Text(_drawn(bar, width), style=colour), *bar.numbers
            )
        yield Text()
        yield _indented(table)


def _drawn(bar: Bar, width: int) -> str:
    """The attempt's part of a line of `width` cells, at least one cell."""
    begin = min(width - 1, int(bar.begin * width))
    end = max(begin + 1, min(width, round(bar.end * width)))
    return " " * begin + "━" * (end - begin) + " " * (width - end)


def _rejected(report: Report) -> list[RenderableType]:
    if not report.rejected:
        return []
    lines: list[RenderableType] = [_title("rejected")]
    for each in report.rejected:
        row = Text(each.place + first_line(each.example["row"]), style="dim", overflow="ellipsis", no_wrap=True)
        lines.append(_indented(Text.assemble((f"{each.count:,} × ", "bold yellow"), clean(each.told))))
        lines.append(_indented(row, 4))
    return lines


def _error(report: Report) -> list[RenderableType]:
    run = report.run
    if not run.error:
        return []
    lines: list[RenderableType] = [_title("error"), _indented(Text(clean(run.error), style="red"))]
    for frame in report.frames:
        lines.append(_indented(Text.assemble((f"{clean(frame.place)} ", "dim"), f"in {frame.function}")))
        if frame.source:
            lines.append(_indented(Text(clean(frame.source), style="bold"), 4))
    return [*lines, *(_indented(Text(line, style="dim")) for line in other_errors(report))]


def other_errors(report: Report) -> list[str]:
    """The errors of attempts before the last one, each once, where they are not the run's own."""
    failed = [stage for stage in report.stages if stage.status == "failed"]
    texts = {f"{stage.error_type}: {first_line(stage.error)}": stage for stage in failed}
    return [
        f"before: {stage.stage}, attempt {stage.attempt}: {text}"
        for text, stage in texts.items()
        if text != first_line(report.run.error)
    ]


def event_lines(report: Report) -> list[str]:
    """What happened besides; also for the HTML form."""
    return [f"{instant(event.at)}  {event.kind}: {event.message}" for event in report.events]


def _events(report: Report) -> list[RenderableType]:
    lines = event_lines(report)
    return [_title("events"), *(_indented(Text(clean(line))) for line in lines)] if lines else []


def _next(report: Report) -> list[RenderableType]:
    lines: list[RenderableType] = [_title("what to do next")]
    for sentence, command in report.advice:
        lines.append(_indented(Text(clean(sentence))))
        if command:
            lines.append(_indented(Text(clean(command), style="cyan"), 4))
    lines.append(_title("the same again"))
    # never wrapped: a command is there to be copied
    commands = (
        Text(f"  {clean(command)}", "cyan", no_wrap=True, overflow="ignore") for command in report.commands.values()
    )
    return [*lines, *commands]


def _title(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _indented(what: RenderableType, by: int = 2) -> RenderableType:
    return Padding(what, (0, 0, 0, by), expand=False)

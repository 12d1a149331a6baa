"""A report for a notebook: HTML with its styles inline, in JupyterLab's colours, light or dark; all text escaped."""

from __future__ import annotations

from html import escape

from etl_core.views.report import NUMBERS, Bar, Report
from etl_core.views.report_text import event_lines, header_lines, other_errors
from etl_core.views.words import STATES, clean

LINE = "var(--jp-border-color2, rgba(128, 128, 128, 0.4))"
PALE = "var(--jp-layout-color2, rgba(128, 128, 128, 0.12))"
FAINT = "var(--jp-content-font-color2, inherit)"
MONO = "font-family: var(--jp-code-font-family, monospace); font-size: var(--jp-code-font-size, 13px)"
BOX = (
    f"max-width: 60em; padding: 0.8em 1em; border: 1px solid {LINE}; border-radius: 6px; "
    "color: var(--jp-content-font-color1, inherit); line-height: 1.45; overflow-wrap: anywhere"
)
CELL = "padding: 1px 1em 1px 0; border: 0; text-align: left; vertical-align: top; background: none"
RIGHT = CELL.replace("text-align: left", "text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums")


def as_html(report: Report, next_first: bool = False) -> str:
    """The same sections as in the terminal; with `next_first`, the error and what to do about it before how it came,
    and no command twice."""
    sections = (_header, _timeline, _rejected, _error, _frames, _events, _next)
    if next_first:
        sections = (_header, _error, _next_once, _timeline, _rejected, _traceback, _events)
    return f'<div style="{BOX}">{"".join(section(report) for section in sections)}</div>'


def _header(report: Report) -> str:
    run, (sign, _, colour) = report.run, STATES[report.state]
    style = f"color: {_ink(colour)}; border: 1px solid {colour}; border-radius: 1em; padding: 0.05em 0.7em"
    badge = f'<span style="{style}; font-weight: 600">{sign} {report.state}</span>'
    title = f"{badge}&ensp;{_text(run.pipeline)} <b>{run.interval}</b>"
    rows = [("run", f'<span style="{MONO}">{_text(run.run_id)}</span>')]
    rows += [(name, _text(value)) for name, value in header_lines(report)]
    cells = [f"{_td(name, f'{CELL}; color: {FAINT}; white-space: nowrap')}{_td(value)}" for name, value in rows]
    return f'<div style="font-size: 1.15em; margin-bottom: 0.5em">{title}</div>{_table(cells)}'


def _timeline(report: Report) -> str:
    if not report.stages:
        return _title("stages") + _p("No stage had begun.")
    head = "".join(_td(name, f"{RIGHT}; color: {FAINT}") for name in ("", "", *NUMBERS))
    return _title("stages") + _table([head, *map(_bar, report.timeline)], "width: 100%")


def _bar(bar: Bar) -> str:
    sign, _, colour = STATES[bar.stage.status]
    share = max(0.5, 100 * (bar.end - bar.begin))
    left = min(100 - share, 100 * bar.begin)
    place = f"position: absolute; left: {left:.2f}%; width: {share:.2f}%; height: 100%; border-radius: 2px"
    drawn = f'<div style="position: relative; height: 0.7em; margin-top: 0.4em; background: {PALE}">'
    drawn += f'<div style="{place}; background: {colour}"></div></div>'
    label = f'<span style="color: {_ink(colour)}">{sign}</span> {_text(bar.name)}'
    first = _td(label, f"{CELL}; white-space: nowrap") + _td(drawn, f"{CELL}; width: 60%")
    return first + "".join(_td(value, RIGHT) for value in bar.numbers)


def _rejected(report: Report) -> str:
    if not report.rejected:
        return ""
    parts, colour = [_title("rejected lines")], _ink(STATES["overdue"][2])
    for each in report.rejected:
        parts.append(_p(f'<b style="color: {colour}">{each.count:,} ×</b> {_text(each.told)}'))
        parts.append(_pre(_text(each.place + each.example["row"][:400])))
    return "".join(parts)


def _error(report: Report) -> str:
    if not report.run.error:
        return ""
    style = f"white-space: pre-wrap; border-left: 4px solid {STATES['failed'][2]}; padding-left: 0.7em"
    return f'{_title("error")}<div style="{style}">{_text(report.run.error)}</div>'


def _frames(report: Report) -> str:
    if not report.run.error:
        return ""
    lines = []
    for frame in report.frames:
        lines.append(f'<span style="color: {FAINT}">{_text(frame.place)} in {_text(frame.function)}</span>')
        lines += [f"    {_text(frame.source)}"] if frame.source else []
    drawn = _pre("\n".join(lines)) if lines else ""
    return drawn + "".join(_p(_text(line)) for line in other_errors(report))


def _traceback(report: Report) -> str:
    told = _frames(report)
    return _title("traceback") + told if told else ""


def _events(report: Report) -> str:
    lines = "".join(_p(_text(line)) for line in event_lines(report))
    return _title("events") + lines if lines else ""


def _next(report: Report, again: list[str] | None = None) -> str:
    parts = [_title("what to do next")]
    for sentence, command in report.advice:
        parts.append(_p(_text(sentence)) + (_pre(_text(command)) if command else ""))
    commands = list(report.commands.values()) if again is None else again
    if commands:
        parts.append(_title("the same again"))
    return "".join([*parts, *(_pre(_text(command)) for command in commands)])


def _next_once(report: Report) -> str:
    told = {command for _, command in report.advice}
    return _next(report, [command for command in report.commands.values() if command not in told])


def _ink(colour: str) -> str:
    """A colour for text, nearer to that of the text around it: 4.5 to 1 on a light page and on a dark one."""
    return f"color-mix(in srgb, {colour} 65%, currentColor)"


def _text(value: str) -> str:
    return escape(clean(value))


def _title(text: str) -> str:
    style = f"font-weight: 600; margin: 0.9em 0 0.2em; border-top: 1px solid {LINE}; padding-top: 0.5em"
    return f'<div style="{style}">{text}</div>'


def _p(inner: str) -> str:
    return f'<div style="margin: 0.15em 0">{inner}</div>'


def _pre(inner: str) -> str:
    style = f"{MONO}; background: {PALE}; border-radius: 3px; padding: 0.3em 0.6em; margin: 0.2em 0 0.4em"
    return f'<pre style="{style}; color: inherit; white-space: pre-wrap; overflow-wrap: anywhere">{inner}</pre>'


def _td(inner: str, style: str = CELL) -> str:
    return f'<td style="{style}">{inner}</td>'


def _table(rows: list[str], style: str = "") -> str:
    lines = "".join(f'<tr style="background: none">{row}</tr>' for row in rows)
    plain = "border: 0; border-collapse: collapse; margin: 0; font-size: inherit; color: inherit"
    return f'<table style="{plain}; {style}">{lines}</table>'

"""Small pieces of SVG. Places along x are per cent and along y pixels: a picture grows with its panel, its text does
not. Colours are classes that the stylesheet gives JupyterLab's theme; what they mean is told by a shape as well."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Mark:
    """How a state is drawn: its class in the stylesheet, a sign that tells it apart without colour, and a word."""

    css: str
    sign: str
    word: str


MARKS = {
    "loaded": Mark("loaded", "", "loaded"),
    "succeeded": Mark("loaded", "", "succeeded"),
    "pending": Mark("pending", "", "pending"),
    "waiting": Mark("waiting", "↻", "waits for a retry"),
    "blocked": Mark("blocked", "✕", "blocked"),
    "failed": Mark("blocked", "✕", "failed"),
    "crashed": Mark("crashed", "✕", "its process died"),
    "died": Mark("crashed", "✕", "its process died"),
    "running": Mark("running", "▶", "running"),
    "overdue": Mark("overdue", "!", "overdue"),
    "missing": Mark("missing", "?", "not landed, later days have"),
    "absent": Mark("absent", "", "not landed"),
}

_DAY = re.compile(r"\d{4}-\d\d-\d\d(?:…[\d-]+)?")
_CRON = re.compile(r"(?:[\d*/,-]+ ){2}[^\s()]+ [^\s()]+ [^\s()]+(?= \()")  # as a schedule is written: 0 6 * * * (UTC)


def tag(name: str, inner: str = "", title: str = "", **attributes: object) -> str:
    """An element; `css` is its class, `data_day` becomes data-day; `title` is shown when one points at it."""
    named = {"class": attributes.pop("css", None), **attributes}
    text = "".join(f' {key.replace("_", "-")}="{_value(value)}"' for key, value in named.items() if value is not None)
    tip = f"<title>{escape(title)}</title>" if title else ""
    return f"<{name}{text}>{tip}{inner}</{name}>"


def prose(sentence: str) -> str:
    """Escaped, with days and cron texts that are not broken where a line ends."""
    return _CRON.sub(r'<span class="whole">\g<0></span>', _DAY.sub(r"<time>\g<0></time>", escape(sentence)))


def text(x: float, y: float, inner: str, anchor: str = "middle", css: str = "t", **more: object) -> str:
    return tag("text", escape(inner), x=f"{x:.3f}%", y=y, text_anchor=anchor, css=css, **more)


def box(x: float, y: float, width: float, height: float, css: str, rx: float = 2, **more: object) -> str:
    return tag("rect", x=f"{x:.3f}%", y=y, width=f"{max(width, 0):.3f}%", height=height, rx=rx, css=css, **more)


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return tag("line", x1=f"{x1:.3f}%", y1=y1, x2=f"{x2:.3f}%", y2=y2, css=css)


def picture(
    name: str, sentence: str, height: float, drawing: str, labels: Iterable[tuple[float, str]] = (), legend: str = ""
) -> str:
    """A drawing with labels (y, text) left of it, under the sentence that says its message."""
    head = f'<div class="etl-say">{prose(sentence)}</div><div class="etl-legend">{legend}</div>'
    names = "".join(f'<span style="top: {y:g}px">{escape(told)}</span>' for y, told in labels)
    drawn = tag("svg", drawing, width="100%", height=height, role="img", aria_label=sentence)
    plot = f'<div class="etl-plot"><div class="etl-labels">{names}</div>{drawn}</div>'
    return f'<div class="etl-picture" data-picture="{name}"><div class="etl-caption">{head}</div>{plot}</div>'


def key(css: str, sign: str, words: str) -> str:
    """An entry of a legend: the same shape, the same sign, in words."""
    return f'<span class="etl-key"><i class="swatch {css}">{escape(sign)}</i>{escape(words)}</span>'


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else escape(str(value))

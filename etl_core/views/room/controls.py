"""What the panel's widgets are made with: each has the class by which the stylesheet and the tests know it, and a name
that a screen reader says."""

from __future__ import annotations

from typing import Any, TypeVar

import ipywidgets as widgets

Some = TypeVar("Some", bound=widgets.Widget)


def button(text: str, css: str, tip: str, icon: str = "") -> widgets.Button:
    made = widgets.Button(description=text, tooltip=tip, icon=icon, layout=widgets.Layout(width="auto"))
    return classed(made, css)


def field(widget: Some, css: str, name: str, width: str) -> Some:
    """A choice; `name` is what it is called: read by a screen reader, shown when one points at it."""
    widget.description = widget.tooltip = name  # some widgets take their name from the one, some from the other
    widget.layout.width = width
    return classed(widget, css)


def html(css: str, value: str = "") -> widgets.HTML:
    return classed(widgets.HTML(value), css)


def box(css: str, *children: widgets.Widget) -> widgets.Box:
    return classed(widgets.Box(children, layout=widgets.Layout(width="auto")), css)


def column(css: str, *children: widgets.Widget) -> widgets.VBox:
    return classed(widgets.VBox(children, layout=widgets.Layout(width="auto")), css)


def line(*children: widgets.Widget) -> widgets.Box:
    return box("etl-line", *children)


def heading(title: str, told: str = "") -> str:
    return f"<b>{title}</b><span>{told}</span>"


def show(widget: widgets.DOMWidget, wanted: object) -> None:
    """Let it be seen, or not."""
    widget.layout.display = None if wanted else "none"


def classed(widget: Any, css: str) -> Any:
    widget.add_class(css)
    return widget

"""While a control of the panel has the keyboard, plain keys are for it alone: x would cut the notebook's cell."""

from __future__ import annotations

from pathlib import Path

import anywidget


class Keys(anywidget.AnyWidget):
    """Shows nothing. What has the keyboard is given an attribute by which JupyterLab's shortcuts pass it over, which
    ipywidgets cannot set. In another front end it does no harm."""

    _esm = Path(__file__).with_name("keys.js")

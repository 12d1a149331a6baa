"""Something that stops a cell and is for its reader alone: one line in the notebook, instead of a traceback."""

from __future__ import annotations

from etl_core.errors import Refused


class Told(Refused):
    """Its text is all there is to know."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows."""
        return [str(self)]

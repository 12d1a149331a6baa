"""The one thread that sets what widgets show.

Jobs, callbacks and workers only wake it. ipywidgets sends a value to the browser when it has changed, and not
otherwise, so that nothing flickers and a selection stays. What goes wrong while painting is handed on to be shown, and
the next painting is tried all the same.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable

from etl_core.logs import log

PERIOD = 1.0  # seconds


class Painter:
    """Calls `paint` every second, and at once after `wake()`; `trouble` gets what it raises."""

    def __init__(self, paint: Callable[[], None], trouble: Callable[[Exception], None]) -> None:
        self.frames = 0  # painted so far
        self._paint, self._trouble = paint, trouble
        self._wake, self._end = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to paint; without effect where it does already."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._end.clear()
                atexit.register(self.stop, 2.0)  # a kernel that shuts down closes the channel that values are sent by
                self._thread = threading.Thread(target=self._loop, name="room-painter", daemon=True)
                self._thread.start()

    def stop(self, wait: float = 5.0) -> None:
        self._end.set()
        self._wake.set()
        atexit.unregister(self.stop)
        if self._thread is not None:
            self._thread.join(wait)

    def wake(self) -> None:
        """Paint now."""
        self._wake.set()

    def at_work(self) -> bool:
        """Is it this thread? Then a value that changes was painted, and not chosen by somebody."""
        return threading.current_thread() is self._thread

    def _loop(self) -> None:
        while not self._end.is_set():
            self._wake.clear()
            try:
                self._paint()
            except Exception as error:
                log().exception("the control room could not be painted")
                try:
                    self._trouble(error)
                except Exception:
                    log().exception("nor could that be shown")
            self.frames += 1
            self._wake.wait(PERIOD)

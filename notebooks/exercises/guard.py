"""Run a reader's code: an endless loop, `exit()` or a flood of output must not end the lesson."""

from __future__ import annotations

import contextlib
import ctypes
import io
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

AGAIN = 0.05  # seconds until a loop that caught the first TimeUp gets another


class TimeUp(BaseException):
    """Raised into code that runs too long."""


@dataclass
class Ran:
    """What a call came to: a value, or an error (SystemExit where it tried to end the program)."""

    value: Any = None
    error: BaseException | None = None
    timed_out: bool = False
    printed: str = ""


def run(work: Callable[[], Any], seconds: float) -> Ran:
    """Call `work` in this thread and return what came of it, after about `seconds` at most.

    Ctrl-C (the stop button) still ends the cell. Blocking C code that ignores signals cannot be stopped.
    """
    ran, out = Ran(), io.StringIO()
    with _watchdog(seconds) as watch:
        try:
            try:
                with _quiet(out), _no_exit():
                    ran.value = work()
            finally:
                watch.stop()
        except TimeUp:
            ran.timed_out = True
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and watch.interrupted:
                raise
            ran.error = error
    ran.timed_out = ran.timed_out or watch.fired
    ran.printed = out.getvalue()
    return ran


class _Watch:
    """Raises TimeUp in the watched thread after a time, again and again until it gets through.

    A bare `except:` eats the first one. So the frames of the reader's code are traced from then on, and the next line,
    which is one inside that `except`, raises again.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.thread, self.done = seconds, threading.get_ident(), threading.Event()
        self.fired = self.interrupted = False
        self.main = threading.current_thread() is threading.main_thread()

    def stop(self) -> None:
        self.done.set()

    def watch(self) -> None:
        pause = self.seconds
        while not self.done.wait(pause):
            self.fired, pause = True, AGAIN
            if not self.main:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread), ctypes.py_object(TimeUp))
            elif hasattr(signal, "pthread_kill"):
                signal.pthread_kill(self.thread, signal.SIGINT)  # also ends a sleep
            else:
                signal.raise_signal(signal.SIGINT)  # Windows

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self.fired:
            self.interrupted = True
            raise KeyboardInterrupt
        if self.done.is_set():
            return
        while frame is not None and frame.f_code.co_filename != __file__:
            frame.f_trace = self.trace
            frame = frame.f_back
        sys.settrace(self.trace)
        raise TimeUp

    def trace(self, frame: FrameType, event: str, value: Any) -> Any:
        if event == "line" and not self.done.is_set() and frame.f_code.co_filename != __file__:
            raise TimeUp  # which also ends the tracing, until the next signal
        return self.trace


@contextlib.contextmanager
def _watchdog(seconds: float) -> Iterator[_Watch]:
    watch = _Watch(seconds)
    before, tracing = signal.getsignal(signal.SIGINT), sys.gettrace()
    if watch.main:
        signal.signal(signal.SIGINT, watch.on_signal)
    thread = threading.Thread(target=watch.watch, name="watchdog", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop()
        thread.join()
        time.sleep(0)  # a signal that was on its way is handled here, by on_signal, which ignores it
        if watch.main:
            signal.signal(signal.SIGINT, before)
        sys.settrace(tracing)


@contextlib.contextmanager
def _quiet(out: io.StringIO) -> Iterator[None]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _no_exit() -> Iterator[None]:
    """In a kernel `exit()` asks the shell to end it after the cell. Here it raises SystemExit, as in a script."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        yield
        return

    def leave() -> None:
        raise SystemExit

    shell.ask_exit = leave
    try:
        yield
    finally:
        del shell.ask_exit

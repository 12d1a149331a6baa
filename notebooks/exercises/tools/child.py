"""Call a function in another Python process: what ends that process ends no lesson."""

from __future__ import annotations

import functools
import io
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections import ChainMap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import cloudpickle

MARK = "child: "
_CHILD = """
import pickle, sys
with open(sys.argv[1], "rb") as file:
    function, args = pickle.load(file)
try:
    answer = ("value", function(*args))
except Exception as error:
    answer = ("error", f"{type(error).__name__}: {error}")
with open(sys.argv[2], "wb") as file:
    pickle.dump(answer, file)
"""


@dataclass(frozen=True)
class Child:
    """What a child came to. `returncode` is not 0, and `value` None, where it was killed or left by `os._exit`."""

    value: Any
    error: str
    returncode: int | None
    output: str


def in_child(function: Callable[..., Any], *args: Any, seconds: float = 20) -> Child:
    """Call `function(*args)` in a new interpreter (nothing shared, hash() salted anew) and return what came of it.

    The function and what it uses of its notebook travel by value. After `seconds` the child is killed; its `returncode`
    is None then.
    """
    with tempfile.TemporaryDirectory(prefix="etl-child-", ignore_cleanup_errors=True) as folder:
        answer = Path(folder, "answer")
        command, environment = _prepared(Path(folder), function, args)
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=seconds, env=environment, check=False
            )
        except subprocess.TimeoutExpired as expired:
            return Child(None, "", None, str(expired.stderr or ""))
        if not answer.exists():
            return Child(None, "", done.returncode or 1, done.stdout + done.stderr)
        kind, value = cloudpickle.loads(answer.read_bytes())
        return Child(value if kind == "value" else None, value if kind == "error" else "", 0, done.stdout + done.stderr)


@dataclass
class Talk:
    """A child at work. It speaks in lines that begin with MARK; what else is printed in it is left aside."""

    process: subprocess.Popen[str]
    _said: queue.Queue[str | None] = field(default_factory=queue.Queue)

    def say(self, text: str) -> None:
        """Write a line to its standard input."""
        print(text, file=self.process.stdin, flush=True)

    def hear(self, seconds: float = 20) -> str | None:
        """The next line it says; None when it has ended, or has said nothing for so long."""
        try:
            return self._said.get(timeout=seconds)
        except queue.Empty:
            return None

    def kill(self) -> None:
        """As by `kill -9`, and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def _listen(self) -> None:
        for line in self.process.stdout:
            if line.startswith(MARK):
                self._said.put(line.removeprefix(MARK).rstrip("\n"))
        self._said.put(None)


@contextmanager
def talking(function: Callable[..., Any], *args: Any) -> Iterator[Talk]:
    """Call `function(*args)` in a new interpreter and talk with it meanwhile; at the end it is killed.

    The function says something by `print(MARK + text, flush=True)`, and hears it by `input()`.
    """
    with tempfile.TemporaryDirectory(prefix="etl-child-", ignore_cleanup_errors=True) as folder:
        command, environment = _prepared(Path(folder), function, args)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
            talk = Talk(process)
            thread = threading.Thread(target=talk._listen, daemon=True)
            thread.start()
            try:
                yield talk
            finally:
                talk.kill()
                thread.join()


def packed(value: object) -> bytes:
    """What travels to a child. TypeError for what cannot, such as an open file; a lock arrives as a new one, and a
    function with `@cache` remembers nothing."""
    into = io.BytesIO()
    _Pickler(into).dump(value)
    return into.getvalue()


def _remembering(function: Any) -> Any:
    """A notebook's own `@cache` or `@lru_cache` function: cloudpickle takes it for something to import."""
    if function.__module__ in ("__main__", *cloudpickle.list_registry_pickle_by_value()):
        return functools.lru_cache, (function.__wrapped__,)
    return function.__reduce__()


_ANEW = {type(make()): lambda _, make=make: (make, ()) for make in (threading.Lock, threading.RLock)}
_ANEW[type(functools.cache(len))] = _remembering


class _Pickler(cloudpickle.Pickler):
    """With what an import makes anew in each process: a module-level lock, and what a cached function remembers."""

    dispatch_table: ClassVar = ChainMap(_ANEW, cloudpickle.Pickler.dispatch_table)


def _prepared(folder: Path, function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[list[str], dict[str, str]]:
    """Command and environment of the child that calls the function and leaves what came of it in `answer`."""
    if function.__module__.startswith("exercises."):  # by value too: the child need not import what graders need
        cloudpickle.register_pickle_by_value(sys.modules[function.__module__])
    work = folder / "work"
    work.write_bytes(packed((function, args)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return [sys.executable, "-W", "ignore", "-c", _CHILD, str(work), str(folder / "answer")], environment

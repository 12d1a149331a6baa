"""Call a function in another Python process: what ends that process ends no lesson."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle

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
        work, answer = Path(folder, "work"), Path(folder, "answer")
        if function.__module__.startswith("exercises."):  # by value too: the child need not import what graders need
            cloudpickle.register_pickle_by_value(sys.modules[function.__module__])
        work.write_bytes(cloudpickle.dumps((function, args)))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-W", "ignore", "-c", _CHILD, str(work), str(answer)]
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

"""Children that graders talk with and kill, and what travels to them."""

from __future__ import annotations

import pickle
import threading
from contextlib import contextmanager

import cloudpickle
import pytest

from exercises import model
from exercises.tools.child import MARK, packed, talking


def answers(first: str) -> None:
    print("a print of the reader's")
    print(MARK + first, flush=True)
    while True:
        print(f"{MARK}heard {input()}", flush=True)


def test_a_child_speaks_and_is_spoken_to_until_it_is_killed() -> None:
    with talking(answers, "hello") as child:
        assert child.hear() == "hello"
        child.say("you")
        assert child.hear() == "heard you"
        assert child.hear(seconds=0.1) is None
        child.kill()
        assert child.process.returncode != 0
        assert child.hear() is None


def test_a_child_is_killed_at_the_end_of_its_block() -> None:
    with talking(answers, "hello") as child:
        child.hear()
    assert child.process.returncode is not None


def test_a_lock_arrives_as_a_new_one() -> None:
    lock = threading.Lock()
    with lock:
        arrived = pickle.loads(packed(lock))
    assert arrived.acquire(blocking=False)
    with pytest.raises(TypeError):
        cloudpickle.dumps(lock)  # if this works one day, so does it without our help


def test_decorators_of_a_function_itself_stay_in_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "_known", {})
    toy = model.Exercise("77.2", "Hold", hints=("one", "two", "three"))

    @toy.solution
    @contextmanager
    def held():
        yield

    assert toy.solution_text == "from contextlib import contextmanager\n\n\n@contextmanager\ndef held():\n    yield\n"

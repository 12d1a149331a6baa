"""check, hint, solution, progress, mine, reveal and begin, with an exercise made up for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import exercises
from exercises import desk, model, record, state
from exercises.source import portable
from exercises.trial import Raised, Trial, grade

FACTOR = 2


def helper(n: int) -> int:
    return n * FACTOR


def times_two(n):
    return helper(n)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[model.Exercise]:
    monkeypatch.setattr(model, "_known", dict(model._known))
    toy = model.Exercise(
        "77.1", "Double", hints=("one", "two", "three"), seconds=0.3, twin="operator:neg", passed="Well done."
    )

    @toy.stub
    def double(n: int) -> int:
        """Twice n."""
        ...

    @toy.solution
    def double(n: int) -> int:  # noqa: F811
        return n + n

    @toy.wrong("That is the square: {n} became {got}.", when=lambda seen: seen.got == seen.n**2)
    def square(n: int) -> int:
        return n * n

    @toy.grade
    def look(t: Trial) -> None:
        for n in (3, 5):
            t.seen.n = n
            t.seen.got = t.call(n, case=f"n = {n}")
            t.equal(t.seen.got, 2 * n, f"n = {n}")

    yield toy


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def check(answer: object) -> None:
    exercises.check("77.1", answer)


def untouched(n: int) -> int:
    """Another docstring."""
    # and a comment
    return None


def test_each_outcome_is_one_message(toy: model.Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    check(lambda n: 2 * n)
    assert said(capsys) == "✓ 77.1 passed.\nWell done.\n"
    check(untouched)
    assert said(capsys) == '77.1 is waiting for your code. hint("77.1") helps.\n'
    check(lambda n: n * n if n == 3 else 1)
    assert "≠ 77.1: not yet.\nTried with: n = 3\n    expected 6, got 9" in said(capsys)
    check(lambda n: n * n)
    assert said(capsys) == "→ 77.1: not yet.\nThat is the square: 5 became 25.\n"


@pytest.mark.parametrize("answer", [None, ..., untouched])
def test_what_is_not_attempted_is_not_a_try(toy: model.Exercise, answer: object) -> None:
    check(answer)
    assert record.entry("77.1") == {}


def test_a_mistake_that_did_no_harm_is_none(toy: model.Exercise) -> None:
    toy.wrongs.insert(0, model.Wrong("any", helper, "Always.", lambda seen: True))
    toy.wrongs.insert(0, model.Wrong("broken", helper, "Never.", lambda seen: seen.got.no_such_thing))
    assert grade(toy, times_two).passed
    assert grade(toy, helper).passed
    assert grade(toy, lambda n: n).mistake == "any"


def test_none_is_told(toy: model.Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    def forgets(n):
        n + n

    check(forgets)
    assert "Your function returned None" in said(capsys)


def test_an_exception_shows_the_readers_line(toy: model.Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    def breaks(n):
        return json.loads("{")  # the reader's line

    check(breaks)
    text = said(capsys)
    assert "Your code raised JSONDecodeError" in text
    assert 'return json.loads("{")  # the reader\'s line' in text
    assert "trial.py" not in text


def loops_in_except(n):
    while True:
        try:
            time.sleep(0.001)
        except:  # noqa: E722
            pass


def loops_twice_in_except(n):
    while True:
        try:
            try:
                n += 1
            except:  # noqa: E722
                n -= 1
        except BaseException:
            continue


def loops(n):
    while True:
        pass


def sleeps(n):
    time.sleep(60)


@pytest.mark.parametrize("answer", [loops, loops_in_except, loops_twice_in_except, sleeps])
def test_endless_code_is_stopped(toy: model.Exercise, answer: object) -> None:
    started = time.monotonic()
    outcome = grade(toy, answer)
    assert outcome.kind == "raised"
    assert "still running after 0.3 seconds" in outcome.message
    assert time.monotonic() - started < 10
    assert sys.gettrace() is None or "pydev" in repr(sys.gettrace()) or "coverage" in repr(sys.gettrace())
    assert grade(toy, times_two).passed, "nothing is left over"


def test_endless_code_in_another_thread_is_stopped(toy: model.Exercise) -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(grade(toy, loops)), daemon=True)
    thread.start()
    thread.join(10)
    assert "still running" in found[0].message


@pytest.mark.parametrize("leave", [sys.exit, exit, lambda: sys.exit(0)])
def test_exit_does_not_end_the_lesson(toy: model.Exercise, leave: object, capsys: pytest.CaptureFixture[str]) -> None:
    def leaves(n):
        leave()

    check(leaves)
    assert "tried to end the whole program" in said(capsys)


def test_ctrl_c_of_the_code_itself_is_an_error_of_it(toy: model.Exercise) -> None:
    def interrupts(n):
        raise KeyboardInterrupt

    assert grade(toy, interrupts).kind == "raised"


def test_prints_are_shown_in_part_where_it_failed(toy: model.Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    def prints(n):
        for i in range(50):
            print("line", i)
        return 1

    check(prints)
    text = said(capsys)
    assert "Your code printed:\n    line 0\n" in text
    assert "line 10" not in text
    assert "and 40 lines more" in text


def test_the_packages_own_function_is_no_answer(toy: model.Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    import etl_core

    check(etl_core.pending)
    assert "the package's own pending" in said(capsys)


def test_allowed_errors_are_seen_by_the_grader(toy: model.Exercise, tmp_path: Path) -> None:
    trial = Trial(toy, int, tmp_path)
    found = trial.call("x", case="x", allow=ValueError)
    assert isinstance(found, Raised) and isinstance(found.error, ValueError)


def test_hints_come_one_more_each_time(toy: model.Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    for level, words in enumerate((["one"], ["one", "two"], ["one", "two", "three"], ["one", "two", "three"])):
        exercises.hint("77.1")
        text = said(capsys)
        assert [word for word in ("one", "two", "three") if f". {word}\n" in text + "\n"] == words, level
    exercises.solution("77.1")
    assert "return n + n" in said(capsys)


def test_unknown_number_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    for number in ("1.9", "99.1", "x"):
        exercises.check(number, None)
        assert "1.1" in said(capsys)
    exercises.check("1.1")
    assert said(capsys) == 'Give your answer along: check("1.1", read_raw)\n'


def test_progress_is_kept_and_mine_is_the_answer_that_passed(
    toy: model.Exercise, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exercises.mine("77.1")(3) == -3, "the twin, as long as nothing passed"
    check(lambda n: 1)
    exercises.progress()
    assert "~ 77.1" in said(capsys)
    check(times_two)
    exercises.progress()
    assert "✓ 77.1" in said(capsys)
    check(loops)
    assert record.entry("77.1")["passed"]
    assert exercises.mine("77.1")(4) == 8


def test_saved_answer_brings_what_it_uses() -> None:
    text = portable(times_two, "double")
    namespace: dict = {}
    exec(text, namespace)
    assert namespace["double"](4) == 8


def test_a_broken_record_is_kept_aside(toy: model.Exercise, home: Path) -> None:
    home.mkdir()
    (home / "exercises.json").write_text('{"1.1": {"passed"', encoding="utf-8")
    check(times_two)
    assert record.entry("77.1")["passed"]
    assert (home / "exercises.broken.json").exists()


def test_reveal(capsys: pytest.CaptureFixture[str]) -> None:
    exercises.reveal(None, 1301, "It was late, not early.")
    assert said(capsys) == "It is 1,301. (Take a guess first: it makes the answer stick.)\nIt was late, not early.\n"
    exercises.reveal(-139, 1301)
    assert said(capsys) == "i You said -139; it is 1,301.\n"
    exercises.reveal("INT", "int")
    assert said(capsys) == "✓ As you said: int.\n"


def test_begin_gives_a_folder_and_leaves_the_readers_home(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ETL_FAULTS", "load=offline")
    first = exercises.begin("03")
    assert os.environ["ETL_HOME"] == str(first)
    assert "ETL_FAULTS" not in os.environ
    second = exercises.begin("03")
    assert not first.exists() and second.is_dir()
    record.passed("1.1", None)
    assert (home / "exercises.json").exists() and not list(second.iterdir())
    exercises.begin("01")
    exercises.progress()
    text = capsys.readouterr().out
    assert "✓ 1.1★ Read what arrived" in text and "0.1" not in text
    exercises.progress("all")
    assert "· 0.1" in capsys.readouterr().out
    state.end()
    assert not second.exists()


def test_the_folder_of_a_killed_kernel_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("TEMP", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = "import os, exercises; print(exercises.begin('03'), flush=True); os._exit(9)"
    left = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    folder = Path(left.stdout.strip())
    assert folder.is_dir() and folder.parent == tmp_path
    exercises.begin("01")
    assert not folder.exists()
    state.end()
    assert not list(tmp_path.glob("etl-lesson-*"))


def test_desk_is_all_of_the_interface() -> None:
    assert set(exercises.__all__) == {"begin", "check", "hint", "mine", "progress", "reveal", "solution"}
    assert all(callable(getattr(exercises, name)) for name in exercises.__all__)
    assert desk.check is exercises.check

"""check, hint, solution, progress, mine, reveal and begin, with an exercise made up for it."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

import exercises
from etl_core.errors import Refused
from etl_core.scheduling import holder
from exercises import desk, model, record, state
from exercises.keeping import portable
from exercises.trial import Raised, Trial, grade

FACTOR = 2


def helper(n: int) -> int:
    return n * FACTOR


def times_two(n):
    return helper(n)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[model.Exercise]:
    model.every()  # a lesson that is first imported under the patch would be unknown after it
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
    check(times_two)
    assert said(capsys) == "✓ 77.1 passed.\nWell done.\n"
    check(untouched)
    assert said(capsys) == '77.1 is waiting for your code. hint("77.1") helps.\n'
    check(lambda n: n * n if n == 3 else 1)
    assert "≠ 77.1: not yet.\nTried with: n = 3\n    expected 6, got 9" in said(capsys)
    check(lambda n: n * n)
    assert said(capsys) == "→ 77.1: not yet.\nThat is the square: 5 became 25.\n"


def test_a_number_instead_of_its_text_is_the_same_exercise(
    toy: model.Exercise, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exercises.check(77.1, times_two)
    exercises.hint(77.1)
    assert list(json.loads((home / "exercises.json").read_text())) == ["77.1"]
    assert record.entry("77.1")["passed"] and record.entry("77.1")["hints"] == 1
    assert exercises.mine(77.1)(4) == 8
    exercises.hint("77.1")
    assert "Hint 2 of 3" in said(capsys)
    exercises.progress("77")
    assert "✓ 77.1" in said(capsys)


def test_the_number_in_the_second_place_is_told(toy: model.Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    def double(n):
        return 2 * n

    exercises.check(double, "77.1")
    assert said(capsys) == 'The number comes first: check("77.1", double)\n'
    exercises.check(double)
    assert said(capsys) == 'The number comes first: check("77.1", double)\n'


def test_a_grader_that_can_make_nothing_of_it_says_so(toy: model.Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    def look(t: Trial) -> None:
        t.seen.got = len(t.call(3, case="n = 3"))

    toy.parts["grade"] = look
    toy.wrongs.insert(0, model.Wrong("any", helper, "Always.", lambda seen: True))
    check(lambda n: 5)
    assert said(capsys) == (
        "≠ 77.1: not yet.\nTried with: n = 3\n    got 5, and with what is there the check cannot go on: "
        "TypeError: object of type 'int' has no len()\n"
    )


def test_a_mistake_whose_message_cannot_be_filled_in_is_none(toy: model.Exercise) -> None:
    toy.wrongs.insert(0, model.Wrong("unseen", helper, "You have {never_set:,}.", lambda seen: True))
    assert grade(toy, lambda n: n * n).mistake == "square"


@pytest.mark.parametrize("answer", [None, ..., untouched])
def test_what_is_not_attempted_is_not_a_try(toy: model.Exercise, answer: object) -> None:
    check(answer)
    assert record.entry("77.1") == {}


def test_a_call_instead_of_the_function_is_told(toy: model.Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    check(None)
    assert said(capsys) == '77.1 got None. Give the function itself, not called: check("77.1", double)\n'
    check((date(2013, 1, 15), date(2013, 1, 16)))
    assert "(2013-01-15, 2013-01-16) is no function. Give the function itself, not called: `double`." in said(capsys)


def test_a_try_that_is_not_to_be_kept(toy: model.Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check("77.1", lambda n: n * n, keep=False)
    exercises.check("77.1", times_two, keep=False)
    assert "That is the square" in (shown := said(capsys)) and "77.1 passed" in shown
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


def test_an_exception_in_compiled_code_shows_the_readers_line(
    toy: model.Exercise, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(n):
        return pd.to_numeric(pd.Series(["x"]))  # the reader's line

    check(breaks)
    assert 'return pd.to_numeric(pd.Series(["x"]))  # the reader\'s line' in said(capsys)


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


def test_an_answer_that_is_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The capstone, in short: a file of the reader's, and the pipeline in it."""
    text = Path(model.__file__).with_name("capstone").joinpath("solution.py").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    stub = model.find("9.3").stub_text
    for content in (None, stub, stub.replace("# What is", "# what was") + "\n\n# a comment\n"):
        if content:
            Path("weather.py").write_text(content, encoding="utf-8")
        exercises.check("9.3", "weather.py")
        assert "is waiting for your code" in said(capsys)
    Path("weather.py").write_text("def landed(:", encoding="utf-8")
    exercises.check("9.3", "weather.py")
    assert "SyntaxError" in said(capsys)
    assert exercises.mine("9.3").target == "exercises.capstone.solution:weather"
    Path("weather.py").write_text("MINE = True\n" + text.replace("from __future__ import annotations", ""), "utf-8")
    exercises.check("9.3", "weather.py")
    assert "9.3 passed" in said(capsys)
    assert exercises.mine("9.3").target == "weather:weather"
    assert sys.modules["weather"].MINE
    Path("weather.py").write_text(stub, encoding="utf-8")
    assert exercises.mine("9.3").target == "exercises.capstone.solution:weather"
    sys.modules.pop("weather")


def test_what_is_done_elsewhere_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check("9.2", lambda: {"run": "x", "attempts": 3, "seconds": 1})
    assert said(capsys) == (
        "9.2: the drill is not done yet: let a load fail twice, and wait until its retry has succeeded.\n"
    )
    assert "tries" not in record.entry("9.2")


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
    for guess, answer in (("5:30", "05:30"), ("2,682", 2682), ("30 %", 30), (0, 0), ("0", 0)):
        exercises.reveal(guess, answer)
        assert said(capsys).startswith("✓ As you said")
    exercises.reveal("no", 0)
    assert said(capsys) == "i You said no; it is 0.\n"
    exercises.reveal("INT", "int")
    assert said(capsys) == "✓ As you said: int.\n"


def test_a_folder_that_is_kept(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(state, "_kept_homes", {})
    monkeypatch.chdir(tmp_path)
    kept = exercises.begin("09", keep=True)
    assert kept == home / "lesson-09" == Path(os.environ["ETL_HOME"]) == Path.cwd()
    assert state.lesson() == "09"
    (kept / "mine_alone.py").write_text("one = 1", encoding="utf-8")
    assert importlib.import_module("mine_alone").one == 1
    exercises.begin("03")
    assert exercises.begin("09", keep=True) == kept
    assert (kept / "mine_alone.py").exists()
    state.end()
    assert kept.is_dir()
    (tmp_path / "solutions").mkdir()
    monkeypatch.setattr(state, "_kept_homes", {})
    monkeypatch.chdir(tmp_path / "solutions")
    solved = exercises.begin("09", keep=True)
    assert exercises.begin("09", keep=True) == solved == home / "lesson-09-solved"


def test_a_kept_folder_is_emptied_but_not_under_a_scheduler(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(state, "_kept_homes", {})
    monkeypatch.chdir(tmp_path)
    kept = exercises.begin("09", keep=True)
    (kept / "landing" / "flights").mkdir(parents=True)
    (kept / "history.txt").write_text("", encoding="utf-8")
    record.passed("1.1", None)
    held = holder.take()
    try:
        with pytest.raises(Refused, match=f"pid {os.getpid()}"):
            exercises.begin("09", keep=True, fresh=True)
        assert (kept / "history.txt").exists()
    finally:
        holder.release(held)
    exercises.begin("09", keep=True, fresh=True)
    assert [path.name for path in kept.iterdir()] == ["locks"]
    assert record.entry("1.1")["passed"]


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

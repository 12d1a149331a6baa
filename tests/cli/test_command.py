"""The command itself: what it imports, which pipeline it works on, how it says that something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from etl_core.cli import COMMANDS

HEAVY = {"pandas", "pyarrow", "numpy", "matplotlib", "aiohttp", "apscheduler", "fsspec", "papermill"}


@pytest.mark.parametrize("arguments", ["history", "history --json", "show last", "pending", "status", "--help"])
def test_what_only_looks_imports_nothing_heavy(call, arguments):
    call("run", "2013-01-15")
    code = "import sys; from etl_core.cli import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *arguments.split()], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert not HEAVY & set(done.stderr.split())


def test_help_names_each_command_with_an_example(call):
    text = call("--help").output
    assert all(f"  {name} " in text for name in COMMANDS)
    assert text.index("  run ") < text.index("  prune ")
    for name in ("run", "backfill", "pending", "history", "show", "status", "verify", "prune"):
        assert f"  etl {name}" in call(name, "--help").output


@pytest.mark.parametrize(
    ("typed", "said"),
    [("rnu", "did you mean 'run'?"), ("pendng", "did you mean 'pending'?"), ("x", "see etl --help.")],
)
def test_a_mistyped_command_is_told_what_was_meant(call, typed, said):
    done = call(typed, "2013-01-15")
    assert done.exit_code == 2
    assert f"There is no command {typed!r}; {said}" in done.output


def test_a_pipeline_in_the_working_directory(child, toy, tmp_path):
    done = child("--pipeline", toy, "run", "2020-05-01", "2020-05-02", cwd=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2020-05-01 to 2020-05-02: 20 rows loaded, 0 rejected, in ")
    shown = child("show", cwd=str(tmp_path)).stdout
    assert f"etl --pipeline {toy} run 2020-05-01 2020-05-02" in shown
    assert f"etl --pipeline {toy} backfill 2020-05-03" in child("--pipeline", toy, "pending", cwd=str(tmp_path)).stderr


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("toy", "expected MODULE:NAME"),
        ("some/path.py:toy", "expected MODULE:NAME"),
        ("no_such_module:toy", "there is no module 'no_such_module'"),
        ("{module}:missing", "has no pipeline 'missing'; pipelines in it: toy"),
        ("{module}:not_one", "has no pipeline 'not_one'"),
        ("broken_module:toy", "importing broken_module fails: SyntaxError"),
        ("needy_module:toy", "it needs 'surely_not_installed'"),
    ],
)
def test_a_pipeline_that_is_none_is_bad_usage(call, toy, tmp_path, target, said):
    (tmp_path / "broken_module.py").write_text("def", encoding="utf-8")
    (tmp_path / "needy_module.py").write_text("import surely_not_installed", encoding="utf-8")
    done = call("--pipeline", target.format(module=toy.partition(":")[0]), "pending")
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.startswith("Error: --pipeline: ")


def test_a_bad_setting_is_one_line_and_exit_code_2(child):
    done = child("history", ETL_HISTORY_URL="mysql://me:secret@host/db")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: ETL_HISTORY_URL: found 'mysql://")
    assert "secret" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_database_that_is_none_is_one_line_and_exit_code_1(child, home):
    home.mkdir()
    (home / "history.db").write_bytes(b"not a database, whatever its name says" * 99)
    done = child("history")
    assert (done.returncode, done.stdout) == (1, "")
    assert "is not a whole SQLite database" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="pipes break in another way")
def test_a_reader_that_leaves_is_no_error(call):
    call("run", "2013-01-15")
    command = (
        f"{sys.executable} -m etl_core history --json --limit 1 | true; {sys.executable} -m etl_core show | head -1"
    )
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.startswith("✓ succeeded")


def test_a_terminal_without_the_characters_gets_others(child, call):
    call("run", "2013-01-15")
    done = child("show", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0
    assert "? succeeded  flights 2013-01-15" in done.stdout


@pytest.mark.parametrize(
    ("words", "found"), [("etl run 2013-01-1", "days"), ("etl show ", "runs"), ("etl sch", "names")]
)
def test_the_tab_key_completes(child, call, words, found):
    run_id = call("run", "2013-01-15").stdout[-10:-2]
    expected = {
        "days": ["2013-01-14", "2013-01-15", "2013-01-16"],
        "runs": ["last", run_id],
        "names": ["schedule", "schedules"],
    }
    code = "import sys; from etl_core.cli import main; main()"
    env = {**os.environ, "_ETL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60)
    assert [line.split(",")[1] for line in done.stdout.split()] == expected[found]

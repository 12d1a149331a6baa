"""`etl verify` and `etl prune`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl_core import history
from etl_core.warehouse import open_warehouse


def test_verify_says_that_all_is_well(call):
    call("backfill", "2013-01-14", "2013-01-16")
    done = call("verify")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "3 days, 2,723 rows: all as they should be\n"


def test_verify_finds_a_changed_value_and_a_lost_row(call):
    call("backfill", "2013-01-14", "2013-01-16")
    with open_warehouse().begin() as conn:
        conn.execute(sa.text("UPDATE flights SET distance = 1 WHERE flight_date = '2013-01-14' AND flight = 1018"))
        conn.execute(sa.text("DELETE FROM flights WHERE flight_date = '2013-01-15' AND flight = 1018"))
    done = call("verify")
    assert done.exit_code == 1
    assert "✗ 2013-01-14" in done.stdout
    assert "✗ 2013-01-15" in done.stdout
    assert "difference" in done.stdout.splitlines()[-1]


def test_a_source_that_changed_since_is_no_error(call, spoil, landing):
    call("backfill", "2013-01-14", "2013-01-16")
    spoil("2013-01-15", "N173US", "N174US")
    (landing / "flights" / "2013-01-16.csv").unlink()
    done = call("verify")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "sources that are not what was loaded (no errors):"
    assert {line.split()[0] for line in lines[1:3]} == {"2013-01-15", "2013-01-16"}
    assert lines[-1].endswith("all as they should be")


def test_a_pipeline_without_verify(call, toy):
    done = call("--pipeline", toy, "verify")
    assert done.exit_code == 2
    assert "has no verify" in done.stderr


def test_prune_forgets_old_runs_and_their_notebooks(call, home, tmp_path):
    call("run", "2013-01-14")
    (home / "runs").mkdir(parents=True)
    names = {"old": home / "runs" / "old.ipynb", "again": home / "runs" / "again.ipynb", "far": tmp_path / "far.ipynb"}
    for path in names.values():
        path.write_text("{}", encoding="utf-8")
    _run("2013-01-15", notebook=names["old"], days_ago=9)
    _run("2013-01-15", notebook=names["again"], days_ago=8)
    _run("2013-01-15", notebook=names["far"], days_ago=7)
    _run("2013-01-15", notebook=names["again"], days_ago=6)
    done = call("prune", "--keep-days", "5")
    assert done.exit_code == 0
    assert done.stdout == "3 runs forgotten, 1 executed notebook deleted\n"
    assert {name for name, path in names.items() if path.exists()} == {"again", "far"}
    assert len(history.newest_runs()) == 2


def test_prune_wants_a_number_of_days(call):
    assert call("prune").exit_code == 2
    assert call("prune", "--keep-days", "-1").exit_code == 2
    assert call("prune", "--keep-days", "1e9").exit_code == 2


def _run(day: str, notebook: Path, days_ago: int) -> None:
    from etl_core import flights

    run = flights.run(day, notebook=str(notebook))
    then = datetime.now(UTC) - timedelta(days=days_ago)
    with history.open_history().begin() as conn:
        conn.execute(
            sa.update(history.runs).where(history.runs.c.run_id == run.run_id).values(started_at=then, finished_at=then)
        )


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("['two rows too many']", 1, "✗ two rows too many"),
        ("[]", 0, "all as they should be"),
        ("True", 1, "Error: verify of pipeline 'toy': found True, expected a list of what is wrong"),
    ],
)
def test_a_pipeline_verifies_in_sentences(call, toy, tmp_path, body, code, said):
    path = tmp_path / f"{toy.partition(':')[0]}.py"
    text = path.read_text(encoding="utf-8").replace("stage_retry=", f"verify=lambda: {body}, stage_retry=")
    path.write_text(text, encoding="utf-8")
    done = call("--pipeline", toy, "verify")
    assert done.exit_code == code
    assert said in done.stdout + done.stderr

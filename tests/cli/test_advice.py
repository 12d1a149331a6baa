"""What a report advises: the file to correct where none is named, no password, no file where no file is at fault."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl_core import flights, history
from etl_core.errors import BadSchema, PermanentError
from etl_core.views.report import explain


@pytest.fixture(autouse=True)
def _folders(home: Path, landing: Path) -> None:
    pass


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, str]]:
    """The first advice for a failed run of 2013-01-15 that ended with this error."""
    monkeypatch.setenv("ETL_FAULTS", "transform=bad-schema")
    with pytest.raises(BadSchema):
        flights.run("2013-01-15")

    def advise(error: str, **values: object) -> tuple[str, str]:
        with history.open_history().begin() as conn:
            conn.execute(sa.update(history.runs).values(error=error, **values))
        return explain().advice[0]

    return advise


def test_no_password_of_the_landing_zone(told: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_LANDING", "http://bob:s3/cr@et@host/zone")
    sentence, _ = told("BadSchema: fault injected at transform: found column 'dep_tme'")
    assert "(http://host/zone/flights/2013-01-15.csv)" in sentence
    for text in (repr(explain()), explain()._repr_html_()):
        assert not any(part in text for part in ("s3/cr", "et@", "bob"))


@pytest.mark.parametrize("file", ["/data/landing/weather/2013-01-15.csv", "/data/landing/flights/2013-01-15.csv"])
def test_an_error_that_names_its_file_gets_no_other_beside_it(told: Callable, file: str) -> None:
    sentence, command = told(f"BadSchema: {file}, line 3: found 'x', expected a number")
    assert "Correct what the error names: new content is pending by itself" in sentence and ".csv" not in sentence
    assert command == "etl run 2013-01-15"


@pytest.mark.parametrize(
    "error",
    [
        'UniqueViolation: duplicate key value violates unique constraint "flights_pkey"',
        "DatabaseError: warehouse.db: has schema version 9, this program knows up to 1; update the program",
        "ValueError: a bug",
    ],
)
def test_an_error_that_is_no_files_names_no_file(told: Callable, error: str) -> None:
    sentence, command = told(error)
    assert sentence.endswith("Correct what the error names, then load it by hand.") and command == "etl run 2013-01-15"


def test_loading_singly_does_not_help_a_database(told: Callable) -> None:
    sentence, command = told("DatabaseError: no such role", interval_end=date(2013, 1, 17))
    assert "singly" not in sentence and "blocked" not in sentence and command == "etl run 2013-01-15 2013-01-16"


@pytest.mark.parametrize("spoil", ["nonsense\n", None])
def test_a_reference_file_is_corrected_and_its_days_are_loaded(reference: Path, spoil: str | None) -> None:
    good = (reference / "airports.csv").read_text(encoding="utf-8")
    (reference / "airports.csv").unlink() if spoil is None else (reference / "airports.csv").write_text(spoil)
    for days in (["2013-01-15"], ["2013-01-14", "2013-01-16"]):
        with pytest.raises(PermanentError, match="airports"):
            flights.run(*days)
        sentence, command = explain().advice[0]
        assert "reference file is not pending by itself" in sentence and ".csv" not in sentence
        assert command == f"etl backfill {days[0]} {days[-1]}"
    (reference / "airports.csv").write_text(good, encoding="utf-8")
    from etl_core import backlog

    done = backlog.backfill(flights, *days)
    assert [run.status for run in done.succeeded] == ["succeeded"] * 3 and not done.failed

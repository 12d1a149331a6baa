"""What is said so that a command typed in a terminal means the files that this kernel means."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from etl_core import flights
from etl_core.views.room.headline import answer_card
from etl_core.views.room.terminal import exports
from tests.browser.server import KEPT
from tests.core.toy import REPOSITORY, land, toy
from tests.room.look import answers, painted


def test_where_all_is_as_usual_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ETL_HOME", "ETL_LANDING", "ETL_REFERENCE", "ETL_WAREHOUSE_URL", "ETL_HISTORY_URL"):
        monkeypatch.delenv(name, raising=False)
    assert exports(flights) == exports(toy) == ""


def test_what_differs_is_said_and_no_password(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_LANDING", str(home / "a landing"))
    monkeypatch.setenv("ETL_HISTORY_URL", "postgresql+psycopg://me:secret@there/runs")
    told = exports(flights)
    assert told.startswith(f"export ETL_HOME={home} ETL_LANDING='{home}/a landing'")
    assert "ETL_HISTORY_URL='postgresql+psycopg://…'" in told and "secret" not in told


def test_the_line_makes_the_shown_commands_work_in_a_terminal_that_knows_nothing(room: object, tmp_path: Path) -> None:
    land("2024-01-02", "broken\n")
    room.backfill("2024-01-01", "2024-01-03")
    room.worker.join(30)
    told = answers(room)["type"]
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    kept |= {"TOY_LANDING": os.environ["TOY_LANDING"], "ETL_HOME": str(tmp_path / "another")}

    def typed(*lines: str) -> subprocess.CompletedProcess[str]:
        own = f'etl() {{ {sys.executable} -m etl_core "$@"; }}'
        script = "\n".join([own, *lines])
        return subprocess.run(
            ["sh", "-c", script], cwd=REPOSITORY, env=kept, capture_output=True, text=True, timeout=60
        )

    assert "2024-01-02.txt: broken" in typed(told.first, told.command).stdout
    assert typed(told.command).returncode != 0  # without, it looks in another history
    by_hand = re.search(r"by hand: (etl .*)", told.detail)[1]
    land("2024-01-02", "a,1\n")
    assert typed(told.first, by_hand).returncode == 0
    assert room.view().counts["loaded"] == 3


def test_the_line_is_shown_once_and_the_autopsy_says_where(panel: object, room: object) -> None:
    land("2024-01-02", "broken\n")
    room.backfill("2024-01-02", "2024-01-02")
    room.worker.join(30)
    painted(panel)
    cards = {name: unescape(card.value) for name, card in panel.face.cards.items()}
    line = answers(room)["type"].first
    assert f"export ETL_HOME={room.home}" in line
    assert [name for name, text in cards.items() if line in text] == ["type"]
    assert f"<code>!{answers(room)['type'].command}</code>" in cards["type"]
    assert "export ETL_HOME" not in panel.face.autopsy.value
    assert "in a terminal after the line that begins with export" in panel.face.autopsy.value


def test_the_card_has_no_such_line_where_all_is_as_usual(room: object) -> None:
    from dataclasses import replace

    assert 'class="where"' in answer_card(answers(room)["type"])
    assert 'class="where"' not in answer_card(replace(answers(room)["type"], first=""))

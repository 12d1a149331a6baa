"""One run explained: the same facts in the terminal, in a notebook, as JSON."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa

from etl_core import flights, history
from etl_core.errors import BadSchema
from etl_core.scheduling import get_scheduler
from etl_core.views.frames import frames_that_matter
from etl_core.views.report import explain


@pytest.fixture(autouse=True)
def _folders(home, landing):
    pass


def change(run_id: str, **values: object) -> None:
    with history.open_history().begin() as conn:
        conn.execute(sa.update(history.runs).where(history.runs.c.run_id == run_id).values(**values))


def both(report) -> list[str]:
    """What is read in the terminal and in the notebook, without tags and blanks that differ."""
    words = []
    parser = HTMLParser()
    parser.handle_data = words.append
    parser.feed(report._repr_html_())
    return [re.sub(r"\s+", " ", text) for text in (repr(report), " ".join(words))]


def test_a_run_that_went_well():
    run = flights.run("2013-01-15")
    for text in both(explain("last")):
        assert "✓ succeeded flights 2013-01-15" in text
        assert run.run_id in text
        assert "894 read = 894 loaded + 0 rejected" in text
        assert "Nothing: every line was loaded." in text
        assert "etl run 2013-01-15" in text


def test_rejected_lines_by_reason_with_an_example(spoil):
    spoil("2013-01-15", ",500,", ",2460,")
    spoil("2013-01-15", ",525,", ",2461,")
    spoil("2013-01-15", ",EWR,CLT,", ",<b>EWR</b>,CLT,")
    report = explain(flights.run("2013-01-15"))
    assert sum(each.count for each in report.rejected) == report.run.rows_rejected > 1
    times = next(each for each in report.rejected if each.reason.startswith("sched_dep_time: found …, expected"))
    assert times.example["source_line"] in (2, 3)
    assert "<b>EWR" not in report._repr_html_()
    for text in both(report):
        assert "SELECT * FROM rejected_flights" in text
    flights.run("2013-01-15")
    assert "was loaded since" in repr(explain(report.run.run_id)) or "were loaded since" in repr(
        explain(report.run.run_id)
    )


def test_a_blocked_day_names_the_file_and_the_lines_of_code(spoil):
    spoil("2013-01-15", "dep_time", "dep_tme")
    with pytest.raises(BadSchema):
        flights.run("2013-01-15")
    report = explain()
    assert 1 <= len(report.frames) <= 3
    assert report.frames[-1].place.startswith("etl_core/stages/")
    assert report.frames[-1].source.startswith("raise BadSchema")
    for text in both(report):
        assert "dep_tme" in text
        assert "The day is blocked" in text
        assert text.count("flights/2013-01-15.csv") == 1, "the error names it, so the advice need not"
        assert "site-packages" not in text


def test_an_injected_fault_says_where_it_came_from(monkeypatch):
    monkeypatch.setenv("ETL_FAULTS", "transform=bad-schema")
    with pytest.raises(BadSchema):
        flights.run("2013-01-15")
    assert explain().frames[-1].place.startswith("etl_core/faults.py")
    assert "flights/2013-01-15.csv): new content is pending" in explain().advice[0][0]


def test_the_chain_of_retries_in_both_directions():
    ids = [flights.run("2013-01-15", trigger=trigger).run_id for trigger in ("scheduled", "retry", "retry")]
    soon = datetime.now(UTC) + timedelta(minutes=5)
    change(ids[0], status="failed", error="ConnectionError: x", permanent=False, retry_at=soon)
    change(ids[1], attempt=2, retry_of=ids[0], status="failed", error="ConnectionError: x", permanent=False)
    change(ids[2], attempt=3, retry_of=ids[1])
    for run_id in ids:
        report = explain(run_id)
        assert [each.run_id for each in report.attempts] == ids
        assert all(
            f"{ids[0][:8]} failed → {ids[1][:8]} failed → {ids[2][:8]} succeeded" in text for text in both(report)
        )
    assert f"etl show {ids[2][:8]}" in repr(explain(ids[0]))


def test_what_to_do_depends_on_how_it_ended(monkeypatch):
    def told(**values: object) -> str:
        if values:
            change(history.find("last").run_id, **values)
        return " ".join(f"{sentence} {command}" for sentence, command in explain().advice)

    monkeypatch.setenv("ETL_FAULTS", "extract=offline*3")
    with pytest.raises(ConnectionError):
        flights.run("2013-01-15")
    assert "trying again may help. etl run 2013-01-15" in told()
    assert "must be running, and none is. etl schedule " in told(retry_at=datetime.now(UTC) + timedelta(minutes=5))
    assert "its attempts are used up" in told(retry_at=None, blocked=True)
    assert "Correct what the error names" in told(permanent=True)
    assert "pending again" in told(status="crashed")
    assert "etl backfill 2013-01-15 2013-01-15" in told()
    assert "Its process is gone" in told(status="running", finished_at=None)
    assert explain().state == "died"
    assert "singly" in told(status="failed", interval_end=datetime(2013, 1, 17).date())


def test_a_retry_that_waits_says_who_will_do_it(monkeypatch):
    """What it says to type must not be refused: `etl schedule` is, where a scheduler is running."""
    monkeypatch.setenv("ETL_FAULTS", "extract=offline*3")
    with pytest.raises(ConnectionError):
        flights.run("2013-01-15")
    change(history.find("last").run_id, retry_at=datetime.now(UTC) + timedelta(minutes=5))
    assert ("etl schedule",) in {step[1:] for step in explain().advice}
    scheduler = get_scheduler().start()
    try:
        sentence, command = explain().advice[0]
        assert f"by the scheduler (pid {os.getpid()} on " in sentence and "(in 5 min 00 s)" in sentence
        assert command == "etl schedules"
        scheduler.add_schedule(flights, every=3600)
        scheduler.pause(flights)
        assert "once its schedule, which is paused, is resumed" in explain().advice[0][0]
        scheduler.stop()
        assert "once its schedule, which is paused, is resumed" in explain().advice[0][0]  # a start alone does not help
    finally:
        scheduler.stop()


def test_a_run_that_is_at_work():
    run = flights.start("2013-01-15")
    run.extract()
    for text in both(explain(run.run_id)):
        assert "… running" in text
        assert "It is at work" in text
    change(run.run_id, started_at=datetime.now(UTC) - timedelta(hours=1))
    assert explain(run.run_id).state == "overdue"
    run.abandon("the test ended")


def test_the_notebook_and_the_command_that_writes_it_again(home):
    path = home / "runs" / "a day.ipynb"
    report = explain(flights.run("2013-01-14", "2013-01-15", notebook=str(path)))
    assert report.commands["papermill"] == (
        f"papermill notebooks/run_pipeline.ipynb '{path}' --inject-output-path -p day 2013-01-14 -p until 2013-01-15"
    )
    assert all("a day.ipynb" in text for text in both(report))


def test_bars_are_as_long_as_the_stages_took():
    run = flights.run("2013-01-15")
    began = run.started_at
    for n, stage in enumerate(("extract", "transform", "load")):
        with history.open_history().begin() as conn:
            conn.execute(
                sa.update(history.stage_runs)
                .where(history.stage_runs.c.stage == stage)
                .values(started_at=began + timedelta(seconds=2 * n), duration_s=1.0)
            )
    change(run.run_id, duration_s=5.0)
    shares = [(round(bar.begin, 3), round(bar.end, 3)) for bar in explain().timeline]
    assert shares == [(0.0, 0.2), (0.4, 0.6), (0.8, 1.0)]


def test_rows_in_are_told_as_far_as_they_are_known():
    flights.run("2013-01-15")
    run_id = history.find("last").run_id
    for extracted, told in ((None, "rows 894 loaded + 0"), (1, "1 read and 894 loaded + 0"), (894, "894 read = 894")):
        change(run_id, rows_extracted=extracted)
        assert all(told in " ".join(text.split()) for text in both(explain()))


def test_html_is_escaped_and_in_the_theme_of_jupyterlab():
    flights.run("2013-01-15", notebook='x"><script>alert(1)</script>')
    change(history.find("last").run_id, error="<img src=x onerror=alert(1)> \x1b[31m \u202e", status="failed")
    report = explain()
    html = report._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert "var(--jp-" in html
    assert "\x1b" not in html + repr(report)
    assert "\u202e" not in html + repr(report)


def test_coloured_words_can_be_read_on_white_and_on_black():
    """WCAG's contrast of 4.5 : 1; where a colour is mixed with the text's own, on both grounds."""
    from etl_core.views.report_html import STATES, as_html

    def light(channels: list[float]) -> float:
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    flights.run("2013-01-15")
    for state in STATES:
        html = as_html(replace(explain(), state=state))
        inks = re.findall(r"[^-]color: (?:color-mix\(in srgb, )?(?:var\([^#]*)(#[0-9a-f]{6})\)(?: (\d+)%)?", html)
        assert inks, state
        for colour, share in inks:
            own, part = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)], int(share or 100) / 100
            for text, ground in ((0.13, 1.0), (0.87, 0.07)):  # JupyterLab's text on its white, on its black
                one, other = light([part * c + (1 - part) * text for c in own]), light([ground] * 3)
                contrast = (max(one, other) + 0.05) / (min(one, other) + 0.05)
                assert contrast >= 4.5, (state, colour, share, ground, round(contrast, 2))


def test_frames_of_a_chain_are_those_of_the_last_error():
    text = (
        'Traceback (most recent call last):\n  File "/home/me/first.py", line 1, in one\n    one()\nKeyError: 1\n\n'
        "The above exception was the direct cause of the following exception:\n\n"
        'Traceback (most recent call last):\n  File "/home/me/second.py", line 2, in two\n    two(\n    ~~~^^\n'
        '  File "/tmp/ipykernel_7/12.py", line 3, in three\n    three()\n'
        '  File "/venv/lib/python3.11/site-packages/pandas/core.py", line 9, in deep\n    deep()\nValueError: 2\n'
    )
    frames = frames_that_matter(text)
    assert [(frame.function, frame.source) for frame in frames] == [("two", "two("), ("three", "three()")]
    assert frames[1].place == "a notebook cell:3"
    assert frames_that_matter("no traceback") == []

"""The pictures hold what the data says, and say it in a sentence too."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from etl_core.backlog import PendingDay
from etl_core.history import Event, Run, StageRun
from etl_core.scheduling.journal import ticks
from etl_core.scheduling.store import Stored
from etl_core.views.room.calendar import calendar
from etl_core.views.room.durations import durations, parts
from etl_core.views.room.facts import Facts
from etl_core.views.room.headline import headline
from etl_core.views.room.moments import bands
from etl_core.views.room.table import log, runs_table
from etl_core.views.room.timeline import timeline
from etl_core.views.room.view import View
from tests.core.toy import toy
from tests.room.look import marked, svg

NOW = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
TICKING = Stored("toy", "schedule", "toy", NOW + timedelta(seconds=5), "every 5 s", "UTC", "x:y", 1)
PAUSED = replace(TICKING, next_run=None, paused=True)
EVIL = '<script>alert(1)</script> & "quotes"'


def run(day: int, ago: float, took: float | None = 0.5, status: str = "succeeded", **more: object) -> Run:
    begun = NOW - timedelta(seconds=ago)
    ended = None if status == "running" else begun + timedelta(seconds=took or 0)
    given = {"interval_start": date(2024, 1, day), "interval_end": date(2024, 1, day + 1), "started_at": begun, **more}
    return Run(pipeline="toy", status=status, finished_at=ended, duration_s=took, **given)


def look(facts: Facts, state: str = "running", **more: object) -> View:
    return View(at=NOW, pipeline=toy, state=state, facts=facts, **more)


def days(*numbers: int) -> dict[date, str]:
    return {date(2024, 1, n): f"hash {n}" for n in numbers}


def event(n: int, ago: float, kind: str, message: str = "") -> Event:
    return Event(n, NOW - timedelta(seconds=ago), kind, None, None, message)


def test_each_day_of_the_year_is_in_the_calendar_with_its_status() -> None:
    at_work = run(7, 2, None, "running")
    facts = Facts(
        landed=days(1, 2, 3, 4, 6, 7),
        running=(at_work,),
        alive={at_work.run_id: True},
        loaded=frozenset(days(1, 2)),
        pending=tuple(
            PendingDay(date(2024, 1, n), why, EVIL)
            for n, why in ((3, "blocked"), (4, "waiting"), (6, "new"), (7, "changed"))
        ),
    )
    html = calendar(look(facts))
    cells = {cell["data-day"]: cell["data-status"] for cell in marked(html, "data-day")}
    assert len(cells) == 366
    assert [cells[f"2024-01-0{n}"] for n in range(1, 9)] == (
        ["loaded", "loaded", "blocked", "waiting", "missing", "pending", "running", "absent"]
    )
    assert "<script" not in html and "alert(1)" in html
    assert (
        "2024: 2 of 6 landed days are loaded; 1 blocked (2024-01-03); 1 waiting for a retry (2024-01-04); "
        "1 pending (2024-01-06); 1 being loaded (2024-01-07); 1 not landed though later ones have (2024-01-05)"
    ) in html


def test_states_in_the_calendar_are_told_apart_without_colour() -> None:
    facts = Facts(
        landed=days(1, 2, 3),
        loaded=frozenset(days(1)),
        pending=(PendingDay(date(2024, 1, 2), "blocked"), PendingDay(date(2024, 1, 3), "waiting")),
    )
    signs = {
        group.attrib["data-status"]: "".join(one.text or "" for one in group if one.tag == "text")
        for group in svg(calendar(look(facts))).iter("g")
        if "data-day" in group.attrib
    }
    assert signs == {"loaded": "", "blocked": "✕", "waiting": "↻", "absent": ""}


def test_an_empty_calendar_says_so() -> None:
    assert "nothing has landed yet" in calendar(look(Facts()))
    assert "all 2 days that landed are loaded" in calendar(look(Facts(landed=days(1, 2), loaded=frozenset(days(1, 2)))))


def test_durations_are_stacked_by_stage_and_failures_are_marked() -> None:
    good, bad = run(1, 60, 2.0), run(2, 30, 1.0, "failed", error="x", retry_at=None)
    begun = NOW - timedelta(seconds=60)
    stage = StageRun(good.run_id, "extract", 1, "succeeded", begun, 0.5, None, 4, 0, None, None, None)
    stages = {
        good.run_id: (
            replace(stage, status="failed", duration_s=0.25),
            replace(stage, attempt=2),
            replace(stage, stage="transform", duration_s=0.25),
            replace(stage, stage="load", duration_s=0.75),
        )
    }
    view = look(Facts(runs=(bad, good), stages=stages))
    assert parts(view, good) == {"extract": 0.75, "transform": 0.25, "load": 0.75, "between": 0.25}
    html = durations(view)
    bars = {group.attrib["data-run-id"]: group for group in svg(html).iter("g")}
    assert list(bars) == [good.run_id, bad.run_id]  # oldest left
    heights = {one.attrib["data-stage"]: float(one.attrib["height"]) for one in bars[good.run_id].iter("rect")}
    assert abs(heights["extract"] / heights["between"] - 3) < 0.05
    assert [one.text for one in bars[bad.run_id].iter("text")] == ["✕"]
    assert "The last 2 runs: a day usually takes 2.00 s; 1 failed or died" in html


def test_what_is_usual_is_the_median_and_a_long_run_is_named() -> None:
    runs = tuple(run(n + 1, 100 - n, took) for n, took in enumerate([0.5, 0.6, 0.7, 9.0]))
    html = durations(look(Facts(runs=runs)))
    assert "a day usually takes 0.65 s, the longest took 9.00 s (2024-01-04); none failed" in html


def test_the_timeline_shows_attempts_the_gap_between_them_and_the_retry_that_is_stored() -> None:
    first = run(2, 100, 1.0, "failed", error=EVIL, retry_at=NOW - timedelta(seconds=60))
    second = run(
        2, 60, 1.0, "failed", attempt=2, retry_of=first.run_id, error="x", retry_at=NOW + timedelta(seconds=45)
    )
    fine = run(1, 120)
    html = timeline(look(Facts(runs=(second, first, fine), waiting=(second,), stored=(TICKING,))))
    drawn = svg(html)
    assert [one["data-run-id"] for one in marked(html, "data-run-id")] == [fine.run_id, first.run_id, second.run_id]
    gaps = [one.attrib for one in drawn.iter("line") if one.attrib["class"] == "gap"]
    assert len(gaps) == 2
    [retry] = marked(html, "data-retry-at")
    assert retry["data-retry-at"] == "12:00:45" and retry["x"] == gaps[1]["x2"]
    [now] = [one.attrib for one in drawn.iter("line") if one.attrib["class"] == "now"]
    at = [float(one["x"].strip("%")) for one in (gaps[0] | {"x": gaps[0]["x1"]}, {"x": now["x1"]}, retry)]
    assert at == sorted(at)
    assert "The last 5 minutes: 3 runs, 1 day with a failure; next retry at 12:00:45 UTC" in html
    assert "<script" not in html


def test_a_day_that_is_blocked_waits_for_no_retry() -> None:
    bad = run(2, 200, 0.1, "failed", permanent=True, blocked=True)
    drawn = svg(timeline(look(Facts(runs=(run(2, 20, 0.1), bad)))))
    assert not [one for one in drawn.iter("line") if one.attrib["class"] == "gap"]


def test_while_paused_no_time_is_told_at_which_nothing_will_come() -> None:
    failed = run(2, 10, 1.0, "failed", retry_at=NOW + timedelta(seconds=30))
    view = look(Facts(runs=(failed,), waiting=(failed,), stored=(PAUSED,)), "paused")
    assert "; a retry waits<" in timeline(view) and "next retry" not in timeline(view)
    assert "waiting" in runs_table(view, [failed], None) and "12:00:30" not in runs_table(view, [failed], None)


def test_a_run_that_died_after_its_commit_leaves_no_day_pending() -> None:
    dead = run(1, 10, None, "running")
    facts = Facts(landed=days(1), runs=(dead,), running=(dead,), alive={dead.run_id: False}, stored=(TICKING,))
    told = headline(look(facts))[3]
    assert told.detail == "its load was committed before; the next start, tick or run records how it ended"
    told = headline(look(replace(facts, pending=(PendingDay(date(2024, 1, 1), "crashed"),))))[3]
    assert told.detail.startswith("its days are pending; ")


def test_attempts_close_to_each_other_do_not_lie_over_each_other() -> None:
    first = run(2, 100, 0.1, "failed", retry_at=NOW - timedelta(seconds=98))
    second = run(2, 98, 0.1, "failed", attempt=2, retry_of=first.run_id, retry_at=NOW - timedelta(seconds=95))
    third = run(2, 95, 0.1, attempt=3, retry_of=first.run_id)
    drawn = svg(timeline(look(Facts(runs=(third, second, first)))))
    bars = [one.attrib for one in drawn.iter("rect") if one.attrib["class"].startswith("bar ")]
    places = [(float(bar["x"].strip("%")), float(bar["width"].strip("%"))) for bar in bars]
    assert len(places) == 3
    assert all(x + width <= following + 0.01 for (x, width), (following, _) in pairwise(places))


def test_a_run_that_has_just_failed_ends_before_now() -> None:
    """Its mark is wide enough for a sign, but stands in the past."""
    html = timeline(look(Facts(runs=(run(1, 0.2, 0.1, "failed"),))))
    [bar] = [one.attrib for one in svg(html).iter("rect") if one.attrib["class"] == "bar blocked"]
    [now] = [one.attrib for one in svg(html).iter("line") if one.attrib["class"] == "now"]
    x, width, end = (float(text.strip("%")) for text in (bar["x"], bar["width"], now["x1"]))
    assert width > 1 and x + width <= end + 0.01


def test_ticks_left_out_are_marked_side_by_side() -> None:
    events = tuple(event(9 - n, 30, kind, EVIL) for n, kind in enumerate(["skipped", "coalesced", "missed"]))
    html = timeline(look(Facts(events=events)))
    found = marked(html, "data-event")
    assert [one["data-event"] for one in found] == ["skipped", "coalesced", "missed"]
    places = [float(one["x"].strip("%")) for one in found][::-1]  # in the order they came
    assert places[2] - places[1] > 1 and places[1] - places[0] > 1
    assert "2 ticks missed or skipped" in html and "<script" not in html


def test_a_retry_that_is_stored_again_is_no_recovery() -> None:
    events = (event(2, 30, "alarm restored", "2024-01-02: attempt 2"), event(1, 40, "recovered", "its process died"))
    drawn = svg(timeline(look(Facts(events=events))))
    signs = ["".join(one.itertext())[-1] for one in drawn.iter("text") if one.get("data-event")]
    assert signs == ["◆", "✚"]


def test_a_run_that_died_is_told_beside_a_blocked_day() -> None:
    dead = run(1, 10, None, "running")
    bad = run(2, 10, 1.0, "failed", permanent=True, blocked=True, error="BadSchema")
    day = date(2024, 1, 2)
    facts = Facts(
        landed=days(2), runs=(bad, dead), running=(dead,), alive={dead.run_id: False}, stored=(TICKING,),
        pending=(PendingDay(day, "blocked", "x"),), newest={day: bad.run_id},
    )  # fmt: skip
    told = headline(look(facts))[3]
    assert (told.value, told.detail) == ("1 day needs you", "1 run died · 2024-01-02: x")


def test_ticks_left_out_are_counted_and_not_the_events_that_tell_of_them() -> None:
    start = datetime(2026, 3, 6, 11, 58, tzinfo=UTC)
    many = ticks([start + timedelta(seconds=n) for n in range(27)]), ticks([start])
    events = tuple(
        event(9 - n, 30, "missed", f"{told} due while no scheduler was running") for n, told in enumerate(many)
    )
    view = look(Facts(events=events, started=event(1, 60, "started")))
    assert "28 ticks missed or skipped" in timeline(view)
    assert headline(view)[4].value == "28 × missed"


def test_a_run_whose_end_nobody_saw_is_no_long_bar() -> None:
    """It was resolved by the next start, minutes later: its process had ended long before."""
    found = replace(run(1, 200), finished_at=NOW - timedelta(seconds=20), duration_s=None)
    [bar] = [one.attrib for one in svg(timeline(look(Facts(runs=(found,))))).iter("rect") if "bar" in one.get("class")]
    assert float(bar["width"].strip("%")) < 1


def test_what_is_older_than_the_window_is_not_drawn() -> None:
    html = timeline(look(Facts(runs=(run(1, 10), run(2, 3000)), events=(event(1, 900, "missed"),))))
    assert len(marked(html, "data-run-id")) == 1
    assert marked(html, "data-event") == []


def test_runs_at_the_same_time_do_not_cover_each_other() -> None:
    runs = (run(2, 20, 10.0), run(1, 22, 10.0))
    drawn = svg(timeline(look(Facts(runs=runs))))
    lanes = [lane for lane in drawn.iter("g") if any("data-run-id" in one.attrib for one in lane)]
    assert len(lanes) == 2


def test_bands_tell_when_a_scheduler_was_there() -> None:
    kinds = ["started", "paused", "resumed", "stopped", "started"]
    events = tuple(event(n, 100 - 10 * n, kind) for n, kind in enumerate(kinds))[::-1]
    found = [(round((NOW - end).total_seconds()), kind) for _, end, kind in bands(look(Facts(events=events)))]
    assert found == [(90, "on"), (80, "paused"), (70, "on"), (0, "on")]


def test_a_scheduler_that_was_killed_ends_with_its_last_sign_of_life() -> None:
    events = (event(2, 20, "started"), event(1, 200, "started"))
    last = run(1, 150)
    [first, _] = bands(look(Facts(events=events, runs=(last,))))
    assert first[1] == last.started_at
    killed = look(Facts(events=events[1:], runs=(last,)), state="stopped")
    assert bands(killed)[0][1] == last.started_at


def test_text_from_files_and_errors_is_escaped_in_table_and_log() -> None:
    bad = run(1, 10, 1.0, "failed", error=EVIL)
    view = look(Facts(runs=(bad,), events=(event(1, 5, "refused", EVIL),)))
    assert "<script" not in runs_table(view, [bad], None) + log(view)
    assert "&lt;script&gt;" in log(view)


def test_a_run_that_takes_longer_than_usual_and_one_that_is_overdue() -> None:
    usual = tuple(run(n, 600 - n, 0.5) for n in range(1, 6))
    slow = run(7, 5, None, "running")
    facts = Facts(runs=(slow, *usual), running=(slow,), alive={slow.run_id: True})
    told = headline(look(facts))[2]
    assert (told.tone, told.detail) == ("warn", "beginning · 5 s so far · usually 0.50 s · longer than usual")
    late = run(7, 1000, None, "running")
    told = headline(look(replace(facts, running=(late,), alive={late.run_id: True})))
    assert (told[2].tone, told[2].detail) == ("bad", "beginning · 16 min 40 s so far · usually 0.50 s · overdue")
    assert told[5].command == f"etl show {late.run_id[:8]}"


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    coming = run(7, -3, None, "running")
    view = look(Facts(runs=(coming,), running=(coming,), alive={coming.run_id: True}))
    assert headline(view)[2].detail == "beginning · 0 s so far"
    assert ", 0.00 s<" in timeline(view) and not re.search(r"-\d[\d.]* s\b", timeline(view))


def test_the_next_tick_is_told_with_its_day_where_that_is_not_today() -> None:
    def told(due: datetime) -> str:
        facts = Facts(stored=(Stored("toy", "schedule", "toy", due, "30 6 * * mon-fri (UTC)", "UTC", "x:y", 1),))
        return headline(look(facts))[1].detail.rpartition(" · ")[2]

    assert told(NOW + timedelta(hours=2)) == "next 14:00:00 UTC"
    assert told(datetime(2026, 3, 9, 6, 30, tzinfo=UTC)) == "next 2026-03-09 06:30:00 UTC"


def test_times_of_yesterday_are_told_with_their_day() -> None:
    old = run(1, 100_000)
    assert "<td>2026-03-05 08:13:20</td>" in runs_table(look(Facts(runs=(old,))), [old], None)
    failed = run(2, 10, 1.0, "failed", retry_at=NOW + timedelta(days=1))
    view = look(Facts(runs=(failed,), waiting=(failed,), stored=(TICKING,)))
    assert headline(view)[3].detail.endswith("attempt 2 at 2026-03-07 12:00:00 UTC")
    assert "next retry at 2026-03-07 12:00:00 UTC" in timeline(view)


def test_green_but_stale() -> None:
    """Every run succeeded, and the answer is no all the same."""
    facts = Facts(
        landed=days(*range(1, 9)),
        loaded=frozenset(days(1, 2)),
        pending=tuple(PendingDay(day, "new") for day in days(*range(3, 9))),
        runs=(run(2, 100), run(1, 101)),
        stored=(PAUSED,),
    )
    current, scheduler, _, failed, *_ = headline(look(facts, "paused"))
    assert (current.value, current.tone) == ("6 days pending", "bad")
    assert current.detail == "whole to 2024-01-02 · oldest pending 2024-01-03"
    assert scheduler.value == "yes, but paused"
    assert failed.value == "nothing"


def test_nothing_is_pending_and_yet_somebody_has_to_press_a_button() -> None:
    done = Facts(landed=days(1), loaded=frozenset(days(1)), stored=(TICKING,))
    paused = replace(done, stored=(PAUSED,))
    for view, said in (
        (look(done), ("nothing", "ok")),
        (look(done, "stopped"), ("press Start", "warn")),
        (look(paused, "paused"), ("press Resume", "warn")),
        (look(paused, "stopped"), ("press Start, then Resume", "warn")),
        (look(done, "held"), ("nothing here", "ok")),
        (
            look(paused, "held"),
            (
                "press Resume in its room, if it has one; else Start, then Resume, once the other scheduler is stopped",
                "warn",
            ),
        ),
    ):
        told = headline(view)[5]
        assert (told.value, told.tone) == said, view.state


def test_the_schedule_of_another_pipeline_is_told() -> None:
    other = replace(PAUSED, id="weather", pipeline="weather")
    for state in ("running", "held"):
        told = headline(look(Facts(landed=days(1), loaded=frozenset(days(1)), stored=(TICKING, other)), state))[1]
        assert told.tone == "ok" and told.detail.endswith(" · next 12:00:05 UTC · also weather: every 5 s, paused")
    told = headline(look(Facts(landed=days(1), stored=(PAUSED,)), "held"))[1]
    assert told.detail.endswith("every 5 s · paused")


def test_nothing_is_promised_that_waits_for_a_button() -> None:
    bad = run(2, 10, 1.0, "failed", permanent=True, blocked=True, error="BadSchema")
    day = date(2024, 1, 2)
    blocked = Facts(landed=days(2), pending=(PendingDay(day, "blocked", "x"),), runs=(bad,), newest={day: bad.run_id})
    redo = Facts(landed=days(2), pending=(PendingDay(day, "crashed", "its process died"),))
    for state, stored, blocked_is, redo_is in (
        ("running", TICKING, "is loaded by itself", "a tick loads it"),
        ("paused", PAUSED, "is loaded once you press Resume", "once you press Resume"),
        ("stopped", TICKING, "is loaded once you press Start", "once you press Start"),
    ):
        assert blocked_is in headline(look(replace(blocked, stored=(stored,)), state))[5].detail
        assert redo_is in headline(look(replace(redo, stored=(stored,)), state))[3].detail


def test_a_retry_heals_nothing_while_ticks_do_not_come() -> None:
    failed = run(2, 10, 1.0, "failed", retry_at=NOW + timedelta(seconds=30))
    facts = Facts(landed=days(2), pending=(PendingDay(date(2024, 1, 2), "waiting"),), runs=(failed,), waiting=(failed,))
    for state, stored, said in (
        ("running", TICKING, ("1 heals itself", "2024-01-02: attempt 2 at 12:00:30 UTC")),
        ("paused", PAUSED, ("1 waiting", "2024-01-02: attempt 2 once you press Resume")),
        ("stopped", TICKING, ("1 waiting", "2024-01-02: attempt 2 once you press Start")),
        (
            "held",
            PAUSED,
            (
                "1 waiting",
                "2024-01-02: attempt 2 once you press Resume in its room, if it has one; else Start, then Resume, once "
                "the other scheduler is stopped",
            ),
        ),
    ):
        told = headline(look(replace(facts, stored=(stored,)), state))[3]
        assert (told.value, told.detail) == said

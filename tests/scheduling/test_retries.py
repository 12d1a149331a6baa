"""Retries: stored, restored, and begun once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from etl_core import RetryPolicy, faults, history
from etl_core.errors import Overlap
from etl_core.interval import Interval
from etl_core.scheduling import jobs, recovery, stored_schedules
from tests.core import toy
from tests.core.toy import until
from tests.scheduling.test_scheduler import said

TOY = "tests.core.toy:toy"
FIRST = Interval.of("2024-01-01")


@pytest.fixture(autouse=True)
def _landing(letters: Path) -> None:
    """Three days of the toy pipeline have landed."""


@pytest.fixture
def failed(letters: Path) -> history.Run:
    """A scheduled run that failed and waits for its retry, by a process that died before it set the alarm."""
    toy.land("2024-01-01", "offline\n")
    run = toy.toy.attempt(FIRST, trigger="scheduled")
    assert run.status == "failed" and run.retry_at > datetime.now(UTC)
    return run


def quick(monkeypatch: pytest.MonkeyPatch, attempts: int = 3) -> None:
    policy = RetryPolicy(attempts=attempts, base=0.1, cap=0.1)
    monkeypatch.setattr(toy, "toy", replace(toy.toy, run_retry=policy))


def attempts() -> list[tuple[int, str]]:
    runs = [run for run in history.newest_runs() if run.interval == FIRST]
    return [(run.attempt, run.status) for run in reversed(runs)]


def test_when_all_attempts_are_used_up_the_day_is_blocked(scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    toy.land("2024-01-01", "offline\n")
    scheduler.start().add_schedule(TOY, every=0.3)
    until(lambda: len(attempts()) == 3 and attempts()[-1][1] == "failed")
    until(lambda: len(history.newest_runs(status="succeeded")) == 2)
    scheduler.stop()
    assert attempts() == [(1, "failed"), (2, "failed"), (3, "failed")]
    newest = next(run for run in history.newest_runs() if run.interval == FIRST)
    assert newest.blocked and newest.retry_at is None
    toy.land("2024-01-01")
    assert toy.toy.run(FIRST).status == "succeeded"


def test_a_lost_alarm_is_set_at_start(scheduler, failed: history.Run) -> None:
    scheduler.start()
    [alarm] = stored_schedules()
    assert (alarm.id, alarm.kind) == ("retry|toy|2024-01-01|2", "retry")
    assert abs(alarm.next_run - failed.retry_at).total_seconds() < 0.001
    assert said("alarm restored")
    scheduler.stop()
    scheduler.start()
    assert len(said("alarm restored")) == 1  # it is there now


def test_a_lost_alarm_is_set_by_a_tick(scheduler, failed: history.Run) -> None:
    scheduler.start().add_schedule(TOY, every=3600)
    scheduler._background.remove_job("retry|toy|2024-01-01|2")
    scheduler.run_now("toy")
    until(lambda: len(said("alarm restored")) == 2)
    assert {one.kind for one in stored_schedules()} == {"retry", "schedule"}


def test_a_tick_leaves_a_day_that_waits_to_its_retry(failed: history.Run) -> None:
    jobs.tick(TOY)
    assert attempts() == [(1, "failed")]
    assert len(history.newest_runs(status="succeeded")) == 2


def test_an_alarm_that_cannot_be_stored_is_set_by_the_sweep(scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    monkeypatch.setattr("etl_core.scheduling.scheduler.SWEEP", 0.1)
    monkeypatch.setattr("etl_core.scheduling.background.HEARTBEAT", 0.05)
    faults.inject("extract=offline*3,retry.before-alarm=locked")  # three attempts of the stage, then the run fails
    scheduler.start().add_schedule(TOY, every=3600)
    scheduler.run_now("toy")
    until(lambda: len(history.newest_runs(status="succeeded")) == 3)
    assert said("alarm restored") and not said("retry stored")
    assert attempts() == [(1, "failed"), (2, "succeeded")]


def test_a_retry_is_left_out_when_its_day_was_run_by_hand(failed: history.Run) -> None:
    toy.land("2024-01-01")
    toy.toy.run(FIRST)
    jobs.retry(TOY, failed.run_id)
    assert attempts() == [(1, "failed"), (1, "succeeded")]


def test_of_two_alarms_for_one_run_one_begins(failed: history.Run) -> None:
    """As after a kill: an orphaned child process and the new scheduler both carry out the same retry."""
    toy.land("2024-01-01")
    given = {"trigger": "retry", "attempt": 2, "retry_of": failed.run_id, "after": failed.run_id}
    assert toy.toy.attempt(FIRST, **given).status == "succeeded"
    with pytest.raises(Overlap, match="since this was decided, and succeeded"):
        toy.toy.attempt(FIRST, **given)
    with pytest.raises(Overlap):
        toy.toy.attempt(FIRST, trigger="scheduled", after="")


def test_a_retry_whose_day_is_gone_is_given_up(scheduler, letters: Path, failed: history.Run) -> None:
    (letters / "2024-01-01.txt").unlink()
    jobs.retry(TOY, failed.run_id)
    assert recovery.waiting_runs() == []
    assert "what had landed is gone" in said("retry given up")[0]
    toy.land("2024-01-01")
    jobs.tick(TOY)
    assert attempts() == [(1, "failed"), (1, "succeeded")]


def test_a_paused_schedule_holds_its_retries(scheduler, failed: history.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.land("2024-01-01")
    scheduler.start().add_schedule(TOY, every=3600)
    scheduler.pause("toy")
    scheduler._background.modify_job("retry|toy|2024-01-01|2", next_run_time=datetime.now(UTC))
    until(lambda: {one.kind for one in stored_schedules()} == {"schedule"})
    until(lambda: not scheduler._background.pool.at_work())
    assert attempts() == [(1, "failed")]
    scheduler.resume("toy")
    assert {one.kind: one.paused for one in stored_schedules()} == {"retry": False, "schedule": False}
    scheduler.pause("toy")
    assert {one.kind: one.paused for one in stored_schedules()} == {"retry": True, "schedule": True}
    scheduler.resume("toy")
    scheduler._background.modify_job("retry|toy|2024-01-01|2", next_run_time=datetime.now(UTC))
    until(lambda: attempts() == [(1, "failed"), (2, "succeeded")])


def test_a_retry_outlives_its_schedule(scheduler, failed: history.Run) -> None:
    scheduler.start().add_schedule(TOY, every=3600)
    scheduler.remove("toy")
    assert [one.kind for one in stored_schedules()] == ["retry"]


def test_what_kills_the_process_again_and_again_comes_last(home: Path) -> None:
    code = "toy.run('2024-01-01')"
    for kills in (1, 2):
        toy.child(code, ETL_FAULTS=f"extract=kill*{kills}").communicate()
        from etl_core import running

        running.resolve_dead()
        days = jobs._deadly_last(toy.toy, jobs.pending_days(toy.toy))
        first = date(2024, 1, 1) if kills == 1 else date(2024, 1, 2)
        assert days[0].day == first
    jobs.tick(TOY)
    order = [str(run.interval) for run in reversed(history.newest_runs(status="succeeded"))]
    assert order == ["2024-01-02", "2024-01-03", "2024-01-01"]


def test_a_mistake_in_the_environment_does_not_give_up_a_retry(failed: history.Run, monkeypatch) -> None:
    monkeypatch.setenv("ETL_FAULTS", "nonsense")
    jobs.retry(TOY, failed.run_id)
    assert [run.run_id for run in recovery.waiting_runs()] == [failed.run_id]
    assert "ETL_FAULTS" in said("retry put off")[0]

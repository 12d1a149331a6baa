"""What an operator asks, answered from one look: each answer fits on a card and is read in a second or two.

The share of runs that succeeded is not among them: it is 100 % while nothing runs.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime

from etl_core.views.room.view import LEFT_OUT, View, Working
from etl_core.views.words import count, first_line, listed, seconds


@dataclass(frozen=True)
class Answer:
    """`value` is the answer, `detail` what stands below it; `tone` is ok, busy, warn, bad or off. `command` is what to
    type, where there is something to type."""

    name: str
    question: str
    value: str
    tone: str
    detail: str = ""
    command: str = ""


def headline(view: View) -> list[Answer]:
    """The six answers, always in this order: current, scheduler, now, failed, missed, type."""
    return [current(view), scheduler(view), at_work(view), failed(view), missed(view), to_type(view)]


def current(view: View) -> Answer:
    """Green but stale is possible: this looks at what has landed, not at whether runs succeed."""
    ask = ("current", "Is the data current?")
    if view.problems and not view.facts.landed:
        return Answer(*ask, "cannot be told", "bad", first_line(view.problems[0], 160))
    if not view.facts.landed:
        return Answer(*ask, "nothing landed", "off", "no day has landed yet")
    whole = f"whole to {view.whole_to}" if view.whole_to else "no day is whole yet"
    gap = f" · {count(view.counts['missing'], 'day')} not landed in between" if view.counts["missing"] else ""
    if not view.behind:
        return Answer(*ask, "yes", "ok", f"{whole} · all {count(len(view.facts.landed), 'landed day')} loaded{gap}")
    tone = "warn" if view.ticking else "bad"
    return Answer(
        *ask, f"{count(len(view.behind), 'day')} pending", tone, f"{whole} · oldest pending {view.behind[0]}{gap}"
    )


def scheduler(view: View) -> Answer:
    ask = ("scheduler", "Is the scheduler alive?")
    whose = "this kernel" if view.holder_is_me else str(view.holder) if view.holder else ""
    since = f" (pid {view.holder.pid}) since {_clock(view.holder.since)}" if view.holder_is_me else ""
    when = view.schedule.when if view.schedule else "no schedule stored"
    if view.state == "stopped":
        late = _overdue_tick(view)
        return Answer(*ask, "no, stopped", "warn" if not view.behind else "bad", f"{when}{late} · press Start")
    if view.state == "failed":
        return Answer(*ask, "no, it failed", "bad", view.why or "")
    if view.state in ("starting", "stopping"):
        return Answer(*ask, view.state, "busy", f"{whose}{since}")
    if view.state == "paused":
        return Answer(*ask, "yes, but paused", "warn", f"{whose}{since} · no ticks and no retries until Resume")
    due = (
        f" · next {view.due:%H:%M:%S}" if view.due else (" · paused" if view.schedule and view.schedule.paused else "")
    )
    value = "yes" if view.state == "running" else "yes, elsewhere"
    tone = "ok" if view.due else "warn"
    return Answer(*ask, value, tone, f"{whose}{since} · {when}{due}")


def at_work(view: View) -> Answer:
    ask = ("now", "What runs now?")
    if not view.at_work:
        usual = f"a day usually takes {seconds(view.usual)}" if view.usual is not None else "no day was loaded yet"
        return Answer(*ask, "nothing", "off", usual)
    one = max(view.at_work, key=lambda each: (each.state == "overdue", each.slow, each.seconds))
    more = f" and {len(view.at_work) - 1} more" if len(view.at_work) > 1 else ""
    tone = "bad" if one.state == "overdue" else "warn" if one.slow else "busy"
    return Answer(*ask, f"{listed(one.run.interval.days)}{more}", tone, _doing(one))


def failed(view: View) -> Answer:
    """What needs a person comes before what heals itself."""
    ask = ("failed", "What failed?")
    heals = [run for run in view.facts.waiting if run.retry_at]
    first = min(heals, key=lambda run: run.retry_at) if heals else None
    healing = ""
    if first:
        late = first.retry_at <= view.at
        when = "as soon as a scheduler runs" if not view.ticking else "now" if late else f"at {first.retry_at:%H:%M:%S}"
        healing = f"{listed(first.interval.days)}: attempt {first.attempt + 1} {when}"
    if view.blocked:
        _, error, _ = view.blocked[0]
        value = f"{count(len(view.blocked), 'day needs', 'days need')} you"
        value += f", {len(heals)} heal{'s' if len(heals) == 1 else ''} itself" if heals else ""
        return Answer(*ask, value, "bad", f"{listed(d for d, *_ in view.blocked)}: {first_line(error, 140)}")
    if heals:
        return Answer(*ask, f"{len(heals)} heal{'s itself' if len(heals) == 1 else ' themselves'}", "warn", healing)
    if view.died:
        return Answer(
            *ask, f"{count(len(view.died), 'run')} died", "bad", "its days are pending: any tick or run resolves it"
        )
    again = [one for one in view.facts.pending if one.error]
    if again:
        return Answer(
            *ask,
            f"{count(len(again), 'day')} to redo",
            "warn",
            f"{listed(p.day for p in again)}: pending, a tick loads it",
        )
    return Answer(*ask, "nothing", "ok", "no day waits, none is blocked")


def missed(view: View) -> Answer:
    """Since the scheduler was last started."""
    ask = ("missed", "Missed or recovered?")
    if view.state in ("stopped", "failed") and (late := _overdue_tick(view)):
        return Answer(*ask, "a tick is overdue", "warn", late.removeprefix(" · ") + "; it runs once at the next start")
    kinds = {kind: [one for one in view.since_start if one.kind == kind] for kind in LEFT_OUT}
    told = [f"{len(some):,} × {kind}" for kind, some in kinds.items() if some]
    if view.recovered:
        newest = view.recovered[0].message
        value = f"{count(len(view.recovered), 'run')} recovered"
        return Answer(*ask, value, "warn", " · ".join([first_line(newest, 120), *told]))
    if told:
        newest = next(one for one in view.since_start if one.kind in LEFT_OUT)
        return Answer(*ask, told[0], "warn", " · ".join([*told[1:], first_line(newest.message, 120)]))
    if view.facts.started is None:
        return Answer(*ask, "nothing", "off", "no scheduler was started here yet")
    return Answer(*ask, "nothing", "ok", f"since the start at {view.facts.started.at:%Y-%m-%d %H:%M:%S}")


def to_type(view: View) -> Answer:
    """The case at hand, the most urgent first."""
    ask, etl = ("type", "What do I type?"), _etl(view)
    if view.problems:
        return Answer(*ask, "put it right first", "bad", view.problems[0])
    if view.state == "failed":
        return Answer(*ask, "press Start", "bad", view.why or "")
    if view.blocked:
        day, _, run_id = view.blocked[0]
        told = f"{day} is blocked. See why; a corrected file is loaded by itself, or load it by hand: {etl}run {day}"
        return Answer(*ask, "see why", "bad", told, f"etl show {run_id[:8]}")
    if view.at_work and (slow := [one for one in view.at_work if one.state == "overdue"]):
        run = slow[0].run
        told = f"its run is overdue; if it hangs, end pid {run.pid} on {run.host}: its day is then pending again"
        return Answer(*ask, "see what it does", "bad", told, f"etl show {run.run_id[:8]}")
    if view.behind and not view.ticking and not view.at_work:
        why = {"paused": "press Resume", "stopped": "press Start"}.get(view.state, "press Start")
        told = f"{count(len(view.behind), 'day')} pending and nobody loads them: {why}, or load them by hand"
        return Answer(*ask, why, "bad", told, f"{etl}backfill {view.behind[0]} {view.behind[-1]}")
    if view.facts.waiting:
        run = min(view.facts.waiting, key=lambda each: each.retry_at)
        return Answer(*ask, "nothing, it heals itself", "ok", "why it failed", f"etl show {run.run_id[:8]}")
    if view.state == "held":
        return Answer(*ask, "nothing here", "ok", f"the scheduler is {view.holder}", f"{etl}status")
    if view.behind:
        return Answer(
            *ask, "nothing", "ok", "the next ticks load what is pending; what they are is told by", f"{etl}pending"
        )
    return Answer(*ask, "nothing", "ok", "all is well; the same for a monitor", f"{etl}status")


def _doing(one: Working) -> str:
    stage = (
        f"in {one.stage.stage}" + (f", attempt {one.stage.attempt}" if one.stage.attempt > 1 else "")
        if one.stage
        else "beginning"
    )
    usual = f" · usually {seconds(one.usual)}" if one.usual is not None else ""
    longer = " · overdue" if one.state == "overdue" else " · longer than usual" if one.slow else ""
    return f"{stage} · {one.seconds:.0f} s so far{usual}{longer}"


def _overdue_tick(view: View) -> str:
    due = view.due
    return f" · was due at {due:%Y-%m-%d %H:%M:%S}" if due and due < view.at else ""


def _etl(view: View) -> str:
    option = "" if view.pipeline.name == "flights" else f"--pipeline {shlex.quote(view.pipeline.target or '')} "
    return f"etl {option}"


def _clock(since: str | datetime | None) -> str:
    return str(since)[11:19] if since else "?"

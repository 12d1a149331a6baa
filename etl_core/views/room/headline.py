"""What an operator asks, answered from one look: each answer fits on a card and is read in a second or two.

The share of runs that succeeded is not among them: it is 100 % while nothing runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape

from etl_core.scheduling.journal import number_of_ticks
from etl_core.views.room.svg import prose
from etl_core.views.room.view import LEFT_OUT, View, Working
from etl_core.views.words import count, etl, first_line, listed, seconds

SIGNS = {"ok": "✓", "busy": "▶", "warn": "!", "bad": "✕", "off": "–"}
Said = tuple[str, str, str] | tuple[str, str, str, str]  # value, tone, detail, and what to type


@dataclass(frozen=True)
class Answer:
    """`value` is the answer, `detail` what stands below it; `tone` is ok, busy, warn, bad or off. `command` is what to
    type, where there is something to type; `first` what a terminal needs before it, and before the autopsy's commands,
    where this kernel's files are not those that a terminal means."""

    name: str
    question: str
    value: str
    tone: str
    detail: str = ""
    command: str = ""
    first: str = ""


def headline(view: View) -> list[Answer]:
    """The six answers, always in the order of QUESTIONS."""
    found = [Answer(name, question, *answer(view)) for name, (question, answer) in QUESTIONS.items()]
    return [replace(one, first=view.exports) if one.name == "type" else one for one in found]


def answer_card(answer: Answer) -> str:
    """An answer as HTML."""
    command = f"<code>{escape(answer.command)}</code>" if answer.command else ""
    value = f"<strong><i aria-hidden='true'>{SIGNS[answer.tone]}</i>{prose(answer.value)}</strong>"
    detail = f'<p title="{escape(answer.detail)}">{prose(answer.detail)}</p>'
    return (
        f'<div class="etl-answer {answer.tone}" data-answer="{answer.name}" data-tone="{answer.tone}">'
        f"<h4>{answer.question}</h4>{value}{detail}{command}{_where(answer)}</div>"
    )


def _where(answer: Answer) -> str:
    """How to type it, where a terminal as it is means other files."""
    if not answer.first:
        return ""
    here = f"in a cell: <code>!{escape(answer.command or 'etl …')}</code> · "
    return f'<div class="where">{here}in a terminal first: <code>{escape(answer.first)}</code></div>'


def current(view: View) -> Said:
    """Green but stale is possible: this looks at what has landed, not at whether runs succeed."""
    landed = view.facts.landed
    if view.problems and not landed:
        return "cannot be told", "bad", first_line(view.problems[0], 160)
    if not landed:
        return "nothing landed", "off", "no day has landed yet"
    whole = f"whole to {view.whole_to}" if view.whole_to else "no day is whole yet"
    gap = f" · {count(view.counts['missing'], 'day')} not landed in between" if view.counts["missing"] else ""
    if not view.behind:
        return "yes", "ok", f"{whole} · all {count(len(landed), 'landed day')} loaded{gap}"
    tone = "warn" if view.ticking else "bad"
    blocked = f" · {len(view.blocked)} of them blocked" if view.blocked else ""
    return f"{count(len(view.behind), 'day')} pending", tone, f"{whole} · oldest pending {view.behind[0]}{blocked}{gap}"


def scheduler(view: View) -> Said:
    when = view.schedule.when if view.schedule else "no schedule stored"
    if view.state == "stopped":
        told = " · ".join([when, *_overdue_tick(view), f"press {view.goes_on}"])
        return "no, stopped", "bad" if view.behind else "warn", told
    if view.state == "failed":
        return "no, it failed", "bad", view.why or ""
    whose = str(view.holder or "")
    if view.holder_is_me:
        since = (view.holder.since or "?").removeprefix(f"{view.at:%Y-%m-%d} ")
        whose = f"this kernel (pid {view.holder.pid}), since {since}"
    if view.state in ("starting", "stopping"):
        return view.state, "busy", whose
    if view.state == "paused":
        return "yes, but paused", "warn", f"{whose} · no ticks and no retries until Resume"
    value = "yes" if view.state == "running" else "yes, elsewhere"
    others = [one for one in view.facts.stored if one.kind == "schedule" and one != view.schedule]
    also = "".join(f" · also {one.pipeline}: {one.when}" + (", paused" if one.paused else "") for one in others)
    if view.due:
        return value, "ok", f"{whose} · {when} · next {view.clock(view.due)}{also}"
    return value, "warn", f"{whose} · {when}" + (" · paused" if view.paused else "") + also


def at_work(view: View) -> Said:
    if not view.at_work:
        usual = view.usual()
        told = f"a day usually takes {seconds(usual)}" if usual is not None else "no day was loaded by itself yet"
        return "nothing", "off", told
    one = max(view.at_work, key=lambda each: (each.state == "overdue", each.slow, each.seconds))
    more = f" and {len(view.at_work) - 1} more" if len(view.at_work) > 1 else ""
    tone = "bad" if one.state == "overdue" else "warn" if one.slow else "busy"
    return f"{listed(one.run.interval.days)}{more}", tone, _doing(one)


def failed(view: View) -> Said:
    """What needs a person comes before what heals itself."""
    heals = view.facts.waiting
    healing = "1 heals itself" if len(heals) == 1 else f"{len(heals)} heal themselves"
    if not view.ticking:
        healing = f"{len(heals)} waiting"
    if view.blocked:
        days, error = listed(day for day, *_ in view.blocked), first_line(view.blocked[0][1], 140)
        more = f"{healing} · " if heals else ""
        more += f"{count(len(view.died), 'run')} died · " if view.died else ""
        return f"{count(len(view.blocked), 'day needs', 'days need')} you", "bad", f"{more}{days}: {error}"
    if first := view.next_retry:
        when = _once(view, "now" if first.retry_at <= view.at else f"at {view.clock(first.retry_at)}")
        return healing, "warn", f"{listed(first.interval.days)}: attempt {first.attempt + 1} {when}"
    if view.died:
        pending = any(day in view.behind for one in view.died for day in one.run.interval.days)
        became = "its days are pending" if pending else "its load was committed before"
        told = f"{became}; the next start, tick or run records how it ended"
        return f"{count(len(view.died), 'run')} died", "bad", told
    again = [one.day for one in view.facts.pending if one.error]
    if again:
        by = "a tick loads it" if view.ticking else f"loaded {_once(view)}"
        return f"{count(len(again), 'day')} to redo", "warn", f"{listed(again)}: pending, {by}"
    return "nothing", "ok", "no day waits, none is blocked"


def missed(view: View) -> Said:
    """Since the scheduler was last started."""
    if view.state in ("stopped", "failed") and (late := _overdue_tick(view)):
        return "a tick is overdue", "warn", f"{late[0]}; it runs once at the next start"
    left_out = [one for one in view.since_start if one.kind in LEFT_OUT]
    found = {kind: number_of_ticks(one for one in left_out if one.kind == kind) for kind in LEFT_OUT}
    told = [f"{ticks:,} × {kind}" for kind, ticks in found.items() if ticks]
    if view.recovered:
        newest = first_line(view.recovered[0].message, 120)
        return f"{count(len(view.recovered), 'run')} recovered", "warn", " · ".join([newest, *told])
    if told:
        return told[0], "warn", " · ".join([*told[1:], first_line(left_out[0].message, 120)])
    if view.facts.started is None:
        return "nothing", "off", "no scheduler was started here yet"
    return "nothing", "ok", f"since the start at {view.clock(view.facts.started.at)}"


def to_type(view: View) -> Said:
    """The case at hand, the most urgent first."""
    command = etl(view.pipeline.name, view.pipeline.target)
    if view.problems:
        return "put it right first", "bad", view.problems[0]
    if view.state == "failed":
        return "press Start", "bad", view.why or ""
    if view.blocked:
        day, _, run_id = view.blocked[0]
        told = f"{day} is blocked. A corrected file is loaded {_once(view, 'by itself')}; "
        told += f"or load it by hand: {command} run {day}"
        return "see why", "bad", told, f"etl show {run_id[:8]}"
    if slow := [one.run for one in view.at_work if one.state == "overdue"]:
        told = f"if it hangs, end pid {slow[0].pid} on {slow[0].host}: its day is then pending again"
        return "see what it does", "bad", told, f"etl show {slow[0].run_id[:8]}"
    if view.behind and not view.ticking and not view.at_work:
        told = f"{count(len(view.behind), 'day')} pending and nobody loads them; by hand it is"
        return f"press {view.goes_on}", "bad", told, f"{command} backfill {view.behind[0]} {view.behind[-1]}"
    if view.behind and not view.ticking:
        told = f"a run is at work; what it leaves pending waits until you press {view.goes_on}. Pending now:"
        return "nothing yet", "busy", told, f"{command} pending"
    if view.next_retry:
        return "nothing, it heals itself", "ok", "why it failed", f"etl show {view.next_retry.run_id[:8]}"
    if view.state == "held" and view.ticking:
        return "nothing here", "ok", f"the scheduler is {view.holder}", f"{command} status"
    if view.behind:
        return "nothing", "ok", "the next ticks load what is pending; what they are is told by", f"{command} pending"
    if not view.ticking:
        told = "nothing is pending now; what lands next waits until then"
        return f"press {view.goes_on}", "warn", told, f"{command} status"
    return "nothing", "ok", "all is well; the same for a monitor", f"{command} status"


QUESTIONS: dict[str, tuple[str, Callable[[View], Said]]] = {
    "current": ("Is the data current?", current),
    "scheduler": ("Is the scheduler alive?", scheduler),
    "now": ("What runs now?", at_work),
    "failed": ("What failed?", failed),
    "missed": ("Missed or recovered?", missed),
    "type": ("What do I type?", to_type),
}


def _doing(one: Working) -> str:
    stage = f"in {one.stage.stage}" if one.stage else "beginning"
    again = f", attempt {one.stage.attempt}" if one.stage and one.stage.attempt > 1 else ""
    usual = f" · usually {seconds(one.usual)}" if one.usual is not None else ""
    longer = " · overdue" if one.state == "overdue" else " · longer than usual" if one.slow else ""
    took = f"{one.seconds:.0f} s" if one.seconds < 60 else seconds(one.seconds)
    return f"{stage}{again} · {took} so far{usual}{longer}"


def _once(view: View, ticking: str = "") -> str:
    """When it goes on: as told where ticks come."""
    return ticking if view.ticking else f"once you press {view.goes_on}"


def _overdue_tick(view: View) -> list[str]:
    """One sentence, or none."""
    return [f"was due at {view.clock(view.due)}"] if view.due and view.due < view.at else []

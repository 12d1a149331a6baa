"""How long the last runs took, stacked by stage; what failed is marked, and so is what is usual."""

from __future__ import annotations

import math

from etl_core.history import Run
from etl_core.views.room.svg import MARKS, box, key, line, picture, tag, text
from etl_core.views.room.view import View, is_slow
from etl_core.views.words import count, interval, seconds

SHOWN = 30
HEIGHT, TOP, BOTTOM = 190, 18, 22  # pixels
STAGES = ("extract", "transform", "load")
_BETWEEN = "between"  # imports, and waiting for another attempt of a stage
_PATTERN = (
    '<defs><pattern id="etl-hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="5" height="5" class="stage-transform"/><line x1="0" y1="0" x2="0" y2="5" class="hatch"/></pattern>'
    "</defs>"
)


def durations(view: View) -> str:
    """The newest runs that have ended, oldest left; of one that died, its finished stages are all there is."""
    chosen = [run for run in view.facts.runs if run.status != "running"][:SHOWN][::-1]
    if not chosen:
        return picture("durations", "No run has ended yet.", 40, "")
    usual = view.usual()
    top = _round_up(max([sum(parts(view, run).values()) for run in chosen] + [usual or 0, 0.01]))
    scale = (HEIGHT - TOP - BOTTOM) / top
    drawn, labels = _PATTERN, []
    for step in (0, top / 2, top):
        drawn += _level(step, scale, "grid")
        labels.append((HEIGHT - BOTTOM - step * scale - 8, f"{step:g} s"))
    width = 100 / SHOWN
    for n, run in enumerate(chosen):
        drawn += _bar(view, run, n * width, width, scale)
        if n % 5 == 0:
            drawn += text((n + 0.5) * width, HEIGHT - 6, f"{run.interval.start:%d %b}", css="t faint")
    legend = "".join(key(f"stage-{name}", "", name) for name in STAGES)
    legend += key(f"stage-{_BETWEEN}", "", "between the stages") + key("blocked", "✕", "failed or died")
    if usual:
        drawn += _level(usual, scale, "usual")
        legend += key("usual-key", "", "usual")
    return picture("durations", sentence(chosen, usual), HEIGHT, drawn, labels, legend)


def sentence(chosen: list[Run], usual: float | None) -> str:
    """The message of the picture in words."""
    bad = sum(run.status != "succeeded" for run in chosen)
    said = f"The last {count(len(chosen), 'run')}: " if len(chosen) > 1 else "One run: "
    said += f"a day usually takes {seconds(usual)}" if usual is not None else "none loaded a single day"
    longest = max(chosen, key=lambda run: run.duration_s or 0)
    if is_slow(longest.duration_s or 0, usual):
        said += f", the longest took {seconds(longest.duration_s)} ({interval(longest.interval)})"
    return said + (f"; {bad} failed or died" if bad else "; none failed")


def parts(view: View, run: Run) -> dict[str, float]:
    """Seconds of a run by stage, all attempts of it, and what is left of the whole."""
    found = dict.fromkeys(STAGES, 0.0)
    for stage in view.facts.stages.get(run.run_id, ()):
        if stage.stage in found:
            found[stage.stage] += stage.duration_s or 0
    found[_BETWEEN] = max(0.0, (run.duration_s or 0) - sum(found.values()))
    return found


def _bar(view: View, run: Run, x: float, width: float, scale: float) -> str:
    y, drawn = HEIGHT - BOTTOM, ""
    spent = parts(view, run)
    for name, took in spent.items():
        height = round(took * scale, 2)
        y -= height
        if height > 0:
            drawn += box(x + 0.15 * width, round(y, 2), 0.7 * width, height, f"stage-{name}", rx=0, data_stage=name)
    if run.status != "succeeded":
        drawn += text(x + width / 2, round(y - 4, 2), MARKS[run.status].sign, css="t sign-above blocked")
    told = ", ".join(f"{name} {seconds(took)}" for name, took in spent.items() if took and name != _BETWEEN)
    tip = f"{interval(run.interval)}, attempt {run.attempt}: {run.status} after {seconds(run.duration_s)} ({told})"
    return tag("g", drawn, title=tip, data_run_id=run.run_id, data_status=run.status)


def _level(value: float, scale: float, css: str) -> str:
    y = HEIGHT - BOTTOM - value * scale
    return line(0, y, 100, y, css)


def _round_up(value: float) -> float:
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)

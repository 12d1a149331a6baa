"""The pictures of lesson 7: how a loop drifts, and which days were loaded by which tick."""

from __future__ import annotations

from datetime import date, datetime

from etl_core.views.plots import BLUE, INK, PALE, VERMILION, Picture, picture, plain


def drift(loops: dict[str, list[datetime]], title: str) -> Picture:
    """`loops`: name -> the times at which its work was started; drawn is how long after each hour that was."""
    fig = picture(title, height=2.9)
    ax = plain(fig.subplots())
    for (name, starts), colour in zip(loops.items(), (VERMILION, BLUE), strict=False):
        first = starts[0]
        days = [(start - first).total_seconds() / 86_400 for start in starts]
        late = [(start - first).total_seconds() / 3600 - n for n, start in enumerate(starts)]
        ax.plot(days, late, lw=2.2, color=colour)
        text = f"{name}: {len(starts)} starts"
        ax.annotate(text, (days[-1], late[-1]), xytext=(-4, 5), textcoords="offset points", ha="right", color=colour)
    ax.set_xlim(0, 30.5)
    ax.set_ylim(-0.4, 9)
    ax.set_yticks(range(0, 9, 2))
    ax.grid(axis="y", color=PALE, lw=0.6)
    ax.set_xlabel("days since the first start")
    ax.set_ylabel("hours behind its slot")
    return fig


def days(loads: dict[str, dict[date, date]], landed: list[date], title: str) -> Picture:
    """`loads`: way of loading -> day of the data -> the day of the tick that loaded it; `landed`: all that could be."""
    fig = picture(title, height=0.95 + 0.55 * len(loads))
    ax = plain(fig.subplots())
    for y, loaded in enumerate(loads.values()):
        for x, day in enumerate(landed):
            tick = loaded.get(day)
            ax.barh(
                y, 0.95, left=x, height=0.86, color=BLUE if tick else "white", edgecolor=BLUE if tick else VERMILION
            )
            text = f"tick of\n{tick.day} {tick:%b}" if tick else "missing"
            ax.text(x + 0.475, y, text, ha="center", va="center", fontsize=9, color="white" if tick else INK)
    ax.set_yticks(range(len(loads)), list(loads))
    ax.set_xticks([x + 0.475 for x in range(len(landed))], [f"{day.day} {day:%b}" for day in landed])
    ax.set_xlim(-0.05, len(landed))
    ax.set_xlabel("day of the data, 2013")
    ax.tick_params(length=0)
    ax.invert_yaxis()
    return fig

"""The picture of lesson 5: how the days of a week stand at some moments."""

from __future__ import annotations

from datetime import date

from etl_core.views.plots import BLUE, VERMILION, Picture, picture

ORANGE, EMPTY = "#E69F00", "#EFEFEF"
COLOURS = {"loaded": BLUE, "new": ORANGE, "changed": ORANGE, "blocked": VERMILION, "": EMPTY}


def days_at_moments(moments: dict[str, list[str]], week: list[date], title: str) -> Picture:
    """`moments`: what moment it was -> for each day of the week loaded, new, changed, blocked, or nothing."""
    figure = picture(title, height=0.7 + 0.4 * len(moments))
    ax = figure.subplots()
    for row, states in enumerate(moments.values()):
        ax.barh([row] * len(week), 0.95, height=0.88, left=range(len(week)), color=[COLOURS[state] for state in states])
        for column, state in enumerate(states):
            ink = "black" if COLOURS[state] == ORANGE else "white"
            ax.text(column + 0.47, row, state, ha="center", va="center", color=ink)
    ax.set_xticks([n + 0.47 for n in range(len(week))], [str(day.day) for day in week])
    ax.set_yticks(range(len(moments)), list(moments))
    ax.set_xlabel(f"file of that day in {week[0]:%B %Y}")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.invert_yaxis()
    return figure

"""The picture of lesson 1: as what a column was read, day after day, and how many flights were cancelled."""

from __future__ import annotations

import pandas as pd

from etl_core.views.plots import BLUE, VERMILION, DateFormatter, Picture, picture, plain


def types_of_the_year(days: pd.DataFrame, title: str) -> Picture:
    """`days`: a row a day (its index), with the type that was guessed (`read as`) and the flights `cancelled`."""
    figure = picture(title, height=3.2)
    ax = plain(figure.subplots())
    for kind, marker, colour in (("float64", ".", BLUE), ("int64", "D", VERMILION)):
        some = days[days["read as"] == kind].cancelled
        ax.plot(some.index, some, marker, color=colour, label=f"read as {kind}", clip_on=False)
    ax.set(yscale="symlog", ylim=(0, 1000), ylabel="cancelled flights a day\n(log scale above 1)")
    ax.set_yticks([0, 1, 10, 100, 1000], ["0", "1", "10", "100", "1,000"])
    ax.xaxis.set_major_formatter(DateFormatter("%b"))
    ax.set_xlabel(f"day of {days.index[0].year}")
    ax.legend(frameon=False, ncols=2, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1))
    return figure

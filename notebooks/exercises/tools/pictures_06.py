"""The picture of lesson 6: what a server sees of many clients that try again."""

from __future__ import annotations

from collections import Counter

from matplotlib.axes import Axes

from etl_core.views.plots import BLUE, GREY, INK, PALE, VERMILION, Picture, picture, plain


def storm(found: dict[str, list[tuple[float, bool]]], title: str, outage: float, rate: int) -> Picture:
    """`found`: how clients wait -> their requests as (second, served). One panel each, in bars of a second."""
    fig = picture(title, height=1.4 + 1.65 * len(found))
    panels = fig.subplots(len(found), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    highest = max(max(Counter(int(at) for at, _ in requests).values()) for requests in found.values())
    for ax, (name, requests) in zip(panels, found.items(), strict=True):
        _seconds(plain(ax), requests)
        ax.axvspan(0, outage, color=PALE, alpha=0.6, lw=0, zorder=0)
        ax.text(outage / 2, 1.12 * highest, "server down", ha="center", va="center", color=INK, fontsize=9)
        ax.axhline(rate, color=GREY, lw=0.8, ls="--", label=f"what the server can do: {rate} a second")
        moments = [at for at, served in requests if served]
        ax.set_title(
            f"{name}: {len(moments)} served, the last after {max(moments, default=0):.0f} seconds",
            loc="left",
            fontsize=9.5,
        )
        ax.set_ylabel("requests a second")
        ax.set_xlim(-0.5, max(at for one in found.values() for at, _ in one) + 2)
        ax.set_ylim(0, 1.24 * highest)
    panels[-1].set_xlabel("seconds since 03:00:00")
    looks = panels[0].get_legend_handles_labels()
    fig.legend(*looks, loc="outside lower right", frameon=False, fontsize=9, labelcolor=INK, ncols=3)
    return fig


def _seconds(ax: Axes, requests: list[tuple[float, bool]]) -> None:
    """A bar for each second: what was served, and on top of it what was refused."""
    served, refused = (Counter(int(at) for at, ok in requests if ok is which) for which in (True, False))
    seconds = sorted(served.keys() | refused.keys())
    below, bar = [served[second] for second in seconds], {"width": 0.9, "align": "edge"}
    ax.bar(seconds, below, color=BLUE, label="served", **bar)
    ax.bar(seconds, [refused[second] for second in seconds], bottom=below, color=VERMILION, label="refused", **bar)

"""Is anything left over of an earlier call? A default such as `days=[]` is made once, and is kept from call to call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exercises.tools.compare import same, show
from exercises.trial import Trial

LEFT_OVER = (
    "The same call gives {at_first} at first, and {later} after other calls: something of them is still there. A "
    "default such as `=[]` or `={{}}` is made once, when the function is defined, and so is what stands outside of it."
)


def ask_again(t: Trial, first: Any, call: Callable[[], Any], case: str) -> None:
    """Note where the call that gave `first`, made once more after others, gives something else."""
    again = call()
    if not same(again, first) and show(again) != show(first):  # the latter for errors
        t.seen.kept, t.seen.at_first, t.seen.later = True, show(first, 60), show(again, 60)
        t.fail(f"{case}, once more after other calls", f"expected {show(first)} as at first, got {show(again)}")

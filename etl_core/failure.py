"""What a run's failure means: is it tried again, is its day given up, who is told."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from etl_core import history
from etl_core.history import Run
from etl_core.logs import log

if TYPE_CHECKING:
    from etl_core.pipeline import Pipeline


def consequences(pipeline: Pipeline, run: Run, permanent: bool, stopped: bool = False) -> dict[str, Any]:
    """What failing means for a run: when it is tried again by itself, whether its day is blocked.

    Only what a schedule began is tried again by itself; `stopped` says that a person ended it.
    """
    policy, scheduled, retry_at = pipeline.run_retry, run.trigger in ("scheduled", "retry") and not stopped, None
    if scheduled and not permanent and run.attempt < policy.attempts:
        retry_at = datetime.now(UTC) + timedelta(seconds=policy.wait(run.attempt))
    # A run of several days blocks none of them: each is tried alone before it is given up.
    blocked = (permanent or (scheduled and not retry_at)) and len(run.interval.days) == 1
    return {"retry_at": retry_at, "permanent": permanent, "blocked": blocked}


def tell(pipeline: Pipeline, run: Run) -> None:
    """Call `on_failure`; its own failure is an event and changes nothing about the run."""
    try:
        if callable(pipeline.on_failure):
            pipeline.on_failure(run)
        elif pipeline.on_failure:
            document = json.dumps(run.as_json())
            command = pipeline.on_failure if os.name == "nt" else shlex.split(pipeline.on_failure)
            subprocess.run(command, input=document, text=True, timeout=60, check=True)
    except (Exception, SystemExit) as error:
        history.record_event("on_failure failed", one_line(error), pipeline.name, run.run_id)
        log().exception("on_failure failed")


def one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]

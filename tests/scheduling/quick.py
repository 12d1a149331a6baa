"""The flights pipeline with waits of a second instead of minutes, and one that is always broken."""

from __future__ import annotations

from dataclasses import replace

from etl_core import RetryPolicy, flights

quick = replace(
    flights,
    stage_retry=RetryPolicy(attempts=1, base=0, cap=0),
    run_retry=RetryPolicy(attempts=6, base=0.2, cap=0.8),
    target="tests.scheduling.quick:quick",
)
patient = replace(quick, run_retry=RetryPolicy(attempts=3, base=3, cap=3), target="tests.scheduling.quick:patient")

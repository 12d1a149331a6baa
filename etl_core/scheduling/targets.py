"""Pipelines by name: a schedule outlives its process, so it stores MODULE:NAME and never the pipeline itself."""

from __future__ import annotations

from etl_core.errors import BadParameter
from etl_core.pipeline import Pipeline, find_pipeline


def pipeline_of(target: str) -> Pipeline:
    """The pipeline MODULE:NAME. BadParameter says why it cannot be had; what is stored for it stays."""
    try:
        return find_pipeline(target)
    except BadParameter as error:
        raise BadParameter(
            f"pipeline {target}: cannot be imported ({error}); its stored schedule is kept. "
            "Start the scheduler where it can be: in the folder of its module, or with PYTHONPATH"
        ) from error


def name_of(pipeline: Pipeline | str) -> str:
    return pipeline.name if isinstance(pipeline, Pipeline) else pipeline


def importable(pipeline: Pipeline | str) -> tuple[str, str]:
    """Name and target of a pipeline that another process can import; BadParameter says why not."""
    target = pipeline if isinstance(pipeline, str) else pipeline.target
    if not target or target.startswith("__main__:"):
        raise BadParameter(
            f"pipeline {name_of(pipeline)}: a schedule outlives this process, so the pipeline must be importable: put "
            'it into a file weather.py and give Pipeline(…, target="weather:NAME")'
        )
    return pipeline_of(target).name, target

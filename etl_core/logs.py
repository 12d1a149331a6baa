"""One rotating file, `logs/etl.log` in the state folder; each line carries the run it speaks of."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from functools import cache
from logging.handlers import RotatingFileHandler
from pathlib import Path

from etl_core import settings

run_id: ContextVar[str] = ContextVar("run_id", default="-")


def log() -> logging.Logger:
    """The package's logger, writing below the ETL_HOME of this moment."""
    return _logger(settings.current().home / "logs")


class _Handler(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """A log that cannot be written is told once, and stops no run."""
        if not self._told:
            self._told = True
            print(f"{self.baseFilename}: cannot be written ({sys.exc_info()[1]}); going on without", file=sys.stderr)

    _told = False


@cache
def _logger(folder: Path) -> logging.Logger:
    settings.private_folder(folder)
    handler = _Handler(folder / "etl.log", maxBytes=1_000_000, backupCount=3, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s run=%(run_id)s %(message)s"))
    handler.addFilter(_with_run_id)
    logger = logging.getLogger(f"etl_core.{folder}")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger


def _with_run_id(record: logging.LogRecord) -> bool:
    record.run_id = run_id.get()
    return True

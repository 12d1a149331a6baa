"""What s3:// asks for beside other landing zones: a bucket's name, short waits, and errors that no second try mends.

Who may read, and where, comes from the environment or ~/.aws, as for every tool of its kind: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_PROFILE, AWS_ENDPOINT_URL for a server that is not Amazon's.
"""

from __future__ import annotations

import errno
import re
from typing import Any

SCHEMES = ("s3", "s3a")
NO_BUCKET = (
    "found no bucket's name after the ://, or two / in a row; a key and its secret go into AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, never into the URL"
)
_USABLE = re.compile(r"s3a?://(arn:[\w:-]+[:/])?[\w.-]+(/[^/]+)*/?", re.ASCII)
_SETTINGS = {
    *("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "ConfigNotFound", "ConfigParseError"),
    *("SSOError", "ParamValidationError", "ValueError"),  # ValueError: no such region, an endpoint without http://
}
# s3fs gives a refusal one of these numbers: another region's bucket, a session that is over, a method not allowed
_REFUSALS = {errno.EINVAL, errno.EPERM, errno.ENOSYS, getattr(errno, "EREMCHG", errno.ENOENT)}


def names_a_bucket(url: str) -> bool:
    return bool(_USABLE.fullmatch(url))


def waiting(connect_seconds: float, read_seconds: float) -> dict[str, Any]:
    """Two tries of so many seconds each. botocore's five times s3fs's five would wait for seven minutes."""
    retries = {"total_max_attempts": 2}
    return {"connect_timeout": connect_seconds, "read_timeout": read_seconds, "retries": retries}


def is_lasting(error: Exception) -> bool:
    """Is this the answer to a wrong setting, so that asking again brings it again?"""
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(names & _SETTINGS) or (isinstance(error, OSError) and error.errno in _REFUSALS)

"""The errors this package raises on purpose.

Each carries one complete message: what was found and where, what was expected, what to do. The class says what a
caller may do about it: a `TransientError` is worth another try, a `PermanentError` is not, a `BadParameter` is the
caller's own.
"""

from __future__ import annotations

HTTP_WORTH_RETRYING = {408, 425, 429, 500, 502, 503, 504}  # answers of a server that may be another the next time


class EtlError(Exception):
    """Any error raised on purpose; its text is meant for a person."""


class BadParameter(EtlError, ValueError):
    """A parameter or an environment variable that cannot be right. Exit code 2."""


class NotLanded(BadParameter):
    """A day of which nothing has landed (yet, or any more)."""


class TransientError(EtlError):
    """Trying again may help."""


class StillBeingWritten(TransientError):
    """A file that changes while it is read, or that ends in the middle of a line."""


class PermanentError(EtlError):
    """Trying again cannot help: something must be changed first."""


class BadSchema(PermanentError):
    """A file that is not what was agreed: its header, its format, or most of its lines."""


class DatabaseError(PermanentError):
    """A database that cannot be used: not a database, of a newer version, not writable."""


class Overlap(EtlError):
    """Another run is at work on one of these days."""


class Refused(EtlError):
    """Something that may exist only once is there already, or is not safe to use."""

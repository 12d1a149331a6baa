"""What SQLite's and PostgreSQL's drivers raise, in our words: what is wrong with which database, and what to do."""

from __future__ import annotations

import re
import sqlite3

from etl_core.errors import DatabaseError, EtlError, TransientError

# Without a session there is no code to know these by, only the text.
_UNKNOWN = re.compile(r"authentication failed|no password supplied|does not exist|pg_hba\.conf|not permitted to log in")


def in_words(error: BaseException, place: str, waited: float) -> EtlError | None:
    """What a driver raised about the database at `place`, as one of ours; `waited` seconds at most for a lock.

    None where it already says all, and `retry.is_transient` knows it.
    """
    if type(error).__module__.startswith("psycopg"):
        return _postgres(error, place, waited)
    if not isinstance(error, sqlite3.Error):
        return None
    text = str(error)
    if "locked" in text or "busy" in text:
        return _locked(place, waited)
    if "full" in text:
        return TransientError(f"{place}: the disk is full; nothing of this transaction was kept. Free some space")
    if "readonly" in text:
        return DatabaseError(f"{place}: is read-only; make the file and its folder writable")
    if "unable to open" in text:
        return DatabaseError(f"{place}: cannot be opened; expected a SQLite file in a folder that can be written")
    if "not a database" in text or "malformed" in text:
        return DatabaseError(f"{place}: is not a whole SQLite database ({text}); move it away, a new one will be made")
    return None


def _postgres(error: BaseException, place: str, waited: float) -> EtlError | None:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "LockNotAvailable" in kinds:
        return _locked(place, waited)
    if "OperationalError" not in kinds:
        return None
    said = " ".join(line for line in str(error).splitlines() if not line.startswith("\t"))  # those are hints
    if getattr(error, "sqlstate", None) is None and _UNKNOWN.search(said):
        return DatabaseError(f"{place}: {said}; correct the user, the password or the name of the database in its URL")
    return TransientError(f"{place}: {said}")


def _locked(place: str, waited: float) -> TransientError:
    return TransientError(
        f"{place}: locked by another process for over {waited} s; close what holds it open "
        "(in a load of your own, write through its connection alone: a second one waits for the first)"
    )

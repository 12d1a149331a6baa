"""Files behind a URL (https://, s3://, …), by fsspec: their names, their bytes, and what tells that they changed.

What goes wrong is one of our errors naming the URL without its secrets. Nothing waits for a server for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import signature
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from etl_core.errors import HTTP_WORTH_RETRYING, BadParameter, EtlError, PermanentError, TransientError
from etl_core.stages import s3
from etl_core.stages.landing import without_secrets

CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 10, 15, 600
IN_PARALLEL = 16
_MARKS = ("size", "ETag", "Last-Modified", "LastModified", "mtime", "last_modified", "updated", "created")


def read(url: str) -> bytes | None:
    """The bytes behind `url`, None where the server says there is no such file.

    A body shorter than announced is a TransientError, as is a server that is down, slow or busy.
    """
    try:
        return _asked(url, lambda: _filesystem(url).cat_file(url))
    except FileNotFoundError:
        return None


def names(landing: str, folder: str) -> list[str]:
    """The files in a folder as it is now. FileNotFoundError where there is none, or where the server lists nothing."""
    place, fs = f"{landing}/{folder}/", _filesystem(landing)
    fs.invalidate_cache(place)  # of other folders what was just listed stays: it answers `marks`
    listing = _asked(place, lambda: fs.ls(place, detail=False))
    return [PurePosixPath(unquote(urlsplit(str(name)).path)).name for name in listing]


def marks(url: str) -> dict[str, str]:
    """What the server says of a file without sending it, such as its size and date; empty where that is too little."""
    try:
        info = _asked(url, lambda: _filesystem(url).info(url))
    except (FileNotFoundError, EtlError):
        return {}  # no answer to HEAD: ask for the file itself
    found = {name: str(info[name]) for name in _MARKS if info.get(name)}
    return {} if found.keys() <= {"size"} else found


def _filesystem(url: str) -> Any:
    """The file system of a URL; BadParameter where it has none, or one that needs to be told more than a URL."""
    import fsspec

    options: dict[str, Any] = {}
    scheme = url.partition("://")[0].lower()
    if scheme in ("http", "https"):
        import aiohttp

        if not _names_a_host(url):
            raise _unusable(url, "found no host, or no port from 1 to 65535; in a password, / is written %2F and @ %40")
        timeout = aiohttp.ClientTimeout(total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        options["client_kwargs"] = {"timeout": timeout}
    elif scheme in s3.SCHEMES:
        if not s3.names_a_bucket(url):
            raise _unusable(url, s3.NO_BUCKET)
        options["config_kwargs"] = s3.waiting(CONNECT_SECONDS, READ_SECONDS)
    try:
        signature(fsspec.get_filesystem_class(scheme).__init__).bind(None, **options)
        fs = fsspec.filesystem(scheme, **options)
        if scheme in s3.SCHEMES:
            fs.retries = 1  # of s3fs itself: botocore tries again (see s3.waiting), and so does the pipeline
        return fs
    except TypeError as error:
        raise _unusable(url, f"{scheme} takes more than a URL: {error}") from error
    except Exception as error:  # no server was asked yet: each file system says in its way what it lacks
        raise _unusable(url, str(error)) from error


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool((parts.hostname or "").encode("idna")) and parts.port != 0 and not re.search(r"\s", parts.netloc)
    except ValueError:  # no such port, a bracket that is not closed, a name with two dots in a row
        return False


def _unusable(url: str, why: str) -> BadParameter:
    return BadParameter(
        f"ETL_LANDING: {without_secrets(url)} cannot be opened ({why}); expected the path of a folder, or a URL such "
        "as https://HOST/PATH or s3://BUCKET/PATH"
    )


def _asked(url: str, ask: Callable[[], Any]) -> Any:
    """The answer, or one of our errors naming the URL; FileNotFoundError where the server says there is none."""
    try:
        return ask()
    except (FileNotFoundError, EtlError):
        raise
    except NotImplementedError as error:
        raise _unusable(url, "it has no folders and files") from error
    except Exception as error:  # each file system has its own classes
        status = getattr(error, "status", None)
        said = f"the server answered {status}" if status else f"{type(error).__name__}: {error}".rstrip(": ")
        message = f"{without_secrets(url)}: {said.replace(url, without_secrets(url))}"
        if status and status not in HTTP_WORTH_RETRYING:
            raise PermanentError(f"{message}; expected a file or folder that may be read, check ETL_LANDING") from error
        if isinstance(error, PermissionError):
            raise PermanentError(f"{message}; check the credentials for ETL_LANDING") from error
        if url.startswith(s3.SCHEMES) and s3.is_lasting(error):
            raise PermanentError(f"{message}; check ETL_LANDING and the AWS_… variables, or ~/.aws") from error
        raise TransientError(f"{message}; expected the whole file, try again") from error

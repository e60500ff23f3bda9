"""Download one file over HTTP: retried, resumed, checked, and in place only once it is complete.

pooch and tenacity do not replace this module: pooch cannot resume a download or limit its size, and
tenacity would replace only the five lines of `Session.attempts`.
"""

import contextlib
import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from leakage.errors import LeakageError
from leakage.storage import files

BACK_OFF = 0.5  # seconds before the second retry; doubled for each further one
LONGEST_PAUSE = 60  # seconds, also where a server's Retry-After asks for more
TEMPORARY = (408, 425, 429, *range(500, 600))  # statuses that are worth another attempt
CHUNK = 1 << 12  # bytes; the most that is lost if the connection breaks
PLAIN_MD5 = re.compile(r'"([0-9a-f]{32})"')


class _Unusable(Exception):
    """The received bytes are not part of the file; the message says why."""


class Session(requests.Session):
    """Requests that are retried until a body begins to arrive, with one message if none does.

    Connection errors, timeouts and the statuses in `TEMPORARY` are retried with exponential
    back-off, or after the server's Retry-After. Every other error status is final. TLS certificates
    are verified. Redirects to plain HTTP are refused, except within a host that was requested by
    plain HTTP.
    """

    def __init__(self, connections: int, retries: int, timeout: float, remedy: str):
        super().__init__()
        self.retries, self.timeout, self.remedy = retries, timeout, remedy
        self.max_redirects = 5
        policy = Retry(
            total=retries,
            status_forcelist=TEMPORARY,
            backoff_factor=BACK_OFF,
            backoff_max=LONGEST_PAUSE,
            retry_after_max=LONGEST_PAUSE,
            raise_on_status=False,
        )
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(pool_maxsize=connections, max_retries=policy))
        # It would print a line per retry; our own message reports the last failure.
        logging.getLogger("urllib3").setLevel(logging.ERROR)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Return the response to `request`."""
        kwargs["timeout"] = kwargs.get("timeout") or self.timeout
        try:
            response = super().send(request, **kwargs)
        except requests.RequestException as error:
            raise self.failure(request.url, reason(error)) from None
        if response.status_code >= 400 and response.status_code != 416:
            response.close()
            status = f"{response.status_code} {response.reason}"
            raise self.failure(response.url, f"the server answered {status}")
        return response

    def get_redirect_target(self, response: requests.Response) -> str | None:
        """Return the target of a redirect, and refuse plain HTTP if it is not within one host."""
        try:
            target = super().get_redirect_target(response)
            new = urlsplit(urljoin(response.url, target or ""))
        except ValueError as error:
            found = response.headers["Location"]
            raise self.failure(
                response.url, f"a redirect to an invalid address is refused ({found!r}: {error})"
            ) from None
        if target is not None:
            old = urlsplit(response.url)
            if new.scheme == "http" and (old.scheme, old.hostname) != ("http", new.hostname):
                raise self.failure(
                    response.url, f"a redirect to plain HTTP is refused ({new.geturl()})"
                )
        return target

    def attempts(self) -> Iterator[int]:
        """Yield 0 to `retries`, waiting longer before each one."""
        for attempt in range(self.retries + 1):
            if attempt:
                time.sleep(min(BACK_OFF * 2 ** (attempt - 1), LONGEST_PAUSE))
            yield attempt

    def failure(self, url: str | None, why: str) -> LeakageError:
        """Return the error for a failed download, in one line."""
        # A folded header contains line ends.
        return LeakageError(f"{url}: {' '.join(why.split())}; {self.remedy}")

    def exhausted(self, url: str, why: str) -> LeakageError:
        """Return the error after the last attempt."""
        return self.failure(url, f"{why}, at the last of {self.retries + 1} attempts")


def fetch(
    session: Session, url: str, path: Path, check: Callable[[Path], str | None], limit: int
) -> None:
    """Download `url` to `path`, which appears only once the file is complete and verified.

    An interrupted download is resumed if the server sends a strong ETag and supports ranges;
    otherwise it starts again. A wrong file is deleted and downloaded again.

    Args:
        session: its `retries` limit the attempts.
        url: address of the file.
        path: where to put the file; its SHA-256 is written beside it.
        check: returns what is wrong with the file at a path, or None. If the ETag is an MD5, it is
            compared first.
        limit: size of the file in bytes, at most.

    Raises:
        LeakageError: all attempts failed.
    """
    with files.kept_file(path) as partial:
        arrived = _Arrived(partial)
        why: str | None = None
        for _ in session.attempts():
            try:
                _receive(session, url, arrived, limit)
                why = _wrong_md5(arrived) or check(partial)
            except requests.RequestException as error:
                why = f"the download was interrupted ({reason(error)})"
                continue
            except _Unusable as error:
                why = str(error)
            if why is None:
                return
            arrived.forget()
        raise session.exhausted(url, why or "")


@dataclass
class _Arrived:
    """The received part of a file, and the strong ETag of the file, if it has one."""

    path: Path
    etag: str | None = None

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self.etag = None


def _receive(session: Session, url: str, arrived: _Arrived, limit: int) -> None:
    """Receive the file, or its missing part, to `arrived.path`."""
    # With compression, offsets and MD5 would not be those of the file.
    headers = {"Accept-Encoding": "identity"}
    if not arrived.etag:
        arrived.forget()
    elif arrived.size():
        headers |= {"Range": f"bytes={arrived.size()}-", "If-Range": arrived.etag}
    with contextlib.closing(session.get(url, headers=headers, stream=True)) as response:
        etag = _strong_etag(response)
        if response.status_code == 206:
            found, wanted = response.headers.get("Content-Range", ""), f"bytes {arrived.size()}-"
            if not found.startswith(wanted) or etag != arrived.etag:
                other = f"({found!r}, not {wanted!r})"
                raise _Unusable(f"the server sent another part of the file {other}")
        elif response.status_code == 200:
            arrived.forget()
            arrived.etag = etag
        else:
            raise _Unusable(f"the server answered {response.status_code} {response.reason}")
        with open(arrived.path, "ab") as stream:
            for chunk in response.iter_content(CHUNK):
                stream.write(chunk)
                if stream.tell() > limit:
                    raise _Unusable(f"it is larger than expected (more than {limit} bytes)")


def _strong_etag(response: requests.Response) -> str | None:
    etag = response.headers.get("ETag", "")
    plain = response.headers.get("Content-Encoding", "identity") == "identity"
    return etag if plain and etag.startswith('"') else None


def _wrong_md5(arrived: _Arrived) -> str | None:
    stated = PLAIN_MD5.fullmatch(arrived.etag or "")
    if stated is None:
        return None
    with open(arrived.path, "rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    if digest.hexdigest() == stated[1]:
        return None
    return f"its MD5 is {digest.hexdigest()}, but the server's ETag is {stated[1]}"


def reason(error: BaseException) -> str:
    """Return the innermost reason of a network error, in words."""
    while True:
        inner = getattr(error, "reason", None) or next(
            (part for part in error.args if isinstance(part, BaseException)), None
        )
        if not isinstance(inner, BaseException):
            break
        error = inner
    # urllib3 puts the connection object first.
    words = re.sub(r"^(<.*?>|\w*Connection\w*\(.*?\)|\w*Pool\(.*?\)): ", "", str(error))
    return words.rstrip(".") or type(error).__name__

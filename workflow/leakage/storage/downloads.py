"""One file over HTTP: retried, resumed, checked, and given its name only when it is whole."""

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
PASSING = (408, 425, 429, *range(500, 600))  # statuses that a later attempt may cure
CHUNK = 1 << 12  # bytes; less than that is lost when a body is cut
PLAIN_MD5 = re.compile(r'"([0-9a-f]{32})"')


class _Unusable(Exception):
    """What arrived cannot be part of the file; the message says why."""


class Session(requests.Session):
    """Requests that are retried until a body begins to arrive, with one message if none does.

    Retried with exponential back-off (and a server's Retry-After): no connection, a timeout, and
    the statuses in `PASSING`. Every other error status is final. TLS certificates are verified,
    and no redirect leads to plain HTTP, except within a host that was asked for by plain HTTP.

    Args:
        connections: how many may be open to a host at once.
        retries: attempts after the first one.
        timeout: seconds without an answer, or without a byte, after which an attempt has failed.
        remedy: what to do when all attempts have failed, for the end of a message.
    """

    def __init__(self, connections: int, retries: int, timeout: float, remedy: str):
        super().__init__()
        self.retries, self.timeout, self.remedy = retries, timeout, remedy
        self.max_redirects = 5
        policy = Retry(
            total=retries,
            status_forcelist=PASSING,
            backoff_factor=BACK_OFF,
            backoff_max=LONGEST_PAUSE,
            retry_after_max=LONGEST_PAUSE,
            raise_on_status=False,
        )
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(pool_maxsize=connections, max_retries=policy))
        # Each retry would be a line on the terminal; the last failure is told in our own words.
        logging.getLogger("urllib3").setLevel(logging.ERROR)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Return the answer to `request`, its body still to be read if `stream` is set.

        Raises:
            LeakageError: no answer after all retries, or one with an error status (416, a range
                that does not exist, is left to the caller).
        """
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
        """Return where a redirect leads, refusing one that gives up TLS or the host named."""
        try:
            target = super().get_redirect_target(response)
            new = urlsplit(urljoin(response.url, target or ""))
        except ValueError as error:
            found = response.headers["Location"]
            raise self.failure(
                response.url, f"a redirect to no address is refused ({found!r}: {error})"
            ) from None
        if target is not None:
            old = urlsplit(response.url)
            if new.scheme == "http" and (old.scheme, old.hostname) != ("http", new.hostname):
                raise self.failure(
                    response.url, f"a redirect to plain HTTP is refused ({new.geturl()})"
                )
        return target

    def attempts(self) -> Iterator[int]:
        """Yield 0 to `retries`, waiting longer before each one, for what fails after its start."""
        for attempt in range(self.retries + 1):
            if attempt:
                time.sleep(min(BACK_OFF * 2 ** (attempt - 1), LONGEST_PAUSE))
            yield attempt

    def failure(self, url: str | None, why: str) -> LeakageError:
        """Return the one message for a file that cannot be had, in one line."""
        # A header that a server folded has its line ends in it.
        return LeakageError(f"{url}: {' '.join(why.split())}; {self.remedy}")

    def exhausted(self, url: str, why: str) -> LeakageError:
        """Return the message for a file whose last attempt failed as well."""
        return self.failure(url, f"{why}, at the last of {self.retries + 1} attempts")


def fetch(
    session: Session, url: str, path: Path, check: Callable[[Path], str | None], limit: int
) -> None:
    """Download `url` to `path`, which comes to be only when the file is whole and right.

    A body that is cut is resumed where the server names its content by a strong ETag and serves
    ranges, else begun again. A file that is wrong is thrown away and fetched anew.

    Args:
        session: whose `retries` bound the attempts.
        url: the file's.
        path: its place; the SHA-256 of what arrived is kept beside it.
        check: given the path of what arrived, says what is wrong with it, or None. An ETag that
            is a plain MD5 is compared before.
        limit: more bytes than that are refused.

    Raises:
        LeakageError: no whole and right file after all attempts.
    """
    with files.kept_file(path) as partial:
        arrived = _Arrived(partial)
        for _ in session.attempts():
            try:
                _receive(session, url, arrived, limit)
                why = _wrong_md5(arrived) or check(partial)
            except requests.RequestException as error:
                why = f"the download broke off ({reason(error)})"
                continue
            except _Unusable as error:
                why = str(error)
            if why is None:
                return
            arrived.forget()
        raise session.exhausted(url, why)


@dataclass
class _Arrived:
    """What has arrived of a file, and the strong ETag that names its content, if there is one."""

    path: Path
    etag: str | None = None

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self.etag = None


def _receive(session: Session, url: str, arrived: _Arrived, limit: int) -> None:
    """Receive the file's bytes, or those missing, to `arrived.path`.

    Raises:
        requests.RequestException: the body was cut; what came is kept.
        _Unusable: what came is of no use.
    """
    # Compressed on the way, neither the offsets nor the MD5 would be the file's.
    headers = {"Accept-Encoding": "identity"}
    if not arrived.etag:
        arrived.forget()
    elif arrived.size():
        headers |= {"Range": f"bytes={arrived.size()}-", "If-Range": arrived.etag}
    with contextlib.closing(session.get(url, headers=headers, stream=True)) as response:
        etag = _strong_etag(response)
        if response.status_code == 206:
            _refuse_other_part(response, arrived, etag)
        elif response.status_code == 200:
            arrived.forget()
            arrived.etag = etag
        else:
            raise _Unusable(f"the server answered {response.status_code} {response.reason}")
        with open(arrived.path, "ab") as stream:
            for chunk in response.iter_content(CHUNK):
                stream.write(chunk)
                if stream.tell() > limit:
                    raise _Unusable(f"more than the {limit} bytes that the file can have arrived")


def _refuse_other_part(response: requests.Response, arrived: _Arrived, etag: str | None) -> None:
    found, wanted = response.headers.get("Content-Range", ""), f"bytes {arrived.size()}-"
    if not found.startswith(wanted) or etag != arrived.etag:
        raise _Unusable(f"another part of the file was served ({found!r}, not {wanted!r})")


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
    return f"its MD5 is {digest.hexdigest()}, and the server's ETag states {stated[1]}"


def reason(error: BaseException) -> str:
    """Return the innermost reason of a network error, without the objects it passed through."""
    while True:
        inner = getattr(error, "reason", None) or next(
            (part for part in error.args if isinstance(part, BaseException)), None
        )
        if not isinstance(inner, BaseException):
            break
        error = inner
    # urllib3 puts the connection object before the words.
    words = re.sub(r"^(<.*?>|\w*Connection\w*\(.*?\)|\w*Pool\(.*?\)): ", "", str(error))
    return words.rstrip(".") or type(error).__name__

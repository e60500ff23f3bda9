"""A real HTTP server on loopback: it serves a folder, with ranges, ETags and planned faults.

`python tests/servers.py FOLDER PORT` serves a mirror of COCO until Ctrl-C.
"""

import contextlib
import email.utils
import hashlib
import http.server
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock


@contextlib.contextmanager
def quick_retries() -> Iterator[None]:
    """Shorten the pauses between attempts to milliseconds, and use no proxy for loopback."""
    with (
        mock.patch.multiple("leakage.storage.downloads", BACK_OFF=0.002, LONGEST_PAUSE=0.01),
        mock.patch.dict(os.environ, NO_PROXY="127.0.0.1"),
    ):
        yield


@dataclass
class Request:
    """A request, and the answer to it: `sent` bytes of a body."""

    method: str
    path: str
    range: str | None
    status: int = 0
    etag: str = ""
    sent: int = 0


@dataclass
class Answer:
    """The answer to a request, before a fault changes it."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: int | None = None  # the connection ends after this many bytes of the body
    reset: bool = False  # by a reset instead of a close
    stall: float = 0.0  # seconds of silence before it ends, or before the headers without a cut


Fault = Callable[[Answer], None]


@dataclass
class Server:
    """Serves the files below `root`, with or without ranges and ETags.

    `faults[path]` lists the faults of the next requests for `path` (URL-decoded, with the leading
    slash), one per request; None is a correct answer.
    """

    root: Path
    ranges: bool = True
    etags: bool = True
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    faults: dict[str, list[Fault | None]] = field(default_factory=lambda: defaultdict(list))
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def paths(self) -> list[str]:
        """Return the requested paths, in order."""
        return [request.path for request in self.requests]

    def statuses(self, path: str) -> list[int]:
        """Return the statuses of the requests for one path, in order."""
        return [request.status for request in self.requests if request.path == path]

    def bytes_sent(self, path: str) -> int:
        """Return the number of bytes sent for one path, without headers."""
        return sum(request.sent for request in self.requests if request.path == path)


@contextlib.contextmanager
def serving(
    root: Path,
    *,
    ranges: bool = True,
    etags: bool = True,
    tls: ssl.SSLContext | None = None,
    port: int = 0,
) -> Iterator[Server]:
    """Serve `root` on a port of loopback (0: any free port), over TLS if a context is given."""
    server = Server(Path(root), ranges, etags)
    handler = type("Handler", (_Handler,), {"server_state": server})
    with _Listener(("127.0.0.1", port), handler) as listener:
        if tls:
            listener.socket = tls.wrap_socket(listener.socket, server_side=True)
        server.url = f"{'https' if tls else 'http'}://127.0.0.1:{listener.server_port}"
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            listener.shutdown()
            thread.join()


def closed_port() -> int:
    """Return a port of loopback without a server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def status(code: int, **headers: str) -> Fault:
    """Answer with an error status; `Retry_After="1"` becomes the header Retry-After."""

    def fault(answer: Answer) -> None:
        answer.status, answer.body = code, b"an error page"
        answer.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    return fault


def redirect(target: str) -> Fault:
    """Answer with a redirect to `target`."""
    return status(302, Location=target)


def cut(after: int, *, reset: bool = False, stall: float = 0.0, announced: bool = True) -> Fault:
    """End the connection after some bytes of the body; HTTP can tell if the length is announced."""

    def fault(answer: Answer) -> None:
        answer.cut, answer.reset, answer.stall = after, reset, stall
        if not announced:
            answer.headers["Content-Length"] = ""

    return fault


def body(content: bytes) -> Fault:
    """Send other bytes with the ETag of the file."""

    def fault(answer: Answer) -> None:
        answer.status, answer.body = 200, content
        answer.headers.pop("Content-Range", None)

    return fault


def silent(seconds: float) -> Fault:
    """Wait before the answer."""
    return lambda answer: setattr(answer, "stall", seconds)


class _Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Do not print connections that the client closed."""
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Otherwise the kernel waits for 40 ms between headers and body.
    disable_nagle_algorithm = True
    server_state: Server

    def do_GET(self) -> None:
        state, path = self.server_state, urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        request = Request(self.command, path, self.headers.get("Range"))
        answer = self._answer(path)
        with state.lock:
            state.requests.append(request)
            fault = state.faults[path].pop(0) if state.faults[path] else None
        if fault:
            fault(answer)
        request.status, request.etag = answer.status, answer.headers.get("ETag", "")
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self._send(request, answer)

    do_HEAD = do_GET

    def log_message(self, *args: object) -> None:
        """Print nothing."""

    def _answer(self, path: str) -> Answer:
        file = (self.server_state.root / path.lstrip("/")).resolve()
        inside = file.is_relative_to(self.server_state.root.resolve())
        if not (inside and file.is_file()):
            return Answer(404, {}, b"no such file")
        content = file.read_bytes()
        headers = {"Last-Modified": email.utils.formatdate(file.stat().st_mtime, usegmt=True)}
        if self.server_state.etags:
            headers["ETag"] = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        if self.server_state.ranges:
            headers["Accept-Ranges"] = "bytes"
            return self._part(content, headers)
        return Answer(200, headers, content)

    def _part(self, content: bytes, headers: dict[str, str]) -> Answer:
        condition, total = self.headers.get("If-Range"), len(content)
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        if not match or condition not in (None, headers.get("ETag")):
            return Answer(200, headers, content)
        first, last = match.groups()
        start = int(first) if first else max(0, total - int(last))
        stop = min(total, int(last) + 1) if first and last else total
        if start >= stop:
            return Answer(416, headers | {"Content-Range": f"bytes */{total}"}, b"")
        headers = headers | {"Content-Range": f"bytes {start}-{stop - 1}/{total}"}
        return Answer(206, headers, content[start:stop])

    def _send(self, request: Request, answer: Answer) -> None:
        if answer.cut is None and answer.stall:
            self.server_state.stopped.wait(answer.stall)
        self.send_response(answer.status)
        length = answer.headers.pop("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if length:
            self.send_header("Content-Length", length)
        if answer.cut is not None:
            self.send_header("Connection", "close")
        self.end_headers()
        content = b"" if request.method == "HEAD" else answer.body[: answer.cut]
        self.wfile.write(content)
        self.wfile.flush()
        request.sent = len(content)
        if answer.cut is not None:
            self._end(answer)

    def _end(self, answer: Answer) -> None:
        self.close_connection = True
        self.server_state.stopped.wait(answer.stall)
        if answer.reset:
            # Wait until the client has read the bytes, then close by RST: linger for no time.
            time.sleep(0.02)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


def main(folder: str, port: str) -> None:
    """Serve a mirror of COCO until Ctrl-C."""
    if not (Path(folder) / "annotations").is_dir():
        sys.exit(f"error: {folder}: not a mirror of COCO (it has no folder annotations)")
    with serving(Path(folder), port=int(port)) as server, contextlib.suppress(KeyboardInterrupt):
        print(f"serving {folder} at {server.url}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A loopback server with the file protocol of the Hugging Face hub, as far as it is needed.

`HEAD` and `GET /{owner}/{name}/resolve/{revision}/{file}`, with the commit and an ETag. A missing
file is a 404 with the code `EntryNotFound`. See huggingface_hub's `file_download`.
"""

import contextlib
import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.ThreadingHTTPServer):
    """Serves `root/{owner}/{name}/{file}`; `requests` holds (method, path) of each request."""

    daemon_threads = True

    def __init__(self, root: Path):
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.requests: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        """The value for HF_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        """Answer with a file, or with 404."""
        self.server.requests.append((self.command, self.path))
        match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/([^/?]+)", self.path)
        path = self.server.root / match[1] / match[2] if match else None
        if path is None or not path.is_file():
            self._headers(404, {"X-Error-Code": "EntryNotFound", "Content-Length": "0"})
            return
        content = path.read_bytes()
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        self._headers(200, {"ETag": etag, "Content-Length": str(len(content))})
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET

    def log_message(self, *args: object) -> None:
        """Write nothing to the terminal."""

    def _headers(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"X-Repo-Commit": COMMIT, **headers}.items():
            self.send_header(name, value)
        self.end_headers()


@contextlib.contextmanager
def serving(root: Path) -> Iterator[Hub]:
    """Serve the repositories below `root` on a free port of loopback."""
    with Hub(root) as hub:
        thread = threading.Thread(target=hub.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()

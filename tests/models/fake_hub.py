"""A hub on the loopback address that serves one folder as a repository, as huggingface_hub asks for it.

A gate lets a test hold the weights in the middle; ``served`` says which files were sent whole.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40


class FakeHub:
    """Serves ``folder`` as the repository ``repo``; ``close`` ends it.

    Attributes:
        url: for HF_ENDPOINT.
        gate: while it is not set, weights are sent up to their middle.
        reached_middle: set when weights wait for the gate.
        served: how often each file was sent whole.
        is_gated: whether it refuses every file, as the hub does without a token.
    """

    def __init__(self, folder: Path, repo: str) -> None:
        self.folder = folder
        self.repo = repo
        self.gate = threading.Event()
        self.gate.set()
        self.reached_middle = threading.Event()
        self.served: Counter[str] = Counter()
        self.is_gated = False
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                hub.reply(self, with_body=False)

            def do_GET(self) -> None:
                hub.reply(self, with_body=True)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def reply(self, request: BaseHTTPRequestHandler, *, with_body: bool) -> None:
        path = unquote(urlsplit(request.path).path)
        if path.startswith(f"/{self.repo}/resolve/"):
            self._send_file(request, path.split("/resolve/")[1].partition("/")[2], with_body)
        elif path.startswith(f"/api/models/{self.repo}/tree/"):
            rows = [
                {"type": "file", "path": item["rfilename"], "oid": item["blobId"], **item} for item in self._files()
            ]
            _send(request, json.dumps(rows).encode(), with_body)
        elif path.startswith(f"/api/models/{self.repo}"):
            info = {"id": self.repo, "modelId": self.repo, "sha": COMMIT, "siblings": self._files(), "tags": []}
            _send(request, json.dumps(info).encode(), with_body)
        else:
            _send(request, b"", with_body, 404, {"X-Error-Code": "RepoNotFound"})

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()

    def _files(self) -> list[dict[str, object]]:
        return [
            {"rfilename": path.name, "size": path.stat().st_size, "blobId": _etag(path)}
            for path in sorted(self.folder.iterdir())
        ]

    def _send_file(self, request: BaseHTTPRequestHandler, name: str, with_body: bool) -> None:
        path = self.folder / name
        if self.is_gated:
            _send(request, b"", with_body, 403, {"X-Error-Code": "GatedRepo", "X-Repo-Commit": COMMIT})
            return
        if not path.is_file():
            _send(request, b"", with_body, 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        data, start = path.read_bytes(), 0
        headers = {"ETag": f'"{_etag(path)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if span := request.headers.get("Range"):
            start = int(span.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        body = data[start:]
        request.send_response(206 if start else 200)
        for header, value in {**headers, "Content-Length": str(len(body))}.items():
            request.send_header(header, value)
        request.end_headers()
        if not with_body:
            return
        try:
            half = len(body) // 2 if path.suffix != ".json" else 0
            request.wfile.write(body[:half])
            request.wfile.flush()
            if half and not self.gate.is_set():
                self.reached_middle.set()
                self.gate.wait()
            request.wfile.write(body[half:])
            self.served[name] += 1
        except OSError:  # the download was ended
            request.close_connection = True


def _etag(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()


def _send(
    request: BaseHTTPRequestHandler,
    body: bytes,
    with_body: bool,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> None:
    request.send_response(status)
    for header, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        request.send_header(header, value)
    request.end_headers()
    if with_body:
        request.wfile.write(body)

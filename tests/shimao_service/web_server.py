"""A web server for tests, which answers, stalls and hangs up as it is told."""

from __future__ import annotations

import json
import threading
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.shimao_service.serving import serving


class WebServer(ThreadingHTTPServer):
    """Keeps what it was asked in ``seen`` and answers by ``answers``, one a request, the last for ever.

    An answer is ``(status, body)``, with headers as a third part; ``None`` hangs up instead. With ``stalls`` it says
    nothing until the test is over; with ``drips`` it sends its body a byte at a time, without end.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), WebTalk)
        self.answers: list[Any] = [(200, "{}")]
        self.seen: list[dict[str, Any]] = []
        self.stalls = self.drips = False
        self.reached = threading.Event()
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def says(self, *answers: Any) -> None:
        self.answers = [(200, json.dumps(one)) if isinstance(one, dict) else one for one in answers]


class WebTalk(BaseHTTPRequestHandler):
    server: WebServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append({"path": self.path, "headers": dict(self.headers), "body": body})
        self.server.reached.set()
        if self.server.stalls:
            self.server.over.wait(60)
            return
        answer = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        if answer is None:
            self.close_connection = True
            return
        status, words, *more = answer
        self.send_response(status)
        for name, value in (more[0] if more else {}).items():
            self.send_header(name, value)
        if self.server.drips:
            self.end_headers()
            self.drip()
            return
        self.send_header("Content-Length", str(len(words.encode())))
        self.end_headers()
        self.wfile.write(words.encode())

    do_GET = do_POST

    def drip(self) -> None:
        while not self.server.over.wait(0.02):
            try:
                self.wfile.write(b".")
                self.wfile.flush()
            except OSError:
                return

    def log_message(self, *args: Any) -> None:
        pass


def running() -> AbstractContextManager[WebServer]:
    return serving(WebServer())

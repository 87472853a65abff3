"""A group robot's or another system's server, which takes, fails, is silent, dawdles or hangs up as it is told."""

from __future__ import annotations

import json
import threading
import time
from contextlib import AbstractContextManager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.shimao_service.serving import serving

ANSWER = b'{"errcode": 0, "errmsg": "ok"}'


class Receiver(ThreadingHTTPServer):
    """``moods`` says how each path behaves (``takes`` when nothing is said):

    * ``fails``: answers 500 and has not taken it;
    * ``silent``: takes it and says nothing until the test is over;
    * ``dawdles``: takes it and answers a byte at a time, without end;
    * ``hangs up``: takes it and drops the line in the middle of its answer.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.moods: dict[str, str] = {}
        self.calls: list[str] = []
        # What it took, each as its path and its text, whether or not it ever said so.
        self.taken: list[tuple[str, str]] = []
        self.over = threading.Event()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def texts(self) -> list[str]:
        return [text for _path, text in self.taken]

    def taken_at(self, path: str) -> list[str]:
        return [text for where, text in self.taken if where == path]

    def handle_error(self, request: object, client_address: object) -> None:
        """The other side hung up: that is what some tests are about."""


class Talk(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with suppress(ValueError):
            body = json.dumps(json.loads(body), ensure_ascii=False).encode()
        mood = self.server.moods.get(self.path, "takes")
        self.server.calls.append(self.path)
        if mood == "fails":
            self.answer(500, b"Internal Server Error")
            return
        self.server.taken.append((self.path, body.decode()))
        if mood == "silent":
            self.server.over.wait(60)
        elif mood == "dawdles":
            self.dawdle()
        elif mood == "hangs up":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n{")
        else:
            self.answer(200, ANSWER)
        self.close_connection = True

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def dawdle(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n")
        while not self.server.over.is_set():
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.05)

    def log_message(self, format: str, *args: object) -> None:
        pass


def receiving() -> AbstractContextManager[Receiver]:
    return serving(Receiver())

"""A mail server for tests, which answers, stalls and hangs up as it is told."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from contextlib import AbstractContextManager
from email.message import EmailMessage

from tests.shimao_service.serving import serving


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks just enough SMTP.

    ``answers`` replaces the answer to a word (``.`` ends a letter); ``None`` hangs up instead. At the word
    ``stalls_at`` it says nothing more until the test is over, and sets ``reached``.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MailTalk)
        self.answers: dict[str, str | None] = {}
        self.connections = 0
        self.letters: list[EmailMessage] = []
        self.stalls_at = ""
        self.reached = threading.Event()
        self.over = threading.Event()


class MailTalk(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.server.connections += 1
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            word = line.split(b" ")[0].strip().decode().upper()
            self.stall(word)
            answer = self.server.answers.get(word, {"DATA": "354 go on", "QUIT": "221 bye"}.get(word, "250 ok"))
            if answer and answer.startswith("354"):
                self.wfile.write(f"{answer}\r\n".encode())
                self.take_letter()
                self.stall(".")
                answer = self.server.answers.get(".", "250 taken")
            if answer is None:
                return
            self.wfile.write(f"{answer}\r\n".encode())

    def stall(self, word: str) -> None:
        if word == self.server.stalls_at:
            self.server.reached.set()
            self.server.over.wait(60)

    def take_letter(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        self.server.letters.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))


def running() -> AbstractContextManager[MailServer]:
    return serving(MailServer())

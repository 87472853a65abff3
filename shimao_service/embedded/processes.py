"""Children that do not outlive us, and the end of those that did.

On Linux the kernel itself ends a child when its parent dies, however that happens. Elsewhere, and
when a child was slow to go, the next start finds it by the state file and ends it then.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from shimao_service.embedded.state import is_alive

PR_SET_PDEATHSIG = 1


def spawn(
    argv: Sequence[str],
    *,
    log: Path | None,
    env: dict[str, str] | None = None,
    cwd: str | Path = "/",
    account: pwd.struct_passwd | None = None,
    when_orphaned: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start ``argv`` in a session of its own (Ctrl-C reaches only us; we stop things in order).

    What it prints is added to ``log``; with None it goes to our own terminal.
    """
    with contextlib.ExitStack() as stack:
        output: IO[bytes] | None = None
        if log:
            log.parent.mkdir(parents=True, exist_ok=True)
            output = stack.enter_context(log.open("ab"))
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            env=env,
            cwd=str(cwd),
            start_new_session=True,
            preexec_fn=_orphan_signal(when_orphaned),
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )


def _orphan_signal(number: signal.Signals) -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before the fork
    parent = os.getpid()

    def ask_the_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return ask_the_kernel


def command_of(pid: int) -> str:
    """The command line of ``pid`` with single spaces, or nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        if sys.platform.startswith("linux"):
            return ""
    listing = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
    return listing.stdout.strip()


def end(
    process: subprocess.Popen[bytes] | int, *, gently: signal.Signals = signal.SIGTERM, patience: float = 10
) -> None:
    """End a process and its group: ask, wait ``patience`` seconds, then kill. A child of ours, or a bare pid."""
    pid = process if isinstance(process, int) else process.pid
    with contextlib.suppress(OSError):
        os.kill(pid, gently)
    _wait_for_end(process, patience)
    end_group(pid)
    _wait_for_end(process, 5)


def _wait_for_end(process: subprocess.Popen[bytes] | int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if isinstance(process, int):
            if not is_alive(process) or _is_zombie(process):
                return
        elif process.poll() is not None:
            return
        time.sleep(0.05)


def end_group(pid: int) -> None:
    """Kill what is left of the session that ``pid`` led (workers of a master that was killed)."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def _is_zombie(pid: int) -> bool:
    """Dead, but whoever started it has not noticed: in a container often for good."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def end_leftovers(command: str, *, gently: signal.Signals = signal.SIGTERM) -> None:
    """End every process that runs exactly ``command``: what an earlier run started, and its workers.

    By the command line, which names the checkout: a number may be another process's by now, and the
    workers of a killed master have numbers that nobody noted.
    """
    for pid in running_as(command):
        end(pid, gently=gently)


def running_as(command: str) -> list[int]:
    if not command:
        return []
    if sys.platform.startswith("linux"):
        everyone = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in everyone if pid != os.getpid() and command_of(pid) == command]
    listing = subprocess.run(["ps", "-Aww", "-o", "pid=,command="], capture_output=True, text=True).stdout
    rows = (line.split(None, 1) for line in listing.splitlines())
    return [int(row[0]) for row in rows if len(row) == 2 and row[1].strip() == command]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_port_free(port: int) -> bool:
    """Whether a server could listen there now; the remains of closed connections do not count.

    Raises PermissionError for a port that only root may use.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise
        except OSError:
            return False
        return True

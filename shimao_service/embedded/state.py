"""Where things lie, who holds them, and the file by which ``manage.py`` finds what runs.

Only the standard library: ``settings`` reads this on every start, production's too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

CHECKOUT = Path(__file__).resolve().parent.parent.parent
# Everything a run leaves behind, ignored by git; deleting it deletes the demo.
RUN = Path(os.environ.get("RUN_DIR") or CHECKOUT / ".run").resolve()


class Trouble(Exception):
    """Something a person has to put right. Its text is one line in both languages that says what to do."""

    def __init__(self, zh: str, en: str):
        super().__init__(f"{zh} / {en}")


def say(zh: str, en: str = "") -> None:
    """Tell the person at the terminal what is going on; a closed terminal is no reason to stop."""
    with contextlib.suppress(OSError, ValueError):
        print(f"▸ {zh} {en}".rstrip(), flush=True)


class Told(Exception):
    """It cannot go on, and whoever noticed has already said why and what to do."""


@dataclasses.dataclass
class State:
    """What runs now: the addresses, and each process as [pid, command line] so that a later start can end it."""

    supervisor: int
    debug: bool = False
    database_url: str = ""
    redis_url: str = ""
    site_url: str = ""
    processes: dict[str, tuple[int, str]] = dataclasses.field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether the process that wrote the file is still there."""
        return is_alive(self.supervisor)

    def write(self, path: Path) -> None:
        # Replaced in one step, and readable by nobody else: it holds the database's password.
        part = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(self), file, ensure_ascii=False, indent=1)
        part.replace(path)


def read(path: Path) -> State | None:
    """The state in ``path``; None when there is none, or when a crash left half a file."""
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def running() -> State | None:
    """What ``make run`` has running in this checkout, or None."""
    state = read(RUN / "state.json")
    return state if state and state.is_running else None


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def held(folder: Path) -> Iterator[TextIO]:
    """Hold ``folder`` alone, for as long as the process lives: the kernel lets go of it after any kind of death.

    Raises ``BlockingIOError`` while another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as file:
        for attempt in range(5):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == 4:
                    raise
                time.sleep(0.2)  # its holder may be on its way out
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file


def holder(folder: Path) -> int:
    """The pid of whoever holds ``folder``, or 0."""
    try:
        return int((folder / "lock").read_text())
    except (OSError, ValueError):
        return 0


def fail(trouble: Trouble) -> int:
    print(f"✗ {trouble}", file=sys.stderr, flush=True)
    return 1

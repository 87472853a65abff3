"""Postgres and Valkey for one purpose, unless the environment names others.

Three purposes, each with data of its own: ``run`` (kept, durable), ``test`` (made anew each time),
``bench`` (kept apart from the demo, tuned for measuring).
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2

from shimao_service.embedded import postgres, processes, state, valkey
from shimao_service.embedded.state import RUN, State, Trouble

PURPOSES = {"run": {}, "test": postgres.CARELESS, "bench": postgres.ROOMY}


class Services:
    """What one purpose needs. ``state`` is on disk from the first process on, so that a crash can be cleaned up."""

    def __init__(self, purpose: str, environment: Mapping[str, str] = os.environ):
        self.purpose = purpose
        self.folder = RUN if purpose == "run" else RUN / purpose
        self.logs = self.folder / "logs"
        self.postgres: postgres.Postgres | None = None
        self.valkey: valkey.Valkey | None = None
        self.named_database = environment.get("DATABASE_URL", "")
        self.named_broker = environment.get("REDIS_URL", "")
        if purpose == "bench" and self.named_database:
            self.named_database = bench_database(self.named_database)
        self.state = State(supervisor=os.getpid(), database_url=self.named_database, redis_url=self.named_broker)

    @property
    def state_file(self) -> Path:
        return self.folder / "state.json"

    @property
    def environment(self) -> dict[str, str]:
        """By what a child finds them."""
        return {"DATABASE_URL": self.state.database_url, "REDIS_URL": self.state.redis_url}

    def start(self, check: Callable[[], None] = lambda: None) -> None:
        """End what a crash left, then start both; ``check`` may raise to give up waiting. Raises Trouble."""
        self.end_leftovers()
        rotate(self.logs)
        clusters = postgres.home() if not self.named_database else None
        if self.purpose == "test":
            if clusters:
                postgres.Postgres.end_leftover(clusters / "test" / "data")
            self.forget()
        if clusters:
            self.postgres = postgres.Postgres(
                clusters / self.purpose, settings=PURPOSES[self.purpose], log=self.logs / "postgres.log"
            )
        if not self.named_broker:
            self.valkey = valkey.Valkey(
                self.folder / "valkey", durable=self.purpose == "run", log=self.logs / "valkey.log"
            )
        self.revive(check)

    def revive(self, check: Callable[[], None] = lambda: None) -> list[str]:
        """Start whatever of the two is not running; returns the names of those, and tells the state file."""
        revived = []
        for name, server in (("postgres", self.postgres), ("valkey", self.valkey)):
            if server and (server.process is None or server.process.poll() is not None):
                server.start(check)
                revived.append(name)
                self.record(name, server.process.pid if server.process else 0)
        if not revived:
            return revived
        if self.postgres:
            self.state.database_url = self.postgres.url
        if self.valkey:
            self.state.redis_url = self.valkey.url
        self.state.write(self.state_file)
        return revived

    def record(self, name: str, pid: int) -> None:
        """Note a process, so that a later start can end it if we cannot."""
        self.state.processes[name] = (pid, processes.command_of(pid))
        self.state.write(self.state_file)

    def end_leftovers(self) -> None:
        """End what an earlier run left: first those that use the servers, then the servers."""
        left = state.read(self.state_file)
        if left is None:
            return
        for _, command in reversed(list(left.processes.values())):
            processes.end_leftovers(command)

    def stop(self) -> None:
        for server in (self.valkey, self.postgres):
            if server:
                server.stop()
        self.state_file.unlink(missing_ok=True)
        if self.purpose == "test":
            self.forget()

    def forget(self) -> None:
        """Delete the data; nothing runs on it any more."""
        shutil.rmtree(self.folder / "valkey", ignore_errors=True)
        if not self.named_database:
            shutil.rmtree(postgres.home() / self.purpose, ignore_errors=True)


@contextlib.contextmanager
def started(purpose: str) -> Iterator[Services]:
    """The services of ``purpose``, for as long as the block runs. Raises Trouble when somebody else has them."""
    services = Services(purpose)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(state.held(services.folder))
        except BlockingIOError:
            raise Trouble(
                f"这个目录里已有一个“{purpose}”在运行，请等它结束，或先运行 make stop。",
                f"Another {purpose} is running in this checkout: wait for it, or make stop.",
            ) from None
        try:
            services.start()
            yield services
        finally:
            services.stop()


def bench_database(url: str) -> str:
    """A database beside the named one, made when it is not there: a million made-up rows never go into the real one."""
    parts = urlsplit(url)
    name = f"{parts.path.lstrip('/') or 'shimao'}_bench"
    with _connected(url) as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if not cursor.fetchone():
            cursor.execute(f"CREATE DATABASE {_identifier(name)}")
    return parts._replace(path=f"/{name}").geturl()


def empty_database(url: str) -> None:
    """Make the database of ``url`` anew, from its server's ``postgres`` database."""
    parts = urlsplit(url)
    name = _identifier(parts.path.lstrip("/"))
    with _connected(parts._replace(path="/postgres").geturl()) as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name}")


@contextlib.contextmanager
def _connected(url: str) -> Iterator[Any]:
    try:
        connection = psycopg2.connect(url)
    except psycopg2.OperationalError as error:
        raise Trouble(
            "连不上 DATABASE_URL 指定的数据库，请检查地址、账号和密码。",
            f"Cannot connect to DATABASE_URL: {str(error).splitlines()[0]}",
        ) from None
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        yield cursor


def _identifier(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def rotate(logs: Path, limit: int = 10_000_000) -> None:
    """Set logs aside that have grown past ``limit`` bytes; one older file of each is kept."""
    logs.mkdir(parents=True, exist_ok=True)
    for log in logs.glob("*.log"):
        if log.stat().st_size > limit:
            log.replace(log.with_suffix(".log.1"))

"""``make run`` itself, in a folder of its own: up, found, killed in every way, up again, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from shimao_service.embedded import postgres, processes
from shimao_service.embedded.state import CHECKOUT
from tests.shimao_service.test_embedded import eventually


class Desk:
    """One checkout's runs, in a folder of the test's."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.run = folder / "run"
        self.port = processes.free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        others = {"DATABASE_URL", "REDIS_URL", "DEBUG", "SECRET_KEY", "SITE_URL"}
        mine = {"RUN_DIR": str(self.run), "PORT": str(self.port)}
        return {name: value for name, value in os.environ.items() if name not in others} | mine

    @property
    def state(self) -> dict[str, Any]:
        with contextlib.suppress(OSError):
            return json.loads((self.run / "state.json").read_text())
        return {"processes": {}}

    def pid(self, part: str) -> int:
        return self.state["processes"][part][0]

    def start(self) -> str:
        """Start it and wait for its word; returns what it printed until then."""
        output = self.folder / "output"
        command = [sys.executable, "-m", "shimao_service.embedded", "run", "--empty"]
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                command, env=self.environment, cwd=CHECKOUT, stdout=file, stderr=file, start_new_session=True
            )
        eventually(lambda: self.process.poll() is not None or "Ctrl-C" in output.read_text(), 120)
        return output.read_text()

    def manage(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(CHECKOUT / "manage.py"), *arguments]
        return subprocess.run(command, env=self.environment | more, cwd=CHECKOUT, capture_output=True, text=True)

    def ask(self, *statements: str) -> Any:
        with contextlib.closing(psycopg2.connect(self.state["database_url"])) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    printed = desk.start()
    assert f"http://127.0.0.1:{desk.port}/" in printed, printed
    desk.ask("CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
    yield desk
    desk.stop()
    shutil.rmtree(postgres.home(desk.run), ignore_errors=True)


def test_manage_py_finds_what_runs(desk: Desk) -> None:
    script = "from django.conf import settings as s; print(s.DEBUG, s.DATABASES['default']['PORT'], s.SITE_URL)"
    found = desk.manage("shell", "--verbosity", "0", "--command", script).stdout.split()
    assert found[0] == "True"
    assert f":{found[1]}/" in desk.state["database_url"]
    assert found[2] == f"http://127.0.0.1:{desk.port}"


def test_a_named_database_gets_nothing_of_the_demo(desk: Desk) -> None:
    refused = desk.manage("check", DATABASE_URL="postgres://desk@127.0.0.1:1/desk")
    assert refused.returncode == 2
    assert "SECRET_KEY" in refused.stderr


def test_a_second_start_in_the_same_checkout_is_told_so(desk: Desk) -> None:
    other = Desk(desk.folder)
    command = [sys.executable, "-m", "shimao_service.embedded", "run"]
    refused = subprocess.run(command, env=other.environment, cwd=CHECKOUT, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "已在运行" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("part", ["web", "worker", "beat", "valkey", "postgres"])
def test_a_part_that_dies_is_started_again(desk: Desk, part: str) -> None:
    killed = desk.pid(part)
    os.kill(killed, signal.SIGKILL)
    assert eventually(lambda: desk.pid(part) != killed)
    assert eventually(lambda: processes.command_of(desk.pid(part)) == desk.state["processes"][part][1])
    assert desk.ask("SELECT n FROM kept") == 7
    if part == "web":
        assert eventually(lambda: not processes.is_port_free(desk.port))


def test_after_the_supervisor_was_killed_it_starts_and_has_its_data(desk: Desk) -> None:
    assert desk.process
    desk.process.kill()
    desk.process.wait()
    assert "http://" in desk.start()
    assert desk.ask("SELECT n FROM kept") == 7


def test_after_everything_was_killed_it_starts_and_has_its_data(desk: Desk) -> None:
    assert desk.process
    everything = [desk.process.pid, *(pid for pid, _ in desk.state["processes"].values())]
    for pid in everything:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    desk.process.wait()
    assert "http://" in desk.start()
    assert desk.ask("SELECT n FROM kept") == 7


def test_stopping_leaves_nothing_running_and_a_taken_port_is_one_line(desk: Desk) -> None:
    commands = [command for _, command in desk.state["processes"].values()]
    desk.stop()
    assert not [command for command in commands if processes.running_as(command)]
    assert not (desk.run / "state.json").exists()
    assert "make run" in desk.manage("showmigrations").stderr

    with socket.create_server(("127.0.0.1", desk.port)):
        printed = desk.start()
    assert desk.process
    assert desk.process.returncode == 1
    assert printed.startswith(f"✗ 端口 {desk.port} 已被占用")
    assert len(printed.splitlines()) == 1
    assert not (desk.run / "state.json").exists()

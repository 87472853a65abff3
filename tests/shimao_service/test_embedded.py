"""The embedded servers, and what a crash of them leaves."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
import redis

from shimao_service.embedded import postgres, processes, state
from shimao_service.embedded.postgres import Postgres
from shimao_service.embedded.supervisor import port_from
from shimao_service.embedded.valkey import Valkey


def eventually(question: Callable[[], object], seconds: float = 60) -> bool:
    """Whether it comes true; the limit only keeps a failure from hanging."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Callable[[], Postgres]]:
    """A maker of servers on one and the same new cluster; the last one is stopped, the cluster removed."""
    home = postgres.home(tmp_path / "run")
    made: list[Postgres] = []

    def make() -> Postgres:
        made.append(Postgres(home / "test", settings={}, log=tmp_path / "postgres.log"))
        return made[-1]

    yield make
    for server in reversed(made):
        server.stop()
    Postgres.end_leftover(home / "test" / "data")
    shutil.rmtree(home, ignore_errors=True)


def ask(server: Postgres, *statements: str) -> object:
    """The first value of the last statement."""
    with contextlib.closing(psycopg2.connect(server.url)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_a_killed_postmaster_comes_back_with_its_data(cluster: Callable[[], Postgres]) -> None:
    server = cluster()
    server.start()
    ask(server, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
    assert server.process
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()

    server.start()

    assert ask(server, "SELECT n FROM kept") == 7


def test_a_server_left_by_a_crash_gives_way_to_the_next(cluster: Callable[[], Postgres]) -> None:
    left = cluster()
    left.start()
    ask(left, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")

    following = cluster()
    following.start()

    assert left.process
    assert eventually(lambda: left.process and left.process.poll() is not None)
    assert ask(following, "SELECT n FROM kept") == 7


def test_a_stale_pid_that_is_another_process_now_neither_blocks_nor_dies(cluster: Callable[[], Postgres]) -> None:
    server = cluster()
    server.start()
    assert server.process
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    account = postgres.account() or pwd.getpwuid(os.geteuid())
    other = subprocess.Popen(["sleep", "60"], user=account.pw_uid if os.geteuid() == 0 else None)
    try:
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        server.start()
        assert ask(server, "SELECT 1") == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_cluster_half_made_is_made_anew(cluster: Callable[[], Postgres]) -> None:
    server = cluster()
    (server.folder / "data.new").mkdir(parents=True)
    (server.folder / "data.new" / "PG_VERSION").write_text("18")
    (server.data / "base").mkdir(parents=True)

    server.start()

    assert ask(server, "SELECT 1") == 1


def test_trigrams_see_chinese(cluster: Callable[[], Postgres]) -> None:
    server = cluster()
    server.start()
    assert ask(server, "CREATE EXTENSION pg_trgm", "SELECT similarity('厨房漏水', '卫生间漏水') > 0") is True


def test_what_the_broker_took_survives_a_kill(tmp_path: Path) -> None:
    broker = Valkey(tmp_path / "带 空格", durable=True, log=tmp_path / "valkey.log")
    broker.start()
    try:
        with contextlib.closing(redis.Redis.from_url(broker.url)) as client:
            client.set("kept", "7")
        assert broker.process
        os.kill(broker.process.pid, signal.SIGKILL)
        broker.process.wait()
        broker.start()
        with contextlib.closing(redis.Redis.from_url(broker.url)) as client:
            assert client.get("kept") == b"7"
    finally:
        broker.stop()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the next start ends them")
def test_a_child_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from shimao_service.embedded import processes\n"
        "print(processes.spawn(['sleep', '600'], log=Path(sys.argv[1])).pid, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=state.CHECKOUT) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.kill()
    assert eventually(lambda: "sleep 600" not in processes.command_of(child))


def test_leftovers_are_known_by_their_whole_command_line() -> None:
    def sleeper(seconds: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["sleep", seconds], start_new_session=True)

    ours, its_worker, other = sleeper("61.125"), sleeper("61.125"), sleeper("61.25")
    try:
        # For a moment after its start a process has no command line yet.
        assert eventually(lambda: {ours.pid, its_worker.pid} <= set(processes.running_as("sleep 61.125")))
        processes.end_leftovers("sleep 61.125")
        assert ours.wait()
        assert its_worker.wait()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_one_at_a_time(tmp_path: Path) -> None:
    with state.held(tmp_path):
        assert state.holder(tmp_path) == os.getpid()
        with pytest.raises(BlockingIOError), state.held(tmp_path):
            pass
    with state.held(tmp_path):
        pass


def test_a_state_file_is_whole_private_and_of_the_living(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state.State(supervisor=os.getpid(), database_url="postgres://x").write(path)
    assert path.stat().st_mode & 0o077 == 0
    found = state.read(path)
    assert found
    assert found.is_running
    assert found.database_url == "postgres://x"

    gone = subprocess.Popen(["true"])
    gone.wait()
    state.State(supervisor=gone.pid).write(path)
    found = state.read(path)
    assert found
    assert not found.is_running

    path.write_text('{"supervisor": 1')
    assert state.read(path) is None


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "8000 ", "８０００"])
def test_a_port_that_is_none_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(state.Trouble, match="PORT") as refused:
        port_from(text)
    assert "\n" not in str(refused.value)

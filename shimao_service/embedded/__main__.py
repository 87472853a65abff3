"""``python -m shimao_service.embedded run | stop | reset | with PURPOSE -- COMMAND``; see the Makefile."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys

from shimao_service.embedded import postgres, state, supervisor
from shimao_service.embedded.services import Services, empty_database, started
from shimao_service.embedded.state import CHECKOUT, RUN, Told, Trouble, say


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m shimao_service.embedded", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    run = actions.add_parser("run", help="web, worker, beat and what they need; the port is PORT")
    run.add_argument("--empty", action="store_true", help="without demo data")
    actions.add_parser("stop", help="stop what `run` started in this checkout")
    actions.add_parser("reset", help="delete the demo's, the tests' and the bench's data")
    within = actions.add_parser("with", help="run a command beside services of its own")
    within.add_argument("purpose", choices=["test", "bench"])
    within.add_argument("--fresh", action="store_true", help="bench: empty its database first")
    within.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    try:
        match arguments.action:
            case "run":
                port = supervisor.port_from(os.environ.get("PORT") or "8000")
                supervisor.Supervisor(port, empty=arguments.empty).run()
            case "stop":
                supervisor.stop_running()
            case "reset":
                reset()
            case "with":
                command = arguments.command[arguments.command[:1] == ["--"] :]
                return run_with(arguments.purpose, command, fresh=arguments.fresh)
    except Trouble as trouble:
        return state.fail(trouble)
    except Told:
        return 1
    except OSError as error:
        return state.fail(
            Trouble(
                f"系统拒绝了操作：{error}；请检查 {RUN} 的权限和磁盘空间。",
                f"The system refused: {error}; check the rights on {RUN} and the free space.",
            )
        )
    return 0


def run_with(purpose: str, command: list[str], *, fresh: bool = False) -> int:
    """Run ``command`` with the environment of started services; its exit code is ours."""
    # A TERM ends us through the `with`, so the services stop; Ctrl-C reaches the command as well as us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with started(purpose) as services:
        if fresh and purpose == "bench":
            empty_database(services.state.database_url)
        environment = {**os.environ, "DEBUG": os.environ.get("DEBUG", "1"), **services.environment}
        process = subprocess.Popen(command, env=environment, cwd=CHECKOUT)
        try:
            return process.wait()
        except KeyboardInterrupt:
            return process.wait() or 130
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()


def reset() -> None:
    """Delete all data of this checkout; what runs must be stopped first."""
    for purpose in ("test", "bench", "run"):
        folder = Services(purpose, {}).folder
        if not folder.exists():
            continue
        try:
            with state.held(folder):
                Services(purpose, {}).end_leftovers()
                clusters = postgres.home() / purpose
                postgres.Postgres.end_leftover(clusters / "data")
                shutil.rmtree(clusters, ignore_errors=True)
                for part in folder.iterdir():
                    if part.name not in {"lock", "token", "test", "bench"}:
                        shutil.rmtree(part) if part.is_dir() else part.unlink()
        except BlockingIOError:
            raise Trouble("服务正在运行，请先运行 make stop。", "It is running: make stop first.") from None
    say("数据已清空，下次 make run 会重新填充演示数据。", "All data deleted; the next make run fills it anew.")


if __name__ == "__main__":
    sys.exit(main())

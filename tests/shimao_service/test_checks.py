"""Real people's desk refuses what only a demo may have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from shimao_service import checks
from shimao_service.demo import DEMO_PASSWORD, refuse_without_debug
from shimao_service.embedded.state import CHECKOUT


def manage(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``manage.py`` as in a fresh checkout with nothing set but ``environment``."""
    plain = {"PATH": os.environ["PATH"], "RUN_DIR": str(tmp_path)} | environment
    command = [sys.executable, "-W", "ignore", "manage.py", *arguments]
    return subprocess.run(command, env=plain, cwd=CHECKOUT, capture_output=True, text=True)


@pytest.fixture
def frontdesk(db: None):
    return get_user_model().objects.create_user("frontdesk", password=DEMO_PASSWORD)


@pytest.fixture
def real(settings):
    settings.DEBUG = False


@pytest.mark.usefixtures("real")
def test_an_account_that_the_published_password_opens_stops_the_start(frontdesk) -> None:
    assert [error.id for error in checks.check_demo_accounts(databases=["default"])] == ["shimao.E002"]
    with pytest.raises(ImproperlyConfigured, match="frontdesk"):
        checks.refuse_demo_accounts()
    with pytest.raises(CommandError, match="frontdesk"):
        call_command("prepare")


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}, {"username": "zhangsan"}])
def test_a_closed_or_another_account_does_not(frontdesk, change: dict) -> None:
    for name, value in change.items():
        setattr(frontdesk, name, value)
    frontdesk.save()
    assert checks.check_demo_accounts(databases=["default"]) == []
    assert checks.open_demo_accounts() == []


def test_in_a_demo_they_are_welcome(frontdesk, settings) -> None:
    settings.DEBUG = True
    assert checks.check_demo_accounts(databases=["default"]) == []
    checks.refuse_demo_accounts()
    refuse_without_debug()


@pytest.mark.usefixtures("real")
def test_demo_data_is_refused_without_debug() -> None:
    with pytest.raises(ImproperlyConfigured):
        refuse_without_debug()


@pytest.mark.parametrize("key", ["", "demo-only-insecure-key-never-for-production-0123456789abcdef"])
def test_without_debug_no_key_or_the_sources_key_is_one_line(tmp_path: Path, key: str) -> None:
    refused = manage(tmp_path, "check", SECRET_KEY=key, DATABASE_URL="postgres://x@127.0.0.1:1/x")
    assert refused.returncode == 2
    assert "SECRET_KEY" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_without_a_database_what_needs_one_says_what_to_do(tmp_path: Path) -> None:
    refused = manage(tmp_path, "showmigrations", DEBUG="1")
    assert refused.returncode == 2
    assert "make run" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_without_a_database_the_rest_works(tmp_path: Path) -> None:
    checked = manage(tmp_path, "makemigrations", "--check", "--dry-run")
    assert "Traceback" not in checked.stderr
    assert manage(tmp_path, "check", DEBUG="1").returncode == 0


def test_an_address_of_another_kind_of_database_is_refused(tmp_path: Path) -> None:
    refused = manage(tmp_path, "check", DEBUG="1", DATABASE_URL="sqlite:///x.db")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1


def test_an_unreachable_database_is_one_line(tmp_path: Path) -> None:
    refused = manage(tmp_path, "prepare", DEBUG="1", DATABASE_URL="postgres://x:hush@127.0.0.1:1/x")
    assert refused.returncode == 2
    assert "DATABASE_URL" in refused.stderr
    assert "hush" not in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_check_deploy_is_clean(tmp_path: Path) -> None:
    environment = {
        "SECRET_KEY": "".join(chr(33 + i % 90) for i in range(70)),
        "ALLOWED_HOSTS": "desk.example.cn",
        "SITE_URL": "https://desk.example.cn",
        "DATABASE_URL": "postgres://x@127.0.0.1:1/x",
    }
    checked = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **environment)
    assert checked.returncode == 0, checked.stderr

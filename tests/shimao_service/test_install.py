"""What ``make run`` says before anything is installed: one line, what is missing, what to do."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from shimao_service.embedded.state import CHECKOUT


@pytest.fixture
def install(tmp_path: Path) -> ModuleType:
    """The script, as if its checkout were an empty folder with two locks."""
    spec = importlib.util.spec_from_file_location("install", CHECKOUT / "shimao_service" / "embedded" / "install.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.CHECKOUT = str(tmp_path)
    module.VENV = str(tmp_path / ".venv")
    module.PYTHON = str(tmp_path / ".venv" / "bin" / "python")
    (tmp_path / "requirements.txt").write_text("django==5.2.19\n")
    (tmp_path / "requirements-dev.txt").write_text("django==5.2.19\npytest==9.0\n")
    return module


def refusal(capsys: pytest.CaptureFixture[str], act: Callable[[], object]) -> str:
    with pytest.raises(SystemExit):
        act()
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert " / " in said
    return said


def test_an_old_python_is_told_its_age(install: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    install.OLDEST = (99, 0)
    assert "PYTHON=" in refusal(capsys, install.main)


@pytest.mark.parametrize("missing", [{"venv"}, {"ensurepip", "pip"}])
def test_a_python_without_venv_is_told_which_package(
    install: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, missing: set[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in missing else find(name))
    assert "python3-venv" in refusal(capsys, install.main)


def test_it_installs_again_only_when_the_lock_changed(install: ModuleType, tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    Path(install.PYTHON).symlink_to("/bin/true")
    assert not install.is_installed("run")

    for purpose in ("run", "test"):
        Path(install.stamp(purpose)).write_text(install.wanted(purpose))
    assert install.is_installed("run")
    assert install.is_installed("test")

    (tmp_path / "requirements-dev.txt").write_text("django==5.2.20\n")
    assert install.is_installed("run")
    assert not install.is_installed("test")


def test_an_environment_whose_python_is_gone_is_not_installed(install: ModuleType, tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    Path(install.stamp("run")).write_text(install.wanted("run"))
    assert not install.is_installed("run")

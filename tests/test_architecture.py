"""The floors: discipline → tickets → staff → shimao_service, and inside an app nothing points up either."""

from __future__ import annotations

import ast
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
FLOORS = ("shimao_service", "staff", "tickets", "discipline")
# The ground floor's wiring knows everybody; nothing else of it does.
WIRING = {"shimao_service/urls.py", "shimao_service/celery.py", "shimao_service/beat.py"}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules(app: str) -> list[Path]:
    return [path for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]


def test_no_floor_imports_one_above_it():
    wrong = []
    for level, app in enumerate(FLOORS):
        above = FLOORS[level + 1 :]
        for path in modules(app):
            name = path.relative_to(ROOT).as_posix()
            if name in WIRING:
                continue
            wrong += [f"{name} imports {module}" for module in imports(path) if module.split(".")[0] in above]
    assert not wrong, "\n".join(wrong)


def test_the_domain_of_tickets_knows_nothing_of_screens():
    screens = ("tickets.views", "tickets.api", "tickets.forms", "tickets.urls", "tickets.admin", "tickets.management")
    domain = [
        path
        for path in modules("tickets")
        if path.relative_to(ROOT / "tickets").parts[0] in ("lifecycle", "models")
        or path.name
        in ("statuses.py", "permissions.py", "deadlines.py", "schedule.py", "reminders.py", "search.py", "links.py")
    ]
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in domain
        for module in imports(path)
        if module.startswith(screens)
    ]
    assert not wrong, "\n".join(wrong)


def test_statuses_are_data_only():
    assert {module.split(".")[0] for module in imports(ROOT / "tickets" / "statuses.py")} <= {
        "__future__", "dataclasses", "django",
    }  # fmt: skip


def test_only_the_gate_and_the_demo_write_a_status():
    writers = {
        path.relative_to(ROOT).as_posix()
        for path in modules("tickets")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "status" and isinstance(node.ctx, ast.Store)
    }
    # The change of terms has a status of its own, which is no request's.
    assert writers <= {"tickets/demo/stories.py", "tickets/terms_changes.py"}, writers

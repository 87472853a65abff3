"""Pages of docs/ of which a part is written by the code, so that it cannot drift."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError


class WritesDocument(BaseCommand):
    """A command that writes such a part anew; ``--check`` only compares and fails where it has drifted.

    ``page`` is the page's name in docs/; ``rewrite`` answers its text as it should be.
    """

    page: str
    rewrite: Callable[[str], str]

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--check", action="store_true", help="fail when the page has drifted")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / self.page
        before = path.read_text(encoding="utf-8")
        after = type(self).rewrite(before)
        if before == after:
            self.stdout.write(f"docs/{self.page} 是最新的。")
        elif check:
            command = type(self).__module__.rpartition(".")[2]
            raise CommandError(f"docs/{self.page} 与代码不一致，请运行 manage.py {command}。 The page has drifted.")
        else:
            path.write_text(after, encoding="utf-8")
            self.stdout.write(f"已重写 docs/{self.page}。")

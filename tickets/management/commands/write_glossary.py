"""Write the tables of docs/glossary.md anew from the code."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from tickets.glossary import rewrite


class Command(BaseCommand):
    help = "Write the tables of docs/glossary.md from the code; --check only compares."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--check", action="store_true", help="fail when the tables have drifted")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / "glossary.md"
        before = path.read_text(encoding="utf-8")
        after = rewrite(before)
        if before == after:
            self.stdout.write("docs/glossary.md 是最新的。")
        elif check:
            raise CommandError("词汇表与代码不一致，请运行 manage.py write_glossary。 The glossary has drifted.")
        else:
            path.write_text(after, encoding="utf-8")
            self.stdout.write("已重写 docs/glossary.md。")

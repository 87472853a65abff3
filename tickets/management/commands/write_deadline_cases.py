"""Write the table of cases in docs/deadlines.md anew from the code."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from tickets.deadline_cases import rewrite


class Command(BaseCommand):
    help = "Write the table of cases in docs/deadlines.md from the code; --check only compares."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--check", action="store_true", help="fail when the table has drifted")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / "deadlines.md"
        before = path.read_text(encoding="utf-8")
        after = rewrite(before)
        if before == after:
            self.stdout.write("docs/deadlines.md 是最新的。")
        elif check:
            raise CommandError("时限案例与代码不一致，请运行 manage.py write_deadline_cases。 The cases have drifted.")
        else:
            path.write_text(after, encoding="utf-8")
            self.stdout.write("已重写 docs/deadlines.md。")

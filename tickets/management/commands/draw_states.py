"""Draw the state diagram in docs/architecture.md anew from the code."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from tickets.diagram import redraw


class Command(BaseCommand):
    help = "Draw the state diagram in docs/architecture.md from tickets.statuses; --check only compares."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--check", action="store_true", help="fail when the drawing has drifted")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / "architecture.md"
        before = path.read_text(encoding="utf-8")
        after = redraw(before)
        if before == after:
            self.stdout.write("docs/architecture.md 是最新的。")
        elif check:
            raise CommandError("状态图与代码不一致，请运行 manage.py draw_states。 The state diagram has drifted.")
        else:
            path.write_text(after, encoding="utf-8")
            self.stdout.write("已重新绘制 docs/architecture.md 的状态图。")

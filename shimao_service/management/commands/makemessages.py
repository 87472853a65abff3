"""``manage.py makemessages``: Django's own, with our defaults, so that a diff shows words only.

It needs GNU gettext (``apt-get install gettext``). Afterwards translate what is empty or fuzzy in
locale/en/LC_MESSAGES/django.po and run ``make messages``; tests/shimao_service/test_catalogue.py
tells what is missing.
"""

from __future__ import annotations

import re
from pathlib import Path

from django.core.management.base import CommandParser
from django.core.management.commands import makemessages

# Chinese on purpose or not ours: the demo company, the tests, what is vendored.
IGNORED = [".venv", "node_modules", "static", "tests", "docs", "discipline", "migrations"]
DATE = re.compile(r'^"POT-Creation-Date:.*$', re.MULTILINE)


class Command(makemessages.Command):
    # The names we import Django's functions under, beside `_`.
    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=_l", "--keyword=N_"]
    # A changed order or a moved line is no change of words.
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--sort-output", "--no-fuzzy-matching"]
    msgattrib_options = [*makemessages.Command.msgattrib_options, "--sort-output"]

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(locale=["en"], no_location=True, no_wrap=True, no_obsolete=True, ignore_patterns=IGNORED)

    def write_po_file(self, potfile: str, locale: str) -> None:
        """Keep the date of the first extraction: it would change with every run."""
        path = Path(potfile).parent / locale / "LC_MESSAGES" / f"{self.domain}.po"
        before = DATE.search(path.read_text(encoding="utf-8")) if path.exists() else None
        super().write_po_file(potfile, locale)
        if before:
            path.write_text(DATE.sub(lambda _found: before[0], path.read_text(encoding="utf-8")), encoding="utf-8")

"""``manage.py import_holidays FILE``: a year's holidays from a holiday-cn file, as on the page."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from shimao_service import calendars
from shimao_service.exceptions import Invalid
from shimao_service.official_days import OfficialDate, read_file


class Command(BaseCommand):
    help = "导入一年的节假日安排（holiday-cn 的 JSON 文件）/ Import a year's holidays from a holiday-cn JSON file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--dry-run", action="store_true", help="只看会改变什么 / only show what would change")

    def handle(self, *args: Any, file: Path, dry_run: bool, **options: Any) -> None:
        try:
            arrangement = read_file(file.read_bytes())
        except OSError as error:
            raise CommandError(f"读不到文件 {file} / cannot read it: {error.strerror}", returncode=2) from None
        except Invalid as refusal:
            raise CommandError("\n".join(refusal.fields["file"]), returncode=2) from None
        with transaction.atomic():
            if dry_run:
                changed = calendars.year_differences(arrangement)
            else:
                changed = calendars.import_year(arrangement, now=timezone.now())
        for one in changed:
            self.stdout.write(f"{one.date}  {words(one.was)} → {words(one.will)}")
        self.stdout.write(
            f"{arrangement.year}: {len(changed)} 天有变化 / days changed{' (dry run)' if dry_run else ''}"
        )


def words(day: OfficialDate | None) -> str:
    return f"{day.name}（{'放假' if day.is_off else '上班'}）" if day else "平日"

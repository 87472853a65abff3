"""Make a believable estate: for the demo, and of any size for measuring."""

import contextlib
from argparse import ArgumentParser
from time import monotonic
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, CommandError
from django.db import transaction

from shimao_service.demo import refuse_without_debug
from staff.models import Employee
from tickets.demo.filling import Plan, fill, present


class Command(BaseCommand):
    help = "Fill an empty database with a company, its estate and N requests; the same for the same seed and day."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tickets", type=int, default=600, help="how many requests (default 600)")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, tickets: int, seed: int, **options: Any) -> None:
        try:
            refuse_without_debug()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        if Employee.objects.exists():
            raise CommandError("数据库里已有员工，演示数据只能填入空库。 The database is not empty.")
        if not 1 <= tickets <= 5_000_000:
            raise CommandError("--tickets 应在 1 到 5000000 之间。")
        begun = monotonic()
        plan = Plan(tickets=tickets, seed=seed, now=present())
        # A demo is made whole or not at all: a fill that was killed leaves an empty database to fill again.
        with contextlib.nullcontext() if plan.is_bulk else transaction.atomic():
            rows = fill(plan, self.say)
        for table, count in rows.items():
            self.stdout.write(f"  {table:28} {count:>12,}")
        self.stdout.write(f"  用时 {monotonic() - begun:.1f} 秒")

    def say(self, text: str) -> None:
        self.stdout.write(f"▸ {text}")
        self.stdout.flush()

"""Compute due times once more from the events, and say what was not as it should be."""

from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db.models import QuerySet
from django.utils import timezone

from shimao_service.actors import SYSTEM
from staff.models import Project
from tickets import lifecycle
from tickets.counting import WEEKDAYS
from tickets.lifecycle.recomputing import computed, outlook, stored
from tickets.models import Ticket
from tickets.statuses import ClockName

BATCH = 500


class Command(BaseCommand):
    help = "按记录重新计算时限，并说明哪些有变。 Recompute stored due times from the events; --dry-run only compares."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--project", help="项目编码")
        parser.add_argument("--number", help="工单编号")
        parser.add_argument("--all", action="store_true", help="已办结的也算")
        parser.add_argument("--dry-run", action="store_true", help="只比较，不写入")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        rows, cursor, looked, changed = self.chosen(**options), 0, 0, 0
        while batch := list(rows.filter(pk__gt=cursor).order_by("pk")[:BATCH]):
            cursor = batch[-1].pk
            looked += len(batch)
            changed += sum(self.compare(ticket, dry_run) for ticket in batch)
        verb = "需要改动" if dry_run else "已改正"
        self.stdout.write(f"检查 {looked} 张，{verb} {changed} 张。")

    def chosen(self, *, project: str | None, number: str | None, **options: Any) -> QuerySet[Ticket]:
        rows = Ticket.objects.all()
        if number:
            rows = rows.filter(number=number.upper())
            if not rows.exists():
                raise CommandError(f"没有找到工单 {number}。 No such request.")
            return rows
        if project:
            if not Project.objects.filter(code=project).exists():
                raise CommandError(f"没有找到项目 {project}。 No such project.")
            rows = rows.filter(project__code=project)
        return rows if options["all"] else rows.open()

    def compare(self, ticket: Ticket, dry_run: bool) -> bool:
        before = stored(ticket)
        after = outlook(ticket)
        wanted = computed(after.states)
        if before == wanted and ticket.due_at == after.due_at:
            if not dry_run and ticket.is_open:
                lifecycle.recompute(ticket, by=SYSTEM)  # its next reminder, should that have got lost
            return False
        for key in sorted(before.keys() | wanted.keys()):
            if before.get(key) != wanted.get(key):
                self.stdout.write(f"{ticket.number} {self.words(key, before.get(key), wanted.get(key))}")
        if ticket.due_at != after.due_at:
            self.stdout.write(f"{ticket.number} 最近时限 {self.at(ticket.due_at)} → {self.at(after.due_at)}")
        if not dry_run:
            lifecycle.recompute(ticket, by=SYSTEM)
        return True

    def words(self, key: tuple[int, str], before: tuple | None, after: tuple | None) -> str:
        number, name = key
        due = [self.at(each[1]) if each else "无" for each in (before, after)]
        same = "（到期时间不变）" if due[0] == due[1] else ""
        return f"第 {number} 轮 {ClockName(name).label} {due[0]} → {due[1]}{same}"

    def at(self, moment: Any) -> str:
        if moment is None:
            return "无"
        local = timezone.localtime(moment)
        return f"{local:%Y-%m-%d} {WEEKDAYS[local.weekday()]} {local:%H:%M}"

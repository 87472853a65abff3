"""Say step by step how a request's due times came about."""

from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from tickets import explanation
from tickets.models import Ticket
from tickets.statuses import ClockName


class Command(BaseCommand):
    help = "逐步说明一张工单的时限怎么来的。 How the due times of a request came about, step by step."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("number", help="工单编号")
        parser.add_argument("--clock", choices=ClockName.values, help="只看一个时限")

    def handle(self, *args: Any, number: str, clock: str | None, **options: Any) -> None:
        ticket = Ticket.objects.filter(number=number.upper()).first()
        if ticket is None:
            raise CommandError(f"没有找到工单 {number}。 No such request.")
        found = [
            one
            for one in explanation.explain_all(ticket, now=timezone.now())
            if clock is None or one.state.name == clock
        ]
        if not found:
            self.stdout.write(f"{ticket.number} 没有这样的时限。")
        for one in found:
            self.stdout.write(f"{ticket.number} 第 {one.state.round} 轮 {one.name}：{one.limit}{self.standing(one)}")
            for step in one.steps:
                self.stdout.write(f"  {step.label}：{step.text}")
                for line in step.details:
                    self.stdout.write(f"      {line}")

    def standing(self, one: explanation.Explained) -> str:
        state = one.state
        if state.stopped_at and not state.met_at:
            return "（已终止）"
        if state.met_at:
            return "（超时完成）" if state.met_at > state.due_at else "（按时完成）"
        if state.paused_at:
            return "（挂起中）"
        return "（已超时）" if state.is_late(timezone.now()) else ""

"""Measure the pages people wait for, on the database at hand: server time and queries, nothing of the network."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from shimao_service import bench_delivery
from staff.models import Employee
from tickets import reminders
from tickets.models import Ticket


class Command(BaseCommand):
    help = "Time pages and the tick on the present database; medians of --runs after one warm-up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--runs", type=int, default=9)

    def handle(self, *args: Any, runs: int, **options: Any) -> None:
        self.runs = runs
        rows, opened = Ticket.objects.count(), Ticket.objects.open().count()
        if not rows:
            raise CommandError("库是空的，请先 make bench-data TICKETS=1000000。 The database is empty.")
        self.stdout.write(f"{rows:,} 件工单，{opened:,} 件未办结；每项 {runs} 次取中位数")
        desk = self.signed_in("frontdesk")
        floor = self.page("floor: an empty signed-in page", desk, reverse("account_change_password"))
        busiest = Ticket.objects.open().order_by("-version").filter(project__code="SM001").first()
        cases = [
            ("queue, one project", desk, "/tickets/"),
            ("home, front desk", desk, "/"),
            ("intake", desk, "/tickets/new/"),
        ]
        if busiest:
            cases.append(("request page", desk, busiest.get_absolute_url()))
        director = self.signed_in("director")
        cases += [
            ("queue, all projects", director, "/tickets/"),
            ("search 漏水, all projects", director, "/tickets/?q=漏水&status=all"),
            ("search 玻璃, rare", director, "/tickets/?q=玻璃&status=all"),
            ("home, handler", self.signed_in("handler"), "/"),
        ]
        for name, client, path in cases:
            self.page(name, client, path, floor)
        self.tick()
        self.delivery()

    def signed_in(self, username: str) -> Client:
        employee = Employee.objects.select_related("user").get(user__username=username)
        client = Client(headers={"host": "127.0.0.1"})
        client.force_login(employee.user, backend="staff.authentication.EmployeeBackend")  # type: ignore[arg-type]
        return client

    def timed(self, call: Callable[[], Any]) -> float:
        call()
        times = []
        for _run in range(self.runs):
            begun = perf_counter()
            call()
            times.append((perf_counter() - begun) * 1000)
        return median(times)

    def page(self, name: str, client: Client, path: str, floor: float = 0) -> float:
        response = client.get(path)
        if response.status_code != 200:
            self.stdout.write(f"  {name:34} HTTP {response.status_code}")
            return 0
        with CaptureQueriesContext(connection) as captured:
            client.get(path)
        queries = len(captured)  # counted now: the next request empties the log
        milliseconds = self.timed(lambda: client.get(path))
        times = f"{milliseconds / floor:5.1f} ×" if floor else ""
        self.stdout.write(f"  {name:34} {milliseconds:8.1f} ms {queries:3} queries {times}")
        return milliseconds

    def tick(self) -> None:
        """The tick's question to the requests, as of the next minute in which something falls due and as of the
        busiest next quarter of an hour; what it writes is taken back. The backlog of a database that nobody ticked
        is no tick: it is caught up with first, and taken back as well."""
        now = timezone.now()
        with transaction.atomic():
            backlog = Ticket.objects.filter(remind_at__lte=now).count()
            Ticket.objects.filter(remind_at__lte=now).update(remind_at=None)
            for name, minutes in (("tick, one minute", 1), ("tick, a quarter of an hour late", 15)):
                until = now + timedelta(minutes=minutes)
                due = Ticket.objects.filter(remind_at__lte=until).count()
                self.stdout.write(f"  {name:34} {self.timed(partial(self.ask, until)):8.1f} ms ({due} due)")
            transaction.set_rollback(True)
        self.stdout.write(f"  {'':34} ({backlog} had fallen due before)")

    def ask(self, now: datetime) -> None:
        with transaction.atomic():
            reminders.remind(now)
            transaction.set_rollback(True)

    def delivery(self) -> None:
        """Notices posted and sent by one worker, without a network; what it writes is removed."""
        measured = bench_delivery.measure()
        self.stdout.write(f"  {'delivery, one worker':34} {measured.delivered:8.0f} notices a second")
        self.stdout.write(f"  {'  left in one transaction':34} {measured.posted:8.0f} notices a second")
        self.stdout.write(f"  {'  folded, several to one reader':34} {measured.folded:8.0f} notices a second")

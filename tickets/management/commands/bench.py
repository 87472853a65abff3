"""Measure the pages people wait for, on the database at hand: server time and queries, nothing of the network."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import median
from time import perf_counter
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from shimao_service import bench_delivery, calendars, working_time
from shimao_service.working_time import SERVICE
from staff.models import Employee
from tickets import reminders
from tickets.models import Ticket

# What a tick may take (ms), of a database with a million requests, thirty thousand of them open.
TICK_WITHIN = 200


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
        """The tick's question to the requests, minute by minute from the next time the desks open: the minute of the
        opening, in which everything ordinary of the night has waited, and the hour from half an hour later on. What it
        writes is taken back. What fell due before, on a database that nobody ticked, is caught up with first."""
        opening = working_time.next_opening(calendars.current(), SERVICE, timezone.now() + timedelta(minutes=1))
        morning = opening + timedelta(minutes=30)
        with transaction.atomic():
            before = self.caught_up(opening - timedelta(minutes=1))
            first = self.minute(opening)
            transaction.set_rollback(True)
        with transaction.atomic():
            self.caught_up(morning)
            hour = [self.minute(morning + timedelta(minutes=minute)) for minute in range(1, 61)]
            transaction.set_rollback(True)
        times, dues = [minute[0] for minute in hour], [minute[1] for minute in hour]
        slowest = max(hour)
        within = sum(time <= TICK_WITHIN for time in times)
        self.stdout.write(f"  {'tick, a minute of the morning':34} {median(times):8.1f} ms ({median(dues):.0f} due)")
        self.stdout.write(f"  {'  60 minutes one after the other':34} {within:8} of 60 within {TICK_WITHIN} ms")
        self.stdout.write(f"  {'  the slowest of them':34} {slowest[0]:8.1f} ms ({slowest[1]} due)")
        self.stdout.write(f"  {'  the minute the desks open':34} {first[0]:8.1f} ms ({first[1]} due)")
        self.stdout.write(f"  {'  caught up with before':34} {before[0]:8.1f} ms ({before[1]} due)")

    def caught_up(self, now: datetime) -> tuple[float, int]:
        """The same for everything until then: a tick takes on so many at the most."""
        taken = [self.minute(now)]
        while taken[-1][1]:
            taken.append(self.minute(now))
        return sum(time for time, _due in taken), sum(due for _time, due in taken)

    def minute(self, now: datetime) -> tuple[float, int]:
        """How long one tick took (ms), and how many requests it found due."""
        begun = perf_counter()
        due = reminders.remind(now)
        return (perf_counter() - begun) * 1000, due

    def delivery(self) -> None:
        """Notices posted and sent by one worker, without a network; what it writes is removed."""
        measured = bench_delivery.measure()
        self.stdout.write(f"  {'delivery, one worker':34} {measured.delivered:8.0f} notices a second")
        self.stdout.write(f"  {'  left in one transaction':34} {measured.posted:8.0f} notices a second")
        self.stdout.write(f"  {'  folded, several to one reader':34} {measured.folded:8.0f} notices a second")

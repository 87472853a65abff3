"""Fill a database: the company, then its requests day by day, on as many processes as there are cores."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection, connections, transaction
from django.utils import timezone

from tickets.demo import duty
from tickets.demo.company import World, build, set_sequence
from tickets.demo.copying import Copier
from tickets.demo.stories import Story, Tables
from tickets.statuses import NUMBER_LETTERS, Kind

BULK = 50_000
EVENTS_A_TICKET = 64
LOADED = [
    "tickets_ticket",
    "tickets_event",
    "tickets_leg",
    "tickets_receiverterm",
    "tickets_clock",
    "tickets_hold",
    "tickets_rating",
    "tickets_summary",
    "tickets_referral",
    "tickets_escalation",
    "tickets_urge",
    "tickets_ticketsubject",
]
SHANGHAI = timedelta(hours=8)


@dataclass(slots=True)
class Plan:
    """How large it becomes: projects and units grow with the requests."""

    tickets: int
    seed: int
    now: datetime

    @property
    def is_bulk(self) -> bool:
        """Above this, indexes and foreign keys are dropped first and made again over the finished tables."""
        return self.tickets >= BULK

    @property
    def projects(self) -> int:
        return max(3, min(200, self.tickets // 5000))

    @property
    def units_each(self) -> int:
        return 1500 if self.is_bulk else 480

    @property
    def days(self) -> int:
        """Six months for a demo; a large one is denser, so that three in a hundred are open."""
        return 118 if self.is_bulk else 183


def fill(plan: Plan, say: Callable[[str], None]) -> dict[str, int]:
    """Make everything; returns rows by table. The database must have no people yet."""
    rng = random.Random(plan.seed)
    with transaction.atomic():
        world = build(rng, projects=plan.projects, units_each=plan.units_each, today=plan.now.date(), months=6)
        duty.fill(random.Random(plan.seed + 2), world.places, now=plan.now)
    say(f"{len(world.places)} 个项目，{sum(len(place.units) for place in world.places)} 户")
    rebuild = drop_indexes() if plan.is_bulk else []
    try:
        write_tickets(plan, world, say)
    finally:
        for number, statement in enumerate(rebuild, start=1):
            if number % 20 == 1:
                say(f"建立索引 {number}/{len(rebuild)}")
            with connection.cursor() as cursor:
                cursor.execute(statement)
    for table in LOADED:
        set_sequence(table)
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze" if plan.is_bulk else "analyze")
        rows = {}
        for table in ("staff_employee", "tickets_unit", "tickets_owner", *LOADED):
            cursor.execute(f"select count(*) from {table}")
            rows[table] = cursor.fetchone()[0]
    return rows


def per_day(plan: Plan) -> list[tuple[date, int, int, int]]:
    """``(day, how many, first ticket id, first event id)``: steady, weekends slower, and a demo's last days fuller."""
    rng = random.Random(plan.seed + 1)
    today = (plan.now + SHANGHAI).date()
    weights = []
    for back in range(plan.days, -1, -1):
        day = today - timedelta(days=back)
        weight = (0.7 if day.weekday() >= 5 else 1.0) * rng.uniform(0.7, 1.3)
        if not plan.is_bulk and back < 12:
            weight *= 7  # lists are long where people look
        if back == 0:
            weight *= 1.2 if not plan.is_bulk else max((plan.now + SHANGHAI).hour - 7, 1) / 14
        weights.append((day, weight))
    total = sum(weight for _day, weight in weights)
    days, made, shares = [], 0, 0.0
    for day, weight in weights:
        shares += weight / total * plan.tickets
        count = round(shares) - made
        days.append((day, count, made + 1, made * EVENTS_A_TICKET + 1))
        made += count
    return days


def write_tickets(plan: Plan, world: World, say: Callable[[str], None]) -> None:
    days = per_day(plan)
    if not plan.is_bulk:
        with transaction.atomic(), Copier() as copier:
            tables = Tables(copier)
            for day in days:
                write_day(plan, world, tables, day)
        return
    cores = os.cpu_count() or 2
    parts = [days[index::cores] for index in range(cores)]
    connections.close_all()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_work, args=(plan, world, part, index == 0)) for index, part in enumerate(parts)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise RuntimeError("填充中断：一个写入进程失败了。 A writing process failed.")
    say("工单写入完成")


def _work(plan: Plan, world: World, days: list[tuple[date, int, int, int]], talks: bool) -> None:
    done = 0
    for chunk in _chunks(days, 4):
        with transaction.atomic(), Copier() as copier:
            tables = Tables(copier)
            for day in chunk:
                write_day(plan, world, tables, day)
        done += len(chunk)
        if talks:
            print(f"  {done * 100 // len(days)}%", flush=True)
    connection.close()


def _chunks(days: list, size: int) -> Iterator[list]:
    for start in range(0, len(days), size):
        yield days[start : start + size]


def write_day(plan: Plan, world: World, tables: Tables, day: tuple[date, int, int, int]) -> None:
    """A day's requests in the order they came, numbered as the counter would have."""
    date_, count, first, first_event = day
    rng = random.Random(f"{plan.seed}:{date_}")
    midnight = datetime(date_.year, date_.month, date_.day, tzinfo=UTC) - SHANGHAI
    times = sorted(midnight + timedelta(minutes=_minute(rng)) for _each in range(count))
    if not plan.is_bulk and times and times[-1] > plan.now - timedelta(hours=6):
        # A demo's today: the last hours, so that every status is there whenever it is started.
        span = min(plan.now - midnight, timedelta(hours=4))
        times = sorted(plan.now - span * rng.random() ** 2 for _each in range(count))
    serials: dict[str, int] = {}
    for index, created in enumerate(times):
        created = min(created, plan.now - timedelta(minutes=1))
        # A demo's people work at the first project: most happens there.
        place = world.places[0] if not plan.is_bulk and rng.random() < 0.45 else rng.choice(world.places)
        story = Story(world, place, rng, first + index, created, plan.now)
        if not plan.is_bulk and created > plan.now - timedelta(days=12):
            # So that a demo has open work on every desk, and some of it late.
            fresh = created > plan.now - timedelta(hours=60)
            story.pace = rng.choice((1, 1.5, 3, 6, 10, 14) if fresh else (1, 1, 1.3, 2, 3))
        story.live()
        kind = story.row.kind
        serials[kind] = serials.get(kind, 0) + 1
        number = f"{NUMBER_LETTERS[Kind(kind)]}{date_:%Y%m%d}-{serials[kind]:04d}"
        story.write(tables, number, first_event + index * EVENTS_A_TICKET, remind_past=not plan.is_bulk)
    if serials:
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into tickets_numbercounter (kind, day, last) values (%s, %s, %s)",
                [(kind, date_, last) for kind, last in serials.items()],
            )


def _minute(rng: random.Random) -> float:
    """The time of day a request comes in: mornings and evenings are busy, nights are quiet."""
    peak = rng.choices((9.5, 14.5, 19.5, None), (42, 28, 22, 8))[0]
    if peak is None:
        return rng.uniform(0, 24 * 60 - 1)
    return min(max(rng.gauss(peak, 1.6) * 60, 0), 24 * 60 - 1)


def drop_indexes() -> list[str]:
    """Drop what slows loading down; returns the statements that make it again, checks included."""
    restore: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid), c.contype
            from pg_constraint c where c.conrelid::regclass::text = any(%s) and c.contype in ('f', 'u')
            order by c.contype desc
            """,
            [LOADED],
        )
        for table, name, definition, _type in cursor.fetchall():
            cursor.execute(f'alter table {table} drop constraint "{name}"')
            restore.append(f'alter table {table} add constraint "{name}" {definition}')
        cursor.execute(
            """
            select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i
            where i.indrelid::regclass::text = any(%s) and not i.indisprimary
            """,
            [LOADED],
        )
        for name, definition in cursor.fetchall():
            cursor.execute(f"drop index {name}")
            restore.insert(0, definition)
    # Foreign keys last: they lean on the unique constraints of others.
    return sorted(restore, key=lambda statement: "FOREIGN KEY" in statement)


def present() -> datetime:
    return timezone.now()

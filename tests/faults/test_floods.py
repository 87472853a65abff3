"""Ten thousand at once: all of it is told and leaves, in portions, none of it twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction

from shimao_service import claims, delivery, outbox
from shimao_service.models import Notice, NoticeStatus, User
from tests.factories import register
from tests.tickets.invariants import broken
from tickets import reminders
from tickets.models import Clock, Event, ReceiverTerm, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
MANY = 10_000
READERS = 200


class Pillar(BaseEmailBackend):
    """Takes every letter and keeps its subject and body, as a pillar box keeps nothing else."""

    taken: list[str] = []

    def send_messages(self, messages: list) -> int:
        self.taken.extend(f"{message.subject}\n{message.body}" for message in messages)
        return len(messages)


@pytest.fixture
def pillar(settings, monkeypatch) -> Iterator[list[str]]:
    monkeypatch.setattr(Pillar, "taken", [])
    settings.EMAIL_BACKEND = f"{__name__}.Pillar"
    return Pillar.taken


@pytest.fixture
def portions(monkeypatch) -> list[int]:
    """How many rows each claim took in hand."""
    taken: list[int] = []
    real = claims.claim

    def claim(*args, **kwargs):
        rows = real(*args, **kwargs)
        taken.append(len(rows))
        return rows

    monkeypatch.setattr(claims, "claim", claim)
    return taken


@pytest.mark.parametrize(
    ("many", "fold_seconds"), [pytest.param(MANY, 120, id="folded"), pytest.param(MANY // 4, 0, id="each by itself")]
)
def test_thousands_of_notices_due_at_once_all_leave_in_portions(ledger, pillar, portions, settings, many, fold_seconds):
    settings.FOLD_SECONDS = fold_seconds
    users = User.objects.bulk_create(User(username=f"u{n}", email=f"u{n}@example.com") for n in range(READERS))
    readers = [f"user:{user.pk}" for user in users]
    drafts = [
        ledger.draft(f"{n:05d}", recipients=[readers[n % READERS]], channels=["inbox", "email"]) for n in range(many)
    ]
    with transaction.atomic():
        assert outbox.post_all(drafts, now=NOW) == 2 * many
    with transaction.atomic():
        assert outbox.post_all(drafts, now=NOW) == 0, "said again it is the same"

    later = NOW + timedelta(minutes=3)
    runs = 0
    while delivery.deliver(now=later).more:
        runs += 1
        assert runs < 100
    assert Counter(Notice.objects.values_list("channel", "status")) == {
        ("inbox", NoticeStatus.SENT): many, ("email", NoticeStatus.SENT): many,
    }  # fmt: skip
    assert not ledger.broken(pillar, now=later)
    assert max(portions) <= claims.BATCH + claims.COMPANY, "memory holds a portion, not the flood"
    assert len(pillar) == many if not fold_seconds else len(pillar) <= many / 5


COPY = """
INSERT INTO {table} ({columns})
SELECT {values} FROM {table} AS row, generate_series(1, {many}) AS n WHERE row.{of} = {pk}
"""


def copy(model: type, ticket: Ticket, *, of: str, first: int, **values: str) -> None:
    """Rows of ``ticket`` once more for each of the :data:`MANY` requests whose ids begin after ``first``."""
    columns = {field.column: f"row.{field.column}" for field in model._meta.local_concrete_fields}
    columns |= {of: f"{first} + n"} | values
    if of != "id":
        del columns["id"]
    statement = COPY.format(
        table=model._meta.db_table, columns=", ".join(columns), values=", ".join(columns.values()), many=MANY, of=of,
        pk=ticket.pk,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_ten_thousand_requests_due_at_once_are_told_in_batches_over_a_few_ticks(cast, monkeypatch):
    ticket = register(cast, now=NOW)
    number = "left(row.number, -4) || lpad(n::text, 6, '0')"
    copy(Ticket, ticket, of="id", first=ticket.pk, number=number)
    for model in (Event, Clock, ReceiverTerm):
        copy(model, ticket, of="ticket_id", first=ticket.pk)
    copied = Ticket.objects.exclude(pk=ticket.pk)

    def told(tickets) -> Counter:
        about = [f"ticket:{pk}" for pk in tickets.values_list("pk", flat=True)]
        rows = Notice.objects.filter(about__in=about).values_list("about", "kind", "recipient", "channel")
        return Counter(rows.iterator())

    # In the middle of it the power fails: what was told stays told, the next tick goes on.
    real, batches = reminders._batch, []

    def batch(now):
        if len(batches) == 3:
            batches.append("cut")
            raise KeyboardInterrupt
        batches.append(now)
        return real(now)

    monkeypatch.setattr(reminders, "_batch", batch)
    now = ticket.remind_at
    with pytest.raises(KeyboardInterrupt):
        reminders.remind(now)
    assert Ticket.objects.filter(remind_at__lte=now).count() == MANY + 1 - 3 * reminders.BATCH

    ticks = []
    while not ticks or ticks[-1]:
        ticks.append(reminders.remind(now))
        assert len(ticks) < 20
    assert max(ticks) <= reminders.MOST + reminders.BATCH
    assert sum(ticks) == MANY + 1 - 3 * reminders.BATCH
    assert not Ticket.objects.filter(remind_at__lte=now).exists()

    one = {(kind, reader, channel) for _about, kind, reader, channel in told(Ticket.objects.filter(pk=ticket.pk))}
    found = told(copied)
    assert one and max(found.values()) == 1
    assert len(found) == MANY * len(one), "each has told what one alone tells"
    assert {row[1:] for row in found} == one
    assert [words for each in copied.order_by("?")[:5] for words in broken(each)] == []

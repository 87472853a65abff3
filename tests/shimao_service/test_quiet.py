"""Quiet hours: what can wait does, what is urgent does not, and what a person prefers counts at once."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from shimao_service import delivery, outbox, quiet
from shimao_service.models import Notice, NoticePreference, NoticeStatus, User
from tests.shimao_service.notices import ObedientChannel, leave

SHANGHAI = ZoneInfo("Asia/Shanghai")
NIGHT = datetime(2026, 11, 23, 23, 30, tzinfo=SHANGHAI)
MORNING = datetime(2026, 11, 24, 8, 0, tzinfo=SHANGHAI)


@pytest.fixture(autouse=True)
def at_night(letters_leave_at_once, settings, monkeypatch):
    settings.QUIET_HOURS = "21:00-08:00"
    book = lambda ids: {n: f"{n}@example.com" for n in ids}  # noqa: E731
    monkeypatch.setattr(outbox, "_addresses", {(reader, "email"): book for reader in ("user", "owner", "webhook")})


@pytest.fixture
def channel(monkeypatch):
    channel = ObedientChannel()
    monkeypatch.setattr(delivery, "CHANNELS", {"email": channel})
    return channel


@pytest.fixture
def sleeper(db):
    return User.objects.create(username="sleeper")


def mail(reader, **changes):
    leave(changes.pop("key", "k"), **({"recipients": [reader], "channels": ("email",), "now": NIGHT} | changes))


@pytest.mark.django_db
@pytest.mark.parametrize("reader", ["user:7", "owner:7"])
def test_at_night_a_letter_waits_for_the_morning_and_no_attempt_is_counted(channel, reader):
    mail(reader)
    delivery.deliver(now=NIGHT)
    row = Notice.objects.get()
    assert (row.status, row.next_attempt_at, row.attempts, row.error) == (NoticeStatus.PENDING, MORNING, 0, "")
    delivery.deliver(now=MORNING)
    assert len(channel.sent) == 1


@pytest.mark.django_db
def test_an_emergency_wakes_people_and_other_systems_never_sleep(channel):
    mail("user:7", key="a", urgent=True)
    mail("webhook:7", key="b")
    delivery.deliver(now=NIGHT)
    assert len(channel.sent) == 2


@pytest.mark.django_db
def test_one_s_own_hours_count_and_a_change_counts_at_once(channel, sleeper):
    mine = NoticePreference.objects.create(user=sleeper, quiet_from=time(12), quiet_to=time(14))
    mail(f"user:{sleeper.pk}", key="a")
    delivery.deliver(now=NIGHT)
    assert len(channel.sent) == 1
    noon = datetime(2026, 11, 24, 12, 0, tzinfo=SHANGHAI)
    mail(f"user:{sleeper.pk}", key="b", now=noon)
    mine.quiet_to = time(12, 30)
    mine.save()
    delivery.deliver(now=noon)
    assert Notice.objects.get(key="b").next_attempt_at == noon + timedelta(minutes=30)


@pytest.mark.django_db
def test_equal_hours_are_none(channel, sleeper):
    NoticePreference.objects.create(user=sleeper, quiet_from=time(0), quiet_to=time(0))
    mail(f"user:{sleeper.pk}")
    assert delivery.deliver(now=NIGHT).sent == 1


@pytest.mark.django_db
def test_what_waited_through_the_night_leaves_as_one_letter(channel, settings):
    settings.FOLD_SECONDS = 120
    for n in range(6):
        mail("user:7", key=f"k{n}", now=NIGHT + timedelta(hours=n))
        delivery.deliver(now=NIGHT + timedelta(hours=n, minutes=3))
    assert not channel.sent
    delivery.deliver(now=MORNING)
    assert len(channel.sent) == 1
    assert channel.sent[0].title.endswith("等 6 条提醒")


@pytest.mark.django_db
def test_one_batch_asks_once_for_all_preferences(channel, django_assert_num_queries):
    notices = [Notice(pk=n, recipient=f"user:{n}", urgent=False) for n in range(40)]
    with django_assert_num_queries(1):
        quiet.quiet_until(notices, NIGHT)


# --- the hours themselves ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("clock", "hours", "until"),
    [
        ("2026-11-23T20:59", "21:00-08:00", None),
        ("2026-11-23T21:00", "21:00-08:00", "2026-11-24T08:00"),
        ("2026-11-24T00:00", "21:00-08:00", "2026-11-24T08:00"),
        ("2026-11-24T07:59", "21:00-08:00", "2026-11-24T08:00"),
        ("2026-11-24T08:00", "21:00-08:00", None),
        ("2026-12-31T23:59", "21:00-08:00", "2027-01-01T08:00"),
        ("2026-11-24T13:00", "12:00-14:00", "2026-11-24T14:00"),
        ("2026-11-24T14:00", "12:00-14:00", None),
        ("2026-11-24T14:00", "14:00-14:00", None),
    ],
)
def test_when_the_quiet_ends(clock, hours, until):
    start, end = (time.fromisoformat(part) for part in hours.split("-"))
    over = quiet.ends(datetime.fromisoformat(clock).replace(tzinfo=SHANGHAI), start, end)
    assert over == (datetime.fromisoformat(until).replace(tzinfo=SHANGHAI) if until else None)


@given(
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    start=st.times(),
    end=st.times(),
)
def test_quiet_is_over_within_a_day_later_than_now_and_then_it_is_not_quiet(now, start, end):
    over = quiet.ends(now, start, end)
    if over is None:
        return
    assert now < over <= now + timedelta(days=1, minutes=1)
    assert quiet.ends(over + timedelta(minutes=1), start, end) is None or start != end


@pytest.mark.parametrize("words", ["21:00", "21-8-9", "late-early", "25:00-08:00"])
def test_hours_that_make_no_sense_are_refused(settings, words):
    settings.QUIET_HOURS = words
    with pytest.raises(ImproperlyConfigured, match="QUIET_HOURS"):
        quiet.house_hours()

"""Who is on duty, and who can be counted on: at any instant, whoever is away, wherever the project lies."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shimao_service import calendars
from shimao_service.models import CalendarVersion, WorkCalendar
from staff import availability, duty
from staff.models import Absence, DutySlot, Employee, Project, Role, RoleGrant
from tests.factories import EmployeeFactory, ProjectFactory, grant

pytestmark = pytest.mark.django_db

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY, SUNDAY = 0, 6
NIGHT = (time(20), time(8, 30))


@pytest.fixture(autouse=True)
def they_may_dispatch(request):
    """Who is in the table must be able to hand out what comes at night."""
    if "cast" in request.fixturenames:
        cast = request.getfixturevalue("cast")
        for who in (cast.guard, cast.handler):
            grant(who, "duty_desk", cast.project)


def at(day: int, clock: str, *, month: int = 11) -> datetime:
    """A moment of 2026 by the clocks of Shanghai; 23 November is a Monday."""
    return datetime.combine(date(2026, month, day), time.fromisoformat(clock), tzinfo=SHANGHAI)


def slot(cast: SimpleNamespace, who: str, weekday: int, hours=NIGHT, deputy: str = "") -> DutySlot:
    return DutySlot.objects.create(
        project=cast.project,
        weekday=weekday,
        starts=hours[0],
        ends=hours[1],
        employee=getattr(cast, who),
        deputy=getattr(cast, deputy) if deputy else None,
    )


def away(cast: SimpleNamespace, who: str, since: datetime, until: datetime, kind: str = "leave") -> Absence:
    return Absence.objects.create(
        employee=getattr(cast, who), kind=kind, starts_at=since, ends_at=until, recorded_at=timezone.now()
    )


def on_duty(project: Project, moment: datetime) -> list[duty.Turn]:
    """The turns that run and have somebody who answers."""
    return [turn for turn in duty.turns([project.pk], moment, moment + duty.AN_INSTANT) if turn.employee]


def names(cast: SimpleNamespace, moment: datetime) -> list[tuple[str, str]]:
    """``[(who answers, deputy)]``"""
    found = on_duty(cast.project, moment)
    return [(turn.employee.name, turn.deputy.name if turn.deputy else "") for turn in found]


# --- the table ------------------------------------------------------------------------------------
def test_a_night_reaches_into_the_next_morning_and_ends_to_the_minute(cast):
    slot(cast, "duty", MONDAY, deputy="guard")
    assert names(cast, at(23, "19:59")) == []
    assert names(cast, at(23, "20:00")) == [("孙班长", "李敏")]
    assert names(cast, at(24, "08:29")) == [("孙班长", "李敏")]
    assert names(cast, at(24, "08:30")) == []
    turn = on_duty(cast.project, at(24, "03:00"))[0]
    assert (turn.starts_at, turn.ends_at, turn.hours) == (at(23, "20:00"), at(24, "08:30"), "20:00–08:30")


def test_sunday_night_reaches_into_monday(cast):
    slot(cast, "duty", SUNDAY)
    assert names(cast, at(23, "03:00")) == [("孙班长", "")]
    assert names(cast, at(24, "03:00")) == []


def test_a_slot_that_ends_when_it_begins_lasts_a_day(cast):
    slot(cast, "duty", MONDAY, (time(8), time(8)))
    assert names(cast, at(23, "07:59")) == []
    assert names(cast, at(23, "08:00")) == names(cast, at(24, "07:59")) == [("孙班长", "")]
    assert names(cast, at(24, "08:00")) == []


def test_several_may_be_on_duty_at_once_the_longest_first(cast):
    slot(cast, "guard", MONDAY, (time(22), time(6)))
    slot(cast, "duty", MONDAY)
    assert names(cast, at(23, "23:00")) == [("孙班长", ""), ("李敏", "")]


def test_another_projects_table_is_not_ours(cast):
    DutySlot.objects.create(
        project=cast.other_project, weekday=MONDAY, starts=time(20), ends=time(8), employee=cast.outsider
    )
    assert names(cast, at(23, "23:00")) == []
    assert [turn.employee for turn in on_duty(cast.other_project, at(23, "23:00"))] == [cast.outsider]


def test_the_clock_on_the_wall_is_the_projects_own(cast):
    calendars.ensure_default()
    berlin = WorkCalendar.objects.create(code="ber", name="柏林", timezone="Europe/Berlin")
    type(cast.project).objects.filter(pk=cast.project.pk).update(calendar=berlin)
    cast.project.refresh_from_db()
    slot(cast, "duty", MONDAY)
    # A calendar that was never published is not in force: the company's is.
    assert names(cast, datetime(2026, 11, 23, 12, tzinfo=UTC)) == [("孙班长", "")]
    CalendarVersion.objects.create(calendar=berlin, number=1, made_at=timezone.now(), published_at=timezone.now())
    assert names(cast, datetime(2026, 11, 23, 18, 59, tzinfo=UTC)) == []
    assert names(cast, datetime(2026, 11, 23, 19, 0, tzinfo=UTC)) == [("孙班长", "")]


def test_a_night_of_changed_clocks_is_an_hour_longer(cast):
    calendars.ensure_default()
    berlin = WorkCalendar.objects.create(code="ber", name="柏林", timezone="Europe/Berlin")
    CalendarVersion.objects.create(calendar=berlin, number=1, made_at=timezone.now(), published_at=timezone.now())
    type(cast.project).objects.filter(pk=cast.project.pk).update(calendar=berlin)
    slot(cast, "duty", 5)  # Saturday 24 October: at 03:00 it is 02:00 again
    turn = on_duty(cast.project, datetime(2026, 10, 25, 1, 30, tzinfo=UTC))[0]
    assert turn.ends_at - turn.starts_at == timedelta(hours=13, minutes=30)


# --- who cannot -----------------------------------------------------------------------------------
def test_the_deputy_stands_in_for_who_is_on_leave_and_the_turn_says_why(cast):
    slot(cast, "duty", MONDAY, deputy="guard")
    away(cast, "duty", at(20, "08:30"), at(25, "08:30"))
    turn = on_duty(cast.project, at(23, "23:00"))[0]
    assert (turn.employee, turn.deputy, turn.is_stood_in) == (cast.guard, None, True)
    assert [(person.name, why.code, why.words) for person, why in turn.skipped] == [
        ("孙班长", "absent", "请假至 11月25日 08:30")
    ]


def test_a_deputy_who_is_away_is_nobodys_second(cast):
    slot(cast, "duty", MONDAY, deputy="guard")
    away(cast, "guard", at(23, "00:00"), at(24, "00:00"), kind="training")
    assert names(cast, at(23, "23:00")) == [("孙班长", "")]
    turn = on_duty(cast.project, at(23, "23:00"))[0]
    assert [(person.name, why.words) for person, why in turn.skipped] == [("李敏", "培训外出至 11月24日 00:00")]


def test_who_left_or_lost_the_login_is_passed_over(cast):
    slot(cast, "duty", MONDAY, deputy="guard")
    Employee.objects.filter(pk=cast.duty.pk).update(left_on=date(2026, 11, 1))
    assert names(cast, at(23, "23:00")) == [("李敏", "")]
    type(cast.guard.user).objects.filter(pk=cast.guard.user_id).update(is_active=False)
    assert names(cast, at(23, "23:00")) == []
    turn = duty.turns([cast.project.pk], at(23, "23:00"), at(23, "23:01"))[0]
    assert (turn.employee, [why.words for _who, why in turn.skipped]) == (None, ["已离职", "没有可用账号"])


def test_leave_counts_from_its_first_instant_to_before_its_last(cast):
    slot(cast, "duty", MONDAY)
    away(cast, "duty", at(23, "22:00"), at(23, "23:00"))
    assert names(cast, at(23, "21:59")) == [("孙班长", "")]
    assert names(cast, at(23, "22:00")) == names(cast, at(23, "22:59")) == []
    assert names(cast, at(23, "23:00")) == [("孙班长", "")]


def test_leave_that_goes_on_is_told_to_its_real_end(cast):
    away(cast, "handler", at(23, "08:30"), at(24, "08:30"))
    away(cast, "handler", at(24, "08:30"), at(5, "17:30", month=12), kind="rest")
    why = availability.away([cast.handler], cast.project, at(23, "09:00"))[cast.handler.pk]
    assert why.reason.words == "请假至 12月5日 17:30"


def test_on_duty_takes_one_query_whoever_is_in_the_table(cast, django_assert_num_queries):
    for weekday in range(7):
        slot(cast, "duty", weekday, deputy="guard")
        slot(cast, "handler", weekday, (time(0), time(0)), deputy="duty")
    away(cast, "duty", at(20, "08:30"), at(25, "08:30"))
    with django_assert_num_queries(1):
        assert {turn.employee.name for turn in on_duty(cast.project, at(23, "23:00"))} == {"李敏", "周建国"}


# --- who can be counted on ------------------------------------------------------------------------
def codes(cast, moment, *who) -> dict[str, str]:
    people = {getattr(cast, name).pk: name for name in who}
    found = availability.away([getattr(cast, name) for name in who], cast.project, moment)
    return {people[pk]: one.reason.code for pk, one in found.items()}


def test_who_has_no_slot_is_on_shift_in_service_time(cast):
    assert codes(cast, at(23, "10:00"), "handler", "supervisor") == {}
    assert codes(cast, at(23, "20:00"), "handler", "supervisor") == {"handler": "off_shift", "supervisor": "off_shift"}


def test_who_has_slots_is_on_shift_inside_them_only(cast):
    slot(cast, "duty", MONDAY)
    assert codes(cast, at(24, "03:00"), "duty", "handler") == {"handler": "off_shift"}
    assert codes(cast, at(23, "10:00"), "duty", "handler") == {"duty": "off_shift"}
    # A table of another project says nothing about this one.
    DutySlot.objects.update(project=cast.other_project)
    assert codes(cast, at(23, "10:00"), "duty") == {}


def test_a_deputy_can_be_counted_on_by_day_and_in_the_nights_he_stands_by(cast):
    slot(cast, "duty", MONDAY, deputy="guard")
    assert codes(cast, at(23, "10:00"), "guard") == {}
    assert codes(cast, at(23, "23:00"), "guard") == {}
    assert codes(cast, at(24, "23:00"), "guard") == {"guard": "off_shift"}


def test_leaving_weighs_more_than_leave_and_leave_more_than_the_shift(cast):
    for who in ("duty", "guard", "handler"):
        away(cast, who, at(23, "00:00"), at(25, "00:00"))
    Employee.objects.filter(pk=cast.duty.pk).update(left_on=date(2026, 11, 1))
    type(cast.handler2.user).objects.filter(pk=cast.handler2.user_id).update(is_active=False)
    everyone = ("duty", "guard", "handler", "handler2", "steward")
    assert codes(cast, at(23, "23:00"), *everyone) == {
        "duty": "left", "guard": "absent", "handler": "absent", "handler2": "closed", "steward": "off_shift"
    }  # fmt: skip


def test_who_can_be_counted_on_takes_three_queries_for_twenty(cast, django_assert_num_queries):
    calendars.current()
    people = [EmployeeFactory(department=cast.works) for _each in range(20)]
    for one in people:
        Absence.objects.create(
            employee=one, starts_at=at(23, "00:00"), ends_at=at(24, "00:00"), recorded_at=timezone.now()
        )
    with django_assert_num_queries(3):
        assert len(availability.away(people, cast.project, at(23, "10:00"))) == 20
    with django_assert_num_queries(0):
        assert availability.away([], cast.project, at(23, "10:00")) == {}


# --- at any instant -------------------------------------------------------------------------------
BASE = at(23, "00:00")
MINUTES = st.integers(0, 24 * 4 - 1).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))
SLOTS = st.lists(st.tuples(st.integers(0, 6), MINUTES, MINUTES, st.integers(0, 2), st.integers(-1, 2)), max_size=7)
LEAVES = st.lists(st.tuples(st.integers(0, 2), st.integers(-200, 900), st.integers(1, 400)), max_size=4)
MOMENTS = st.lists(st.integers(0, 8 * 96), min_size=1, max_size=6)
ZONES = st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Pacific/Auckland"])


def expected(slots, leaves, people, moment: datetime, zone: ZoneInfo) -> list[int]:
    """Who answers, by walking through three weeks day by day, without a query."""

    def is_away(index: int) -> bool:
        spans = [(BASE + timedelta(minutes=15 * s), length) for who, s, length in leaves if who == index]
        return any(since <= moment < since + timedelta(minutes=15 * length) for since, length in spans)

    found = []
    for offset in range(-8, 16):
        day = date(2026, 11, 23) + timedelta(days=offset)
        for weekday, starts, ends, lead, deputy in slots:
            if day.weekday() != weekday:
                continue
            until = day if ends > starts else day + timedelta(days=1)
            first = datetime.combine(day, starts, tzinfo=zone).astimezone(UTC)
            last = datetime.combine(until, ends, tzinfo=zone).astimezone(UTC)
            if first <= moment.astimezone(UTC) < last:
                able = [who for who in (lead, deputy) if who >= 0 and not is_away(who)]
                found += [people[able[0]].pk] if able else []
    return sorted(found)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(slots=SLOTS, leaves=LEAVES, moments=MOMENTS, zone=ZONES)
def test_at_any_instant_it_is_who_the_table_says(world, slots, leaves, moments, zone):
    slots = [(w, s, e, lead, -1 if deputy == lead else deputy) for w, s, e, lead, deputy in slots]
    slots = list({(w, s, lead): (w, s, e, lead, deputy) for w, s, e, lead, deputy in slots}.values())
    DutySlot.objects.all().delete()
    Absence.objects.all().delete()
    WorkCalendar.objects.filter(pk=world.calendar.pk).update(timezone=zone)
    DutySlot.objects.bulk_create(
        DutySlot(project=world.project, weekday=w, starts=s, ends=e, employee=world.people[lead],
                 deputy=world.people[deputy] if deputy >= 0 else None)
        for w, s, e, lead, deputy in slots
    )  # fmt: skip
    Absence.objects.bulk_create(
        Absence(
            employee=world.people[who],
            starts_at=BASE + timedelta(minutes=15 * since),
            ends_at=BASE + timedelta(minutes=15 * (since + length)),
            recorded_at=BASE,
        )
        for who, since, length in leaves
    )
    for quarter in moments:
        moment = BASE + timedelta(minutes=15 * quarter)
        found = on_duty(world.project, moment)
        answering = expected(slots, leaves, world.people, moment, ZoneInfo(zone))
        assert sorted(turn.employee.pk for turn in found) == answering
        assert all(turn.covers(moment) for turn in found)


@pytest.fixture
def world(db):
    calendars.ensure_default()
    calendar = WorkCalendar.objects.create(code="far", name="外地", timezone="Asia/Shanghai")
    CalendarVersion.objects.create(calendar=calendar, number=1, made_at=BASE, published_at=BASE)
    people = [EmployeeFactory() for _each in range(3)]
    role = Role.objects.create(code="night", name="夜班", permissions=["ticket.dispatch"])
    project = ProjectFactory(calendar=calendar)
    for one in people:
        RoleGrant.objects.create(employee=one, role=role, project=project)
    return SimpleNamespace(project=project, calendar=calendar, people=people)

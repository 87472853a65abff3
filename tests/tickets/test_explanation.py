"""No mystery: the steps of an explanation lead to the stored due time, and say what people need to hear."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shimao_service import calendars, working_time
from shimao_service.exceptions import Refusal
from shimao_service.models import CalendarVersion
from shimao_service.working_time import SERVICE, WORKING
from tests.factories import register, walk
from tests.tickets.test_properties import MOVES, START, Undo, steps
from tickets import counting, explanation, lifecycle, policies
from tickets.models import Clock, Policy, Ticket
from tickets.policy_drafts import in_force
from tickets.statuses import Kind, Status, Urgency, Verb

SHANGHAI = ZoneInfo("Asia/Shanghai")
CALENDAR = calendars.default_calendar(2025, 2027)


def at(month: int, day: int, hour: int = 10, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=SHANGHAI)


def steps_of(
    ticket: Ticket, clock: str, *, number: int = 0, now: datetime | None = None
) -> tuple[explanation.Step, ...]:
    """Of one clock of a round, the present one unless ``number`` says otherwise."""
    wanted = (clock, number or ticket.round)
    found = {(one.state.name, one.state.round): one.steps for one in explanation.explain_all(ticket, now=now)}
    return found[wanted]


def told(ticket: Ticket, clock: str = "resolution", now: datetime | None = None) -> str:
    steps_ = steps_of(ticket, clock, now=now)
    return "\n".join(f"{step.label}：{step.text}\n" + "\n".join(step.details) for step in steps_)


RECLOCKS = {
    f"reclock_{code}": lambda t, c, at, n, code=code: lifecycle.recompute(
        t, policy_version=in_force(Policy.objects.get(code=code)).pk, now=at
    )
    for code in ("basic", "premium", "standard")
}


@pytest.mark.django_db
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    kind=st.sampled_from(Kind.values[:4]),
    urgency=st.sampled_from(Urgency.values),
    appointment=st.none() | st.integers(1, 5000),
    story=steps,
    reclocks=st.lists(st.sampled_from([*RECLOCKS]), min_size=0, max_size=3),
)
def test_the_last_step_is_the_stored_due_time_after_any_history(cast, kind, urgency, appointment, story, reclocks):
    try:
        with transaction.atomic():
            booked = START + timedelta(minutes=appointment) if appointment else None
            ticket = register(cast, kind=kind, category=None, urgency=urgency, appointment_at=booked, now=START)
            moment, moves = START, MOVES | RECLOCKS
            for index, (name, minutes, number) in enumerate(story):
                moment += timedelta(minutes=minutes)
                for each in (name, *reclocks[index : index + 1]):
                    try:
                        with transaction.atomic():
                            moves[each](ticket, cast, moment, number)
                    except Refusal:
                        pass
            ticket = Ticket.objects.get(pk=ticket.pk)
            stored = {(clock.name, clock.round): clock for clock in Clock.objects.filter(ticket=ticket)}
            found = explanation.explain_all(ticket, now=moment)
            assert {(one.state.name, one.state.round) for one in found} == stored.keys()
            for one in found:
                clock = stored[one.state.name, one.state.round]
                assert one.steps[-1].at == clock.due_at
                assert one.steps[-1].tone == "result"
                counted = [step.at for step in one.steps if step.label == "计时"]
                if one.state.by_authority:
                    theirs = one.ruling.facts.authority_due_at
                    assert clock.due_at == max(theirs, clock.started_at)
                    assert theirs in [step.at for step in one.steps if step.label == "转办"]
                else:
                    assert counted == [clock.due_at], "what was counted leads to it, not only what was stored"
            raise Undo
    except Undo:
        pass


@given(
    start=st.integers(0, 60 * 24 * 420),
    length=st.integers(0, 60 * 24 * 30),
    pauses=st.lists(st.tuples(st.integers(0, 60 * 24 * 20), st.integers(0, 60 * 24 * 9)), max_size=3),
    measure=st.sampled_from((SERVICE, WORKING)),
)
def test_the_days_told_add_up_to_the_working_time_between(start, length, pauses, measure):
    first = datetime(2025, 11, 20, tzinfo=UTC) + timedelta(minutes=start)
    last = first + timedelta(minutes=length)
    rests = [(first + timedelta(minutes=a), first + timedelta(minutes=a + b)) for a, b in pauses]
    days = counting.days(CALENDAR, measure, first, last, rests)
    assert sum((day.counted for day in days), timedelta()) == working_time.between(
        CALENDAR, measure, first, last, rests
    )
    assert all(day.counted or day.note for day in days), "what does not count says why"


# --- what is said ---------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_holiday_a_made_up_saturday_and_nights_are_named_day_by_day(cast):
    # Friday before the Spring Festival of 2026: Saturday the 14th is worked, 15–23 February are off.
    ticket = register(cast, kind=Kind.COMPLAINT, category=None, now=at(2, 13, 16))
    text = told(ticket)
    assert "时限标准“标准”第 1 版，投诉·普通：办结 3 个工作日；日历“公司日历”第 1 版" in text
    assert "2月13日 周五 16:00–17:30，计 1 小时 30 分，累计 1 小时 30 分" in text
    assert "2月14日 周六 08:30–12:00、13:30–17:30，计 7 小时 30 分，累计 9 小时（调休上班）" in text
    assert "春节" in text
    assert "不计" in text
    assert "2月25日 周三 08:30–12:00、13:30–17:30，计 7 小时 30 分，累计 24 小时" in text
    assert text.rstrip().endswith("到期：2月25日 周三 17:30")
    response = told(ticket, "response")
    assert "只计服务时间，满 30 分时是 2月13日 周五 16:30" in response


@pytest.mark.django_db
def test_service_time_skips_the_night(cast):
    ticket = register(cast, now=at(3, 4, 19, 50))
    text = told(ticket, "response")
    assert "3月4日 周三 19:50–20:00，计 10 分，累计 10 分" in text
    assert "3月5日 周四 08:30–08:50，计 20 分，累计 30 分" in text


@pytest.mark.django_db
def test_after_closing_on_a_served_holiday_it_is_the_hour_that_does_not_count(cast):
    # A Sunday of the National Day holiday, on which the desk is open until eight as ever.
    text = told(register(cast, now=at(10, 4, 20, 19)), "response")
    assert "10月4日 周日 当天的时间已过，不计" in text


@pytest.mark.django_db
def test_a_pause_says_why_from_when_to_when_and_what_it_cost_in_the_limits_own_unit(cast):
    ticket = walk(cast, Status.IN_PROGRESS, kind=Kind.COMPLAINT, category=None, now=at(3, 4, 10))
    ticket = lifecycle.hold(ticket, by=cast.by("handler"), reason="parts", resume_at=at(3, 6, 9), now=at(3, 4, 16))
    paused = told(ticket)
    assert "暂停中：自 3月4日 周三 16:00 起暂停计时；如果按预计在 3月6日 周五 09:00 恢复" in paused
    assert "将到 3月11日 周三 10:30 到期" in paused
    assert "，恢复后按暂停的时间顺延" in paused, "a due time that rests is not the last word"
    ticket = lifecycle.resume(ticket, by=cast.by("handler"), now=at(3, 6, 9))
    text = told(ticket)
    # 1:30 on Wednesday, 7:30 on Thursday, 0:30 on Friday.
    assert "挂起（待料）3月4日 周三 16:00 至 3月6日 周五 09:00，扣除 9 小时 30 分" in text
    # 5:59 on the first day and three days of 7:30; Wednesday's two hours are what the pause left over.
    assert "3 个工作日，原到 3月9日 周一 17:30 下班为止（工作时间共 28 小时 29 分）" in text
    assert text.rstrip().endswith("到期：3月11日 周三 10:30")


@pytest.mark.django_db
def test_a_hold_for_another_reason_and_one_after_the_breach_move_nothing(cast):
    ticket = walk(cast, Status.IN_PROGRESS, now=at(3, 4, 10))
    lifecycle.hold(ticket, by=cast.by("handler"), reason="other", note="等", resume_at=at(3, 5), now=at(3, 4, 16))
    lifecycle.resume(ticket, by=cast.by("handler"), now=at(3, 4, 17))
    lifecycle.hold(ticket, by=cast.by("handler"), reason="parts", resume_at=at(3, 8), now=at(3, 7))
    ticket = lifecycle.resume(ticket, by=cast.by("handler"), now=at(3, 8))
    text = told(ticket)
    assert "3月4日 周三 16:00 挂起（其他）不暂停计时" in text
    assert "时已经到期，不再顺延" in text
    assert text.rstrip().endswith("到期：3月6日 周五 10:01")


@pytest.mark.django_db
def test_an_authoritys_deadline_is_named_and_which_one_governs(cast):
    ticket = register(cast, kind=Kind.COMPLAINT, category=None, now=at(3, 4))
    lifecycle.refer(
        ticket, by=cast.by("frontdesk"), authority="hotline_12345", number="H-1", due_at=at(3, 5, 18), now=at(3, 4, 11)
    )
    ticket = Ticket.objects.get(pk=ticket.pk)
    text = told(ticket)
    assert "转办单位要求 3月5日 周四 18:00 前办结，早于我们的时限，以它为准" in text
    assert text.rstrip().endswith("到期：3月5日 周四 18:00")
    lifecycle.refer(
        ticket, by=cast.by("frontdesk"), authority="hotline_12345", number="H-1", due_at=at(3, 20), now=at(3, 4, 12)
    )
    text = told(Ticket.objects.get(pk=ticket.pk))
    assert "晚于我们的时限，仍以我们的为准" in text
    assert "转办时限 3月5日 周四 18:00 → 3月20日 周五 10:00" in text


@pytest.mark.django_db
def test_amendments_and_new_terms_say_what_they_changed_and_what_they_left_alone(cast):
    ticket = walk(cast, Status.IN_PROGRESS, now=at(3, 4))
    policies.ensure_policies()
    premium = in_force(Policy.objects.get(code="premium"))
    lifecycle.recompute(ticket, policy_version=premium.pk, note="由沈国栋确认", now=at(3, 4, 12))
    changes = {"urgency": "urgent", "appointment_at": at(3, 5)}
    lifecycle.amend(ticket, by=cast.by("supervisor"), reason="漏电", changes=changes, now=at(3, 4, 13))
    ticket = Ticket.objects.get(pk=ticket.pk)
    text = told(ticket)
    assert "时限重算：3月4日 周三 12:00 时限标准 “标准”第 1 版 → “高端”第 1 版" in text
    assert "紧急程度 普通 → 急修；预约时间 无 → 3月5日 周四 10:00" in text
    assert "从预约时间 3月5日 周四 10:00 起算" in text
    assert "时限标准“高端”第 1 版，报修·急修：办结 24 小时" in text
    assert "结果保持原样" in told(ticket, "response")


@pytest.mark.django_db
def test_a_reopened_round_counts_anew_and_an_estimated_year_is_warned_of(cast):
    ticket = walk(cast, Status.CLOSED, kind=Kind.COMPLAINT, category=None, now=at(12, 28))
    ticket = lifecycle.reopen(ticket, by=cast.by("frontdesk"), reason="又吵", now=at(12, 30, 15))
    text = told(ticket)
    assert "12月30日 周三 15:00 重新办理，第 2 轮" in text
    assert "上一轮的结果保留" in text
    version = CalendarVersion.objects.get(pk=ticket.calendar_version_id)
    estimated = version.years.filter(year=2027, is_estimate=True).exists()
    assert ("2027 年的放假安排尚未公布" in text) == estimated
    assert "2027年1月" in text
    first = Clock.objects.get(ticket=ticket, round=1, name="resolution")
    assert steps_of(ticket, first.name, number=first.round)[-1].at == first.due_at


def test_long_stretches_are_told_in_one_line():
    days = counting.days(CALENDAR, WORKING, at(9, 30), at(10, 9, 17, 30), [])
    lines = list(counting.day_words(CALENDAR, days, at(9, 30)))
    assert lines[1].startswith("10月1日 周四 至 10月")
    assert "每天" in lines[1]
    assert len(lines) < len(days)
    assert days[0].date == date(2026, 9, 30)


# --- the commands ---------------------------------------------------------------------------------
def run(name: str, *args: str) -> str:
    out = io.StringIO()
    call_command(name, *args, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_command_says_the_same_as_the_page(cast):
    ticket = walk(cast, Status.ON_HOLD, now=at(3, 4))
    text = run("explain_deadline", ticket.number.lower(), "--clock", "resolution")
    for step in steps_of(ticket, "resolution"):
        if step.label != "收到":
            assert step.text[:6] in text
    assert "挂起中" in text
    assert "响应" not in text
    assert "响应" in run("explain_deadline", ticket.number)
    assert "没有这样的时限" in run("explain_deadline", ticket.number, "--clock", "answer")
    with pytest.raises(CommandError):
        call_command("explain_deadline", "BX19990101-0001")


@pytest.mark.django_db
def test_recomputing_says_what_changed_and_a_dry_run_only_says_it(cast):
    ticket = walk(cast, Status.IN_PROGRESS, now=at(3, 4))
    walk(cast, Status.CLOSED, now=at(3, 4))
    assert "检查 1 张，已改正 0 张" in run("recompute_deadlines")
    assert "检查 2 张" in run("recompute_deadlines", "--all")
    wrong = at(4, 1)
    Clock.objects.filter(ticket=ticket, name="resolution").update(due_at=wrong)
    Ticket.objects.filter(pk=ticket.pk).update(due_at=wrong)
    dry = run("recompute_deadlines", "--project", "BJ", "--dry-run")
    assert f"{ticket.number} 第 1 轮 办结 2026-04-01 周三 10:00 → 2026-03-06 周五 10:01" in dry
    assert "需要改动 1 张" in dry
    assert Ticket.objects.get(pk=ticket.pk).due_at == wrong
    assert "已改正 1 张" in run("recompute_deadlines", "--number", ticket.number)
    assert Ticket.objects.get(pk=ticket.pk).due_at == at(3, 6, 10, 1)
    assert not ticket.events.filter(verb=Verb.RECLOCK).exists()
    for wrong_args in (("--project", "ZZ"), ("--number", "BX1")):
        with pytest.raises(CommandError):
            call_command("recompute_deadlines", *wrong_args)

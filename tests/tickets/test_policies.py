"""Policies: what a project comes under, how limits are typed and told, and that published versions never change."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, transaction
from hypothesis import given
from hypothesis import strategies as st

from shimao_service import calendars
from shimao_service.actors import SYSTEM
from shimao_service.exceptions import Conflict, Forbidden, Invalid, NotSeen
from staff.access import viewer_of
from tests.factories import ProjectFactory
from tickets import policies, policy_drafts
from tickets.forms.terms import is_longer, ordinary_week
from tickets.limit_words import (
    MEASURES,
    amount_words,
    differences,
    fingerprint,
    join,
    limit_words,
    split,
    suggested,
    tables,
)
from tickets.limits import Allowance, Limits
from tickets.models import EscalationStep, Limit, Policy, PolicyVersion, ProjectTerms
from tickets.presets import PRESETS
from tickets.statuses import LimitUnit

NOW = datetime(2026, 3, 4, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
CALENDAR = calendars.default_calendar(2025, 2027)
STANDARD = next(preset for preset in PRESETS if preset.is_default).limits()


# --- words ------------------------------------------------------------------------------------------
@given(number=st.integers(0, 2000), measure=st.sampled_from(list(MEASURES)))
def test_what_is_typed_comes_back_as_the_same_limit(number, measure):
    amount, unit = join(number, measure)
    again = join(*split(amount, unit))
    assert again == (amount, unit)


@pytest.mark.parametrize(
    ("amount", "unit", "words"),
    [
        (30, "sh", "30 分钟·服务时间"), (240, "sh", "4 小时·服务时间"), (90, "h", "90 分钟"), (1440, "h", "24 小时"),
        (2880, "h", "48 小时"), (4320, "h", "72 小时"), (10080, "h", "7 天"), (3, "wd", "3 个工作日"),
        (0, "wd", "当天下班前"),
    ],
)  # fmt: skip
def test_limits_read_as_people_say_them(amount, unit, words):
    assert amount_words(amount, unit) == words


def test_on_site_in_no_time_is_as_booked():
    assert limit_words("on_site", 0, "h") == "按预约时间"
    assert limit_words("on_site", 30, "h") == "30 分钟"


def test_differences_name_what_changes_appears_and_goes():
    of = ("repair", "normal", False)
    own = dict(STANDARD.classes)
    own[of] = {
        "response": Allowance("response", 20, "sh", None, "manager"),
        "resolution": STANDARD.of(*of)["resolution"],
    }
    own[("repair", "critical", False)] = dict(STANDARD.of("repair", "critical", False)) | {
        "resolution": Allowance("resolution", 720, "h", (1440, "h"))
    }
    told = [str(one) for one in differences(STANDARD, Limits(own))]
    assert told == [
        "报修·普通 响应：目标 30 分钟·服务时间 → 20 分钟·服务时间；承诺 30 分钟·服务时间 → 不承诺；"
        "超时告知 主管 → 项目经理",
        "报修·普通 到场：不再设时限",
        "报修·特急 办结：新增，目标 12 小时，承诺 24 小时",
    ]
    assert differences(STANDARD, STANDARD) == []
    assert fingerprint(STANDARD) != fingerprint(Limits(own))
    assert fingerprint(STANDARD, "complaint") == fingerprint(Limits(own), "complaint")


def test_a_value_is_suggested_until_it_is_changed():
    of = ("repair", "urgent", False)
    assert suggested(of, STANDARD.of(*of)["on_site"], "standard")
    assert not suggested(of, Allowance("on_site", 15, "h"), "standard")
    assert suggested(of, Allowance("on_site", 15, "h"), "premium")
    assert suggested(of, Allowance("on_site", 15, "h"), "p7-1"), "a project's own may follow any of them"
    cells = [cell for table in tables(STANDARD, "standard") for _row, cells in table.rows for _clock, cell in cells]
    assert all(cell.is_suggested for cell in cells if cell.target)


@pytest.mark.parametrize(
    ("target", "promise", "longer"),
    [
        ((60, "h"), (30, "h"), True), ((30, "h"), (30, "h"), False), ((30, "sh"), (30, "h"), True),
        ((30, "h"), (30, "sh"), False), ((3, "wd"), (3 * 1440, "h"), True), ((1440, "h"), (1, "wd"), True),
        ((60, "h"), (1, "wd"), False), ((30, "sh"), (1, "wd"), False),
    ],
)  # fmt: skip
def test_a_target_is_longer_when_some_request_would_outlast_its_promise(target, promise, longer):
    assert is_longer(target, promise, CALENDAR) is longer


def test_the_week_that_is_asked_has_no_holiday():
    days = {moment.astimezone(CALENDAR.zone).date() for moment in ordinary_week(CALENDAR)}
    assert len(days) == 7
    assert not days & set(CALENDAR.days)


# --- in the database --------------------------------------------------------------------------------
@pytest.mark.django_db
def test_presets_and_steps_are_made_once(cast):
    first = policies.ensure_policies(NOW)
    assert policies.ensure_policies(NOW) == first
    assert Policy.objects.count() == 3
    assert EscalationStep.objects.count() == 4
    for preset in PRESETS:
        version = Policy.objects.get(code=preset.code).versions.get()
        assert policies.load_limits(version.pk) == preset.limits()


@pytest.mark.django_db
def test_a_project_comes_under_its_own_policy_else_the_default(cast):
    assert policies.current_policy_version(cast.project).policy.code == "standard"
    assert policies.current_policy_version(None).policy.code == "standard"
    policy_drafts.assign(cast.project, Policy.objects.get(code="premium"), by=cast.by("manager"))
    assert policies.current_terms(cast.project).limits == next(p for p in PRESETS if p.code == "premium").limits()
    assert policies.current_policy_version(cast.other_project).policy.code == "standard"
    with pytest.raises(Forbidden):
        policy_drafts.assign(cast.other_project, Policy.objects.get(code="basic"), by=cast.by("manager"))
    ProjectTerms.objects.all().delete()
    assert policies.current_policy_version(cast.project).policy.code == "standard"


@pytest.mark.django_db
def test_a_published_version_never_changes_not_even_past_the_application(cast):
    version = policies.ensure_policies(NOW)
    limit = version.limits.first()
    for spoil in (
        lambda: Limit.objects.filter(pk=limit.pk).update(amount=1),
        lambda: Limit.objects.filter(pk=limit.pk).delete(),
        lambda: Limit.objects.create(
            version=version, kind="repair", urgency="critical", clock="resolution", amount=1, unit="h"
        ),
        lambda: PolicyVersion.objects.filter(pk=version.pk).update(published_at=None),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            spoil()
    assert policies.read_limits(version.pk) == STANDARD


@pytest.mark.django_db
def test_what_makes_no_sense_is_refused_by_the_table_itself(cast):
    version = policy_drafts.draft(policies.ensure_policies(NOW).policy, by=SYSTEM, now=NOW)
    row = {"version": version, "kind": "suggestion", "urgency": "normal", "clock": "answer", "amount": 1}
    for wrong in (
        {"unit": "years"},
        {"unit": LimitUnit.NATURAL, "clock": "dinner"},
        {"unit": LimitUnit.NATURAL, "is_grave": True},
        {"unit": LimitUnit.NATURAL, "promise_amount": 3},
        {"unit": LimitUnit.NATURAL, "amount": 2_000_000},
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            Limit.objects.create(**(row | wrong))
    with pytest.raises(DatabaseError), transaction.atomic():
        Policy.objects.create(code="x", name="另一份默认", is_default=True)
    with pytest.raises(DatabaseError), transaction.atomic():
        PolicyVersion.objects.create(policy=version.policy, number=9, made_at=NOW)


@pytest.mark.django_db
def test_copies_are_named_once_and_belong_to_whom_they_were_made_for(cast):
    standard = policies.ensure_policies(NOW).policy
    own = policy_drafts.copy(standard, name="  滨江  时限 ", project=cast.project, by=cast.by("manager"), now=NOW)
    assert own.name == "滨江 时限"
    for name in ("滨江 时限", "", "长" * 41):
        with pytest.raises(Invalid) as refused:
            policy_drafts.copy(standard, name=name, project=cast.project, by=cast.by("manager"))
        assert "name" in refused.value.fields
    with pytest.raises(Forbidden):
        policy_drafts.copy(standard, name="全公司的", project=None, by=cast.by("manager"))
    with pytest.raises(Invalid):
        policy_drafts.assign(cast.other_project, own, by=cast.by("director"))
    shared = policy_drafts.copy(own, name="全公司的", project=None, by=cast.by("director"))
    assert shared.project is None
    assert policies.load_limits(policy_drafts.in_force(shared).pk) == STANDARD
    assert set(policy_drafts.visible(viewer_of(cast.manager))) >= {own, shared}
    assert own not in policy_drafts.visible(viewer_of(cast.outsider))


@pytest.mark.django_db
def test_projects_of_others_and_closed_ones_are_not_found(cast):
    viewer = viewer_of(cast.manager)
    assert policy_drafts.managed_project("BJ", viewer) == cast.project
    closed = ProjectFactory(code="OLD", is_active=False)
    for code in ("HP", "NOPE", closed.code):
        with pytest.raises(NotSeen):
            policy_drafts.managed_project(code, viewer)
    with pytest.raises(Forbidden):
        policy_drafts.managed_project("BJ", viewer_of(cast.frontdesk))
    with pytest.raises(Conflict):
        policy_drafts.discard(policies.ensure_policies(NOW).policy, by=SYSTEM)

"""What a project lives by: its policy and its calendar, chosen by whoever manages its terms, and its open requests."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from shimao_service import calendar_drafts, calendars
from shimao_service.models import User, WorkCalendar
from tests.factories import employ, register
from tests.tickets.terms import quiet_changes, standard
from tickets import policies, policy_drafts, terms_changes
from tickets.models import Policy, TermsChange

pytestmark = pytest.mark.django_db
__all__ = ["quiet_changes", "standard"]


def text(answer) -> str:
    return answer.content.decode()


def made_calendar(name: str = "滨江日历", code: str = "binjiang", *, is_published: bool = True) -> WorkCalendar:
    """A calendar of the company's hours, published unless told otherwise."""
    made = calendar_drafts.create(code=code, name=name, timezone="Asia/Shanghai", now=timezone.now())
    if is_published:
        by = User.objects.get_or_create(username="somebody")[0]
        calendar_drafts.publish(made, 0, note="", by=by, now=timezone.now())
    return made


def address_of(project) -> str:
    return reverse("project-terms", args=[project.code])


# --- the calendar ---------------------------------------------------------------------------------
def test_a_manager_gives_his_project_a_calendar_and_takes_it_back(as_, cast, standard):
    own, client = made_calendar(), as_("manager")
    address = address_of(cast.project)
    assert "滨江日历" in text(client.get(address))
    answer = client.post(address, {"policy": standard.pk, "calendar": own.pk, "apply": "new"}, follow=True)
    assert "新登记的工单即按此计时" in text(answer)
    assert reverse("calendar", args=[own.pk]) in text(answer), "the list names the project's calendar"
    cast.project.refresh_from_db()
    assert register(cast).calendar_version.calendar == own
    default = WorkCalendar.objects.get(is_default=True).pk
    client.post(address, {"policy": standard.pk, "calendar": default, "apply": "new"})
    cast.project.refresh_from_db()
    assert cast.project.calendar is None


def test_the_same_again_says_that_nothing_changed(as_, cast, standard):
    client, address = as_("manager"), address_of(cast.project)
    default = calendars.current_version().calendar_id
    answer = client.post(address, {"policy": standard.pk, "calendar": default, "apply": "new"}, follow=True)
    assert "没有改动" in text(answer)


def test_a_new_calendar_is_taken_over_to_open_requests_after_a_preview(as_, cast, standard):
    ticket, own = register(cast), made_calendar()
    data = {"policy": standard.pk, "calendar": own.pk, "apply": "open"}
    as_("manager").post(address_of(cast.project), data)
    change = TermsChange.objects.get()
    assert change.calendar_version == calendars.current_version(own.pk)
    assert list(terms_changes.scope(change)) == [ticket]


def test_a_calendar_that_was_never_published_is_not_offered(as_, cast, standard):
    draft, client = made_calendar(is_published=False), as_("manager")
    assert draft.name not in text(client.get(address_of(cast.project)))
    data = {"policy": standard.pk, "calendar": draft.pk, "apply": "new"}
    assert client.post(address_of(cast.project), data).status_code == 400


def test_nobody_takes_another_managers_calendar(as_, cast, standard):
    theirs = made_calendar("环球日历", "huanqiu")
    cast.other_project.calendar = theirs
    cast.other_project.save()
    employ("other_manager", "另一位经理", cast.desk, "manager", cast.other_project)
    client = as_("manager")
    assert "环球日历" not in text(client.get(address_of(cast.project)))
    data = {"policy": standard.pk, "calendar": theirs.pk, "apply": "new"}
    assert client.post(address_of(cast.project), data).status_code == 400
    assert as_("director").post(address_of(cast.project), data).status_code == 302


def test_the_page_says_how_many_open_requests_there_are(as_, cast, standard):
    client, address = as_("manager"), address_of(cast.project)
    assert "现在没有未办结的工单" in text(client.get(address))
    register(cast)
    assert "现有 1 张未办结的工单" in text(client.get(address))


# --- open requests of a project with a policy of its own --------------------------------------------
@pytest.fixture
def changed(as_, cast, standard) -> Policy:
    """The project's own policy, copied after a request came in under the company's, and changed."""
    register(cast, now=timezone.now() - timedelta(hours=1))
    own = policy_drafts.copy(standard, name="滨江时限", project=cast.project, by=cast.by("manager"))
    client = as_("manager")
    client.post(reverse("policy-draft", args=[own.pk]))
    kind = reverse("policy-draft-kind", args=[own.pk, "repair"])
    form = client.get(kind).context["form"]
    data = {field.name: "" if field.value() is None else str(field.value()) for field in form if "-" in field.name}
    data |= {"made_from": client.get(kind).context["made_from"], "normal-resolution-target": "24"}
    assert client.post(kind, data).status_code == 302
    return own


def test_a_projects_own_policy_takes_along_requests_that_came_in_under_the_companys(as_, cast, changed):
    client, address = as_("manager"), reverse("policy-publish", args=[changed.pk])
    page = client.get(address)
    assert "现有 1 张未办结的工单" in text(page)
    client.post(address, {"made_from": page.context["mark"], "apply": "open"})
    change = TermsChange.objects.get()
    assert change.project == cast.project
    terms_changes.work(change.pk)
    terms_changes.confirm(change, by=cast.by("manager"))
    terms_changes.work(change.pk)
    clock = cast.project.tickets.get().clocks.get(name="resolution")
    assert clock.due_at - clock.started_at == timedelta(hours=24)


def test_a_copy_offers_at_once_to_take_the_open_requests_along(as_, cast, changed):
    client = as_("manager")
    assert "还有 1 张未办结的工单" in text(client.get(reverse("policy", args=[changed.pk])))
    answer = client.post(reverse("policy-recompute", args=[changed.pk]))
    assert answer.url == reverse("terms-change", args=[TermsChange.objects.get().pk])


def test_a_policy_its_project_left_concerns_nobody_elses_requests(as_, cast, standard, changed):
    policy_drafts.assign(cast.project, standard, by=cast.by("manager"))
    client = as_("manager")
    assert "不需要重算" in text(client.get(reverse("policy-publish", args=[changed.pk])))
    assert client.post(reverse("policy-recompute", args=[changed.pk])).status_code == 409


# --- a way back -----------------------------------------------------------------------------------
def test_an_older_version_is_taken_up_again_as_a_draft(as_, cast, changed):
    client, address = as_("manager"), reverse("policy-publish", args=[changed.pk])
    client.post(address, {"made_from": client.get(address).context["mark"], "apply": "new"})
    page = reverse("policy", args=[changed.pk])
    assert "用这一版起草" not in text(client.get(page))
    assert "用这一版起草" in text(client.get(page, {"version": "1"}))
    draft = reverse("policy-draft", args=[changed.pk])
    assert client.post(draft, {"from": "9"}).status_code == 404
    assert client.post(draft, {"from": "1"}).status_code == 302
    limits = policies.read_limits(policy_drafts.draft_of(changed).pk)
    assert limits.of("repair", "normal", False)["resolution"].amount == 48 * 60


def test_the_list_says_by_what_the_policies_differ(as_, standard):
    page = text(as_("manager").get(reverse("terms")))
    for words in ("急修到场 1 小时", "急修到场 30 分钟", "急修到场 15 分钟", "报修办结 72 小时"):
        assert words in page, words


def test_a_preview_of_nothing_says_so_and_asks_for_no_confirmation(as_, cast, standard):
    client, premium = as_("manager"), Policy.objects.get(code="premium")
    client.post(address_of(cast.project), {"policy": premium.pk, "apply": "open"})
    change = TermsChange.objects.get()
    assert f"未办结工单的时限重算（{cast.project.name}" in text(client.get(reverse("terms")))
    terms_changes.work(change.pk)
    page = text(client.get(reverse("terms-change", args=[change.pk])))
    assert "没有需要重算的工单" in page
    assert "确认重算" not in page
    client.post(reverse("terms-change-abandon", args=[change.pk]))
    assert "返回时限标准" in text(client.get(reverse("terms-change", args=[change.pk])))

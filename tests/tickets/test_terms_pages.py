"""The pages of limits: who opens what, drafting, warnings, two editors, publishing, projects, and the preview."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from shimao_service.actors import SYSTEM
from staff.models import Role
from tests.factories import ProjectFactory, employ, register, walk
from tests.query_budgets import budget
from tests.tickets.terms import quiet_changes, standard
from tickets import policies, policy_drafts, terms_changes
from tickets.forms.terms import name_of
from tickets.limit_words import COLUMNS, MEASURE_WORDS, classes
from tickets.models import Policy, PolicyVersion, ProjectTerms, TermsChange, Ticket
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db
__all__ = ["quiet_changes", "standard"]

NORMAL = ("repair", "normal", False)


@pytest.fixture
def own(cast, standard) -> Policy:
    """The project's own, in use."""
    return policy_drafts.copy(standard, name="滨江花园时限", project=cast.project, by=cast.by("manager"))


def text(answer) -> str:
    return answer.content.decode()


def typed(client, policy: Policy, kind: str = "repair", **changes) -> dict[str, str]:
    """What the form shows, with some cells typed over: ``normal_resolution_target="12"``."""
    answer = client.get(reverse("policy-draft-kind", args=[policy.pk, kind]))
    form = answer.context["form"]
    data = {"made_from": answer.context["made_from"]}
    for field in form:
        if "-" in field.name:
            data[field.name] = "" if field.value() is None else str(field.value())
    return data | {name.replace("__", "-"): value for name, value in changes.items()}


def opened(client, policy: Policy) -> None:
    assert client.post(reverse("policy-draft", args=[policy.pk])).status_code == 302


def saved(client, policy: Policy, **changes):
    return client.post(reverse("policy-draft-kind", args=[policy.pk, "repair"]), typed(client, policy, **changes))


def published(client, policy: Policy, apply: str = "new", note: str = "按新合同"):
    address = reverse("policy-publish", args=[policy.pk])
    mark = client.get(address).context["mark"]
    return client.post(address, {"made_from": mark, "note": note, "apply": apply})


# --- who ------------------------------------------------------------------------------------------
def test_only_who_manages_terms_opens_the_pages_and_has_them_in_the_menu(as_, cast, standard):
    for name in ("frontdesk", "handler", "supervisor", "hr", "auditor"):
        client = as_(name)
        for address in (reverse("terms"), reverse("policy", args=[standard.pk])):
            assert client.get(address).status_code == 403, name
        assert reverse("terms") not in text(client.get("/", follow=True))
    for name in ("manager", "director", "admin"):
        assert as_(name).get(reverse("terms")).status_code == 200
    assert reverse("terms") in text(as_("manager").get("/", follow=True))


def test_the_companys_policies_are_changed_by_the_company_only(as_, cast, standard):
    manager = as_("manager")
    page = text(manager.get(reverse("policy", args=[standard.pk])))
    assert "修改由公司办理" in page
    for name in ("policy-draft", "policy-discard", "policy-publish"):
        assert manager.post(reverse(name, args=[standard.pk])).status_code == 403, name
    assert not PolicyVersion.objects.filter(published_at=None).exists()
    opened(as_("director"), standard)
    assert manager.get(reverse("policy-draft-kind", args=[standard.pk, "repair"])).status_code == 403


def test_a_project_keeps_a_policy_of_its_own_that_others_do_not_see(as_, cast, own):
    employ("other_manager", "另一位经理", cast.desk, "manager", cast.other_project)
    cast.other = type(cast.manager).objects.get(number="other_manager")
    assert ProjectTerms.objects.get(project=cast.project).policy == own
    stranger = as_("other")
    assert stranger.get(reverse("policy", args=[own.pk])).status_code == 404
    assert own.name not in text(stranger.get(reverse("terms")))
    choices = {"policy": str(own.pk), "apply": "new"}
    assert stranger.post(reverse("project-terms", args=[cast.other_project.code]), choices).status_code == 400
    assert stranger.get(reverse("project-terms", args=[cast.project.code])).status_code == 404
    opened(as_("manager"), own)
    assert as_("director").get(reverse("policy-draft", args=[own.pk])).status_code == 200


def test_a_company_policy_shared_by_projects_of_several_managers_is_theirs_only_together(cast, standard):
    from staff.access import viewer_of

    shared = policy_drafts.copy(standard, name="商业标准", project=None, by=cast.by("director"))
    third = ProjectFactory(code="XX")
    policy_drafts.assign(cast.project, shared, by=SYSTEM)
    viewer = viewer_of(cast.manager)
    assert policy_drafts.may_edit(viewer, shared, policy_drafts.usage()[shared.pk])
    policy_drafts.assign(third, shared, by=SYSTEM)
    assert not policy_drafts.may_edit(viewer, shared, policy_drafts.usage()[shared.pk])
    third.is_active = False
    third.save()
    assert policy_drafts.may_edit(viewer, shared, policy_drafts.usage()[shared.pk])


def test_a_role_that_loses_the_power_loses_the_pages(as_, cast, own):
    Role.objects.filter(code="manager").update(permissions=["ticket.view_all"])
    assert as_("manager").get(reverse("policy", args=[own.pk])).status_code == 403


# --- reading --------------------------------------------------------------------------------------
def test_a_policy_reads_at_a_glance_and_marks_what_is_only_suggested(as_, standard):
    page = text(as_("director").get(reverse("policy", args=[standard.pk])))
    for words in ("30 分钟·服务时间", "48 小时", "3 个工作日", "7 天", "按预约时间", "超时告知项目经理", "建议值"):
        assert words in page, words
    assert page.count("承诺相同") == 36


def test_pages_keep_their_budgets(as_, cast, own, standard):
    client = as_("director")
    client.get(reverse("terms"))
    opened(client, standard)
    for name, address in (
        ("terms", reverse("terms")),
        ("policy", reverse("policy", args=[standard.pk])),
        ("policy-draft", reverse("policy-draft", args=[standard.pk])),
        ("policy-draft-kind", reverse("policy-draft-kind", args=[standard.pk, "complaint"])),
        ("policy-publish", reverse("policy-publish", args=[standard.pk])),
        ("policy-copy", reverse("policy-copy", args=[standard.pk])),
        ("project-terms", reverse("project-terms", args=[cast.project.code])),
    ):
        client.get(address)  # versions are read once by the process
        with budget(f"terms: {name}"):
            assert client.get(address).status_code == 200, name


def test_two_hundred_projects_make_the_list_no_slower(as_, cast, standard):
    for number in range(120):
        ProjectFactory(code=f"Q{number:03d}")
    client = as_("director")
    client.get(reverse("terms"))
    with budget("terms: terms"):
        page = text(client.get(reverse("terms")))
    assert "还有 22 个项目" in page
    assert "Q119" in text(client.get(reverse("terms"), {"q": "q119"}))


# --- drafting -------------------------------------------------------------------------------------
def test_a_draft_is_saved_told_in_words_and_published_for_new_requests(as_, cast, own):
    before = register(cast)
    client = as_("manager")
    opened(client, own)
    changes = {"normal-resolution-target": "24", "normal-resolution-promise": "", "normal-response-told": "manager"}
    assert saved(client, own, **changes).status_code == 302
    page = text(client.get(reverse("policy-publish", args=[own.pk])))
    for words in ("目标 48 小时 → 24 小时", "承诺 48 小时 → 不承诺", "超时告知 主管 → 项目经理"):
        assert words in page, words
    assert published(client, own).status_code == 302
    after = register(cast)
    resolution = {clock.name: clock for clock in after.clocks.all()}["resolution"]
    assert resolution.due_at == after.created_at + timedelta(hours=24)
    assert resolution.promise_at is None
    before.refresh_from_db()
    assert before.clocks.get(name="resolution").due_at == before.created_at + timedelta(hours=48)
    history = text(client.get(reverse("policy", args=[own.pk])))
    assert "按新合同" in history
    assert "与上一版相比，改了 2 处" in history
    assert client.get(reverse("policy", args=[own.pk]), {"version": "1"}).status_code == 200
    assert client.get(reverse("policy", args=[own.pk]), {"version": "9"}).status_code == 404


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"normal-resolution-target": "abc"}, "请填写整数"),
        ({"normal-resolution-target": "-3"}, "不能小于 0"),
        ({"normal-response-target": "0"}, "请填写大于 0 的数"),
        ({"normal-resolution-target": "9999999"}, "时间太长了"),
        ({"urgent-response-target": ""}, "有承诺就要有目标"),
        ({"normal-response-told": "nobody"}, "nobody"),
        ({"normal-response-target_measure": "years"}, "years"),
    ],
)
def test_what_is_wrong_is_said_by_the_field_and_what_was_typed_stays(as_, own, changes, message):
    client = as_("manager")
    opened(client, own)
    answer = saved(client, own, **changes, **{"critical-response-target": "3", "critical-response-promise": "4"})
    assert answer.status_code == 400
    assert message in text(answer)
    assert 'aria-invalid="true"' in text(answer)
    name = next(iter(changes))
    assert answer.context["form"][name].errors
    assert answer.context["form"]["critical-response-target"].value() == "3"
    draft = policies.read_limits(policy_drafts.draft_of(own).pk)
    assert draft.of("repair", "critical", False)["response"].amount == 2


def test_a_target_longer_than_its_promise_is_asked_about_and_may_be_kept(as_, own):
    client = as_("manager")
    opened(client, own)
    first = saved(client, own, **{"normal-resolution-promise": "24"})
    assert first.status_code == 400
    assert "目标比承诺还长" in text(first)
    accept = re.search(r'name="accept" value="(\w+)"', text(first)).group(1)
    # Something else is longer by now: that has to be asked about, too.
    again = saved(client, own, accept=accept, **{"normal-resolution-promise": "24", "urgent-on_site-promise": "20"})
    assert again.status_code == 400
    kept = saved(client, own, accept=accept, **{"normal-resolution-promise": "24"})
    assert kept.status_code == 302
    assert policies.read_limits(policy_drafts.draft_of(own).pk).of(*NORMAL)["resolution"].promise == (1440, "h")


def test_targets_and_promises_in_different_units_are_compared_by_the_calendar(as_, own):
    client = as_("manager")
    opened(client, own)
    # Thirty minutes of service time reach into the next morning; twelve hours and a half then are not enough.
    night = {"normal-response-promise": "12", "normal-response-promise_measure": "h60"}
    assert "普通 响应：目标比承诺还长" in text(saved(client, own, **night))
    assert saved(client, own, **(night | {"normal-response-promise": "14"})).status_code == 302


def test_two_editors_of_one_kind_the_second_is_refused_and_keeps_his_words(as_, cast, own):
    first, second = as_("manager"), as_("director")
    opened(first, own)
    late = typed(second, own, **{"normal-resolution-target": "30"})
    other_kind = typed(second, own, kind="suggestion")
    assert saved(first, own, **{"normal-resolution-target": "20"}).status_code == 302
    address = reverse("policy-draft-kind", args=[own.pk, "repair"])
    refused = second.post(address, late)
    assert refused.status_code == 409
    assert "另一位同事刚刚改过" in text(refused)
    assert refused.context["form"]["normal-resolution-target"].value() == "30"
    assert "20 小时" in text(refused), "what the other one wrote stands beside"
    assert second.post(reverse("policy-draft-kind", args=[own.pk, "suggestion"]), other_kind).status_code == 302
    assert second.post(address, late | {"made_from": refused.context["made_from"]}).status_code == 302


def test_a_draft_published_or_changed_meanwhile_is_refused(as_, own):
    client = as_("manager")
    opened(client, own)
    saved(client, own, **{"normal-resolution-target": "20"})
    address = reverse("policy-publish", args=[own.pk])
    mark = client.get(address).context["mark"]
    late = typed(client, own, **{"normal-resolution-target": "10"})
    saved(client, own, **{"normal-resolution-target": "16"})
    stale = client.post(address, {"made_from": mark, "apply": "new"})
    assert stale.status_code == 400
    assert "草稿刚刚又有改动" in text(stale)
    assert "16 小时" in text(stale)
    assert published(client, own).status_code == 302
    assert client.post(reverse("policy-draft-kind", args=[own.pk, "repair"]), late).status_code == 409
    assert client.post(address, {"made_from": mark, "apply": "new"}).status_code == 400
    assert client.get(address).status_code == 302


def test_nothing_changed_is_not_published_and_a_draft_may_be_given_up(as_, own):
    client = as_("manager")
    opened(client, own)
    answer = published(client, own)
    assert answer.status_code == 400
    assert "没有差别" in text(answer)
    opened(client, own)
    assert PolicyVersion.objects.filter(policy=own, published_at=None).count() == 1
    assert client.post(reverse("policy-discard", args=[own.pk])).status_code == 302
    assert client.post(reverse("policy-discard", args=[own.pk])).status_code == 409
    assert client.get(reverse("policy-draft", args=[own.pk])).status_code == 302


def test_an_emptied_target_is_no_limit_any_more(as_, cast, own):
    client = as_("manager")
    opened(client, own)
    assert saved(client, own, **{"normal-resolution-target": "", "normal-resolution-promise": ""}).status_code == 302
    published(client, own)
    assert {clock.name for clock in register(cast).clocks.all()} == {"response"}


def test_every_cell_of_every_kind_survives_a_round_through_the_form(as_, own):
    client = as_("manager")
    opened(client, own)
    before = policies.read_limits(policy_drafts.draft_of(own).pk)
    for kind in COLUMNS:
        address = reverse("policy-draft-kind", args=[own.pk, kind])
        assert client.post(address, typed(client, own, kind)).status_code == 302
    assert policies.read_limits(policy_drafts.draft_of(own).pk) == before
    assert client.get(reverse("policy-draft-kind", args=[own.pk, "praise"])).status_code == 404
    assert len(MEASURE_WORDS) == 6
    assert name_of(classes("complaint")[3], "answer", "target") == "normal_grave-answer-target"


# --- projects -------------------------------------------------------------------------------------
def test_a_manager_copies_a_preset_for_his_project_and_uses_it(as_, cast, standard):
    client = as_("manager")
    answer = client.post(reverse("policy-copy", args=[standard.pk]), {"name": "我们的", "project": cast.project.pk})
    assert answer.status_code == 302
    made = Policy.objects.get(name="我们的")
    assert made.project == cast.project
    assert policies.current_policy_version(cast.project).policy == made
    assert policies.load_limits(policy_drafts.in_force(made).pk) == policies.load_limits(
        policy_drafts.in_force(standard).pk
    )
    twice = client.post(reverse("policy-copy", args=[standard.pk]), {"name": "我们的", "project": cast.project.pk})
    assert twice.status_code == 400
    assert "已有同名" in text(twice)
    for project in (cast.other_project.pk, ""):
        data = {"name": "别人的", "project": project}
        assert client.post(reverse("policy-copy", args=[standard.pk]), data).status_code == 400
    assert not Policy.objects.filter(name="别人的").exists()


def test_a_project_moves_to_another_policy_for_new_or_for_open_requests(as_, cast, standard):
    premium = Policy.objects.get(code="premium")
    register(cast)
    client = as_("manager")
    address = reverse("project-terms", args=[cast.project.code])
    assert client.post(address, {"policy": premium.pk, "apply": "new"}).url == reverse("terms")
    assert not TermsChange.objects.exists()
    answer = client.post(address, {"policy": premium.pk, "apply": "open"})
    change = TermsChange.objects.get()
    assert answer.url == reverse("terms-change", args=[change.pk])
    assert change.project == cast.project
    for nonsense in ("x", "②", "9" * 40):
        assert client.post(address, {"policy": nonsense, "apply": "new"}).status_code == 400


# --- the preview ----------------------------------------------------------------------------------
@pytest.fixture
def change(as_, cast, own) -> TermsChange:
    """An urgent change that makes one open request late, waiting to be counted."""
    register(cast, now=timezone.now() - timedelta(hours=30))
    client = as_("manager")
    opened(client, own)
    saved(
        client, own, **{"normal-resolution-target": "24", "normal-response-target": "", "normal-response-promise": ""}
    )
    Ticket.objects.update(due_at=timezone.now() + timedelta(hours=18))
    answer = published(client, own, apply="open")
    found = TermsChange.objects.get()
    assert answer.url == reverse("terms-change", args=[found.pk])
    return found


def test_the_preview_counts_refreshes_itself_and_is_confirmed_once(as_, cast, change):
    client = as_("manager")
    address = reverse("terms-change", args=[change.pk])
    waiting = text(client.get(address))
    assert 'hx-trigger="every 2s"' in waiting
    assert "0 / 1 张" in waiting
    confirm = reverse("terms-change-confirm", args=[change.pk])
    assert client.post(confirm).status_code == 409
    terms_changes.work(change.pk)
    with budget("terms: terms-change"):
        page = text(client.get(address))
    assert "hx-trigger" not in page.split('id="change"')[1].split(">")[0]
    assert Ticket.objects.get().number in page
    assert client.post(confirm).status_code == 302
    assert client.post(confirm).status_code == 302
    assert client.post(reverse("terms-change-abandon", args=[change.pk])).status_code == 409
    terms_changes.work(change.pk)
    assert "1 张未办结的工单已按新的时限计时" in text(client.get(address))
    assert Ticket.objects.get().events.filter(verb="reclock").count() == 1


def test_the_preview_may_be_given_up_and_asked_for_again(as_, own, change):
    client = as_("manager")
    terms_changes.work(change.pk)
    assert client.post(reverse("terms-change-abandon", args=[change.pk])).status_code == 302
    assert "已放弃" in text(client.get(reverse("terms-change", args=[change.pk])))
    assert "还有 1 张未办结的工单按旧版本或别的标准计时" in text(client.get(reverse("policy", args=[own.pk])))
    again = client.post(reverse("policy-recompute", args=[own.pk]))
    assert again.url == reverse("terms-change", args=[TermsChange.objects.first().pk])
    assert TermsChange.objects.count() == 2


def test_the_preview_is_for_those_who_manage_these_terms(as_, change):
    address = reverse("terms-change", args=[change.pk])
    assert as_("supervisor").get(address).status_code == 403
    assert as_("director").get(address).status_code == 200
    for name in ("terms-change-confirm", "terms-change-abandon"):
        assert as_("supervisor").post(reverse(name, args=[change.pk])).status_code == 403
        assert as_("manager").get(reverse(name, args=[change.pk])).status_code == 405


# --- the explanation's page -----------------------------------------------------------------------
def test_the_page_of_due_times_is_for_those_who_see_the_request(as_, cast):
    ticket = walk(cast, Status.ON_HOLD)
    address = reverse("ticket-deadlines", args=[ticket.number])
    page = text(as_("handler").get(address))
    for words in ("一步一步看", "暂停中", "告诉业主的是", "到期"):
        assert words in page, words
    assert as_("handler2").get(address).status_code == 404
    assert as_("outsider").get(address).status_code == 404
    about = register(cast, kind=Kind.COMPLAINT, category=None, subjects=[cast.manager])
    assert as_("manager").get(reverse("ticket-deadlines", args=[about.number])).status_code == 404
    assert address in text(as_("supervisor").get(ticket.get_absolute_url()))


def test_the_page_of_due_times_keeps_its_budget_however_many_rounds(as_, cast):
    ticket = walk(cast, Status.CLOSED)
    from tickets import lifecycle

    for _again in range(3):
        lifecycle.reopen(ticket, by=cast.by("frontdesk"), reason="又漏水")
        lifecycle.accept(ticket, by=cast.by("handler"))
        lifecycle.complete(ticket, by=cast.by("handler"), result="修好")
    client = as_("supervisor")
    address = reverse("ticket-deadlines", args=[ticket.number])
    client.get(address)  # versions are read once by the process
    with budget("terms: ticket-deadlines"):
        page = text(client.get(address))
    assert "第 4 轮" in page
    praise = register(cast, kind=Kind.PRAISE, category=None, subjects=[cast.handler])
    assert "没有时限" in text(client.get(reverse("ticket-deadlines", args=[praise.number])))

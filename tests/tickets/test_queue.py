"""``/tickets/``: the queue, its chips, saved views, several at once, and the export."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.utils import timezone
from openpyxl import load_workbook

from shimao_service.models import Reveal
from tests.factories import OwnerFactory, register, walk
from tests.query_budgets import budget
from tickets import lifecycle
from tickets.models import SavedView, Ticket, TicketSubject
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db


def rows(answer):
    return [row.ticket.number for row in answer.context["rows"]]


def chips(answer):
    return {str(chip["label"]): chip.get("count") for chip in answer.context["chips"]}


@pytest.fixture
def many(cast):
    return {status: walk(cast, status) for status in Status}


# --- the list ---------------------------------------------------------------------------------------
def test_the_queue_opens_with_what_is_open(as_, many):
    answer = as_("supervisor").get("/tickets/")
    assert answer.status_code == 200
    assert set(rows(answer)) == {t.number for t in many.values() if t.is_open}


def test_chips_count_each_status_and_lead_there(as_, many):
    client = as_("supervisor")
    answer = client.get("/tickets/")
    assert chips(answer) | {"未办结": 7, "待派单": 1, "待接单": 1, "处理中": 1, "挂起": 1, "待回复": 1} == chips(answer)
    for chip in answer.context["chips"]:
        if chip.get("count") is not None:
            assert len(rows(client.get(f"/tickets/{chip['href']}"))) == chip["count"], chip["label"]


@pytest.mark.parametrize(
    "query",
    ["department=GC", "department=GC&handler=handler", "handler=none", "receiver=me", "kind=repair,complaint",
     "urgency=urgent", "from=2026-01-01&to=2030-01-01", "returned=1", "dissatisfied=2", "promised=1", "call=1",
     "due=soon", "mine=1", "step=feedback", "project=BJ", "status=final", "ordering=due_at", "ordering=status_at",
     "special=soon", "category=1"],
)  # fmt: skip
def test_every_filter_has_its_page_and_says_what_it_does(as_, many, query):
    client = as_("supervisor")
    answer = client.get(f"/tickets/?{query}", follow=True)
    assert answer.status_code == 200
    assert not answer.context["notices"]
    # These are marked where they are chosen.
    marked = query in ("department=GC", "mine=1") or query.startswith("ordering=")
    assert marked or answer.context["applied"]


def test_the_forms_empty_fields_do_not_stay_in_the_address(as_, cast):
    client = as_("supervisor")
    assert client.get("/tickets/?kind=repair&urgency=&special=soon").url == "/tickets/?kind=repair&due=soon"
    assert client.get("/tickets/?q=&special=").url == "/tickets/"


def test_counts_follow_the_other_filters_not_the_status(as_, many):
    answer = as_("supervisor").get("/tickets/?status=registered&kind=complaint")
    assert chips(answer)["未办结"] == 0
    answer = as_("supervisor").get("/tickets/?status=registered&kind=repair")
    assert chips(answer)["未办结"] == 7
    assert len(rows(answer)) == 1


def test_a_search_looks_among_the_closed_as_well(as_, many):
    assert many[Status.CLOSED].number in rows(as_("supervisor").get("/tickets/?q=水管"))


def test_what_the_address_says_wrongly_is_told_above_the_list(as_, many):
    answer = as_("supervisor").get("/tickets/?status=nonsense&cursor=zzz&ordering=password")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "不认识“nonsense”" in page
    assert "翻页位置无效" in page
    assert "不能按" in page


def test_typed_words_are_shown_as_text(as_, many):
    page = as_("supervisor").get("/tickets/", {"q": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert" not in page
    assert "没有找到" in page


def test_owners_are_named_nowhere_in_the_list(cast, as_, many):
    page = as_("supervisor").get("/tickets/").content.decode()
    assert cast.owner.name not in page
    assert cast.owner.phone not in page


def test_an_outsider_sees_an_empty_queue(as_, many):
    answer = as_("outsider").get("/tickets/")
    assert rows(answer) == []
    assert chips(answer)["未办结"] == 0


def test_a_complaint_about_me_is_in_no_row_chip_or_badge(cast, as_):
    complaint = register(cast, kind=Kind.COMPLAINT, category=None, description="主管推诿")
    TicketSubject.objects.create(ticket=complaint, employee=cast.supervisor)
    for who in ("supervisor", "steward"):
        answer = as_(who).get("/tickets/")
        assert rows(answer) == []
        assert chips(answer)["未办结"] == 0
        assert answer.context["frame"].counts["tickets"] == 0
        assert complaint.number not in as_(who).get("/tickets/?q=推诿").content.decode()
    assert rows(as_("manager").get("/tickets/")) == [complaint.number]


def test_the_picked_project_narrows_the_list(cast, as_, many):
    client = as_("director")
    assert rows(client.get("/tickets/"))
    client.post("/project/", {"project": cast.other_project.pk})
    assert rows(client.get("/tickets/")) == []
    client.post("/project/", {"project": cast.project.pk})
    assert rows(client.get("/tickets/"))


def test_pages_go_on_where_the_last_one_ended(cast, as_, monkeypatch):
    monkeypatch.setattr("tickets.views.queue.PAGE", 2)
    made = [register(cast, now=timezone.now() - timedelta(minutes=n)).number for n in range(5)]
    client, seen, address = as_("supervisor"), [], "?status=open"
    while address:
        answer = client.get(f"/tickets/{address}")
        seen += rows(answer)
        address = answer.context["next_url"]
    assert seen == made


@pytest.mark.parametrize("who", ["frontdesk", "handler", "supervisor", "director"])
def test_five_rows_and_sixty_take_the_same_queries(cast, as_, who):
    client = as_(who)
    made = [walk(cast, Status.IN_PROGRESS) for _n in range(5)]
    client.get("/tickets/")
    with budget(f"queue of {who}"):
        client.get("/tickets/")
    copies = [Ticket(**_values(ticket, n)) for n in range(11) for ticket in made]
    Ticket.objects.bulk_create(copies)
    with budget(f"queue of {who}"):
        answer = client.get("/tickets/")
    assert len(answer.context["rows"]) == 50
    with budget(f"queue of {who}, searched"):
        client.get("/tickets/?q=水管&department=GC")


def _values(ticket, n):
    fields = {f.attname: getattr(ticket, f.attname) for f in Ticket._meta.concrete_fields if f.attname != "id"}
    return fields | {"number": f"{ticket.number}{n}"}


# --- saved views ------------------------------------------------------------------------------------
def test_a_filter_is_kept_under_a_name_and_given_up_again(cast, as_, many):
    client = as_("supervisor")
    client.post("/tickets/views/", {"name": " 工程部 超时 ", "query": "department=GC&overdue=1&junk=1"})
    view = SavedView.objects.get()
    assert (view.employee, view.name, view.query) == (cast.supervisor, "工程部 超时", "department=GC&overdue=1")
    assert "工程部 超时" in client.get("/tickets/").content.decode()
    assert "工程部 超时" not in as_("frontdesk").get("/tickets/").content.decode()
    as_("frontdesk").post(f"/tickets/views/{view.pk}/delete/")
    assert SavedView.objects.exists()
    client.post(f"/tickets/views/{view.pk}/delete/")
    assert not SavedView.objects.exists()


def test_the_same_name_takes_the_new_filter(as_, cast):
    client = as_("supervisor")
    for query in ("status=registered", "status=completed"):
        client.post("/tickets/views/", {"name": "常看", "query": query})
    assert [view.query for view in SavedView.objects.all()] == ["status=completed"]


@pytest.mark.parametrize("name", ["", "   ", "长" * 21])
def test_a_view_wants_a_short_name(as_, cast, name):
    answer = as_("supervisor").post("/tickets/views/", {"name": name, "query": ""}, follow=True)
    assert not SavedView.objects.exists()
    assert "视图" in answer.content.decode()


# --- several at once --------------------------------------------------------------------------------
def test_several_are_dispatched_together_after_one_question(cast, as_):
    made = [register(cast) for _n in range(3)]
    client, ids = as_("frontdesk"), [ticket.pk for ticket in made]
    question = client.post("/tickets/bulk/dispatch/", {"ids": ids, "back": "status=registered"})
    assert question.status_code == 200
    assert all(t.number in question.content.decode() for t in made)
    assert Ticket.objects.filter(status=Status.REGISTERED).count() == 3
    answer = client.post(
        "/tickets/bulk/dispatch/",
        {
            "ids": ids,
            "confirmed": "1",
            "department": cast.works.pk,
            "handler": cast.handler.pk,
            "back": "status=registered",
        }
        | {f"version-{t.pk}": t.version for t in made},
    )
    assert answer.url == "/tickets/?status=registered"
    assert {(t.status, t.handler_id) for t in Ticket.objects.all()} == {(Status.DISPATCHED, cast.handler.pk)}


def test_one_that_a_colleague_dispatched_meanwhile_is_told_and_the_others_go(cast, as_):
    made = [register(cast) for _n in range(2)]
    lifecycle.supplement(made[0], by=cast.by("frontdesk2"), note="业主又来电")
    answer = as_("frontdesk").post(
        "/tickets/bulk/dispatch/",
        {"ids": [t.pk for t in made], "confirmed": "1", "department": cast.works.pk}
        | {f"version-{t.pk}": t.version for t in made},
        follow=True,
    )
    statuses = [Ticket.objects.get(pk=t.pk).status for t in made]
    assert statuses == [Status.REGISTERED, Status.DISPATCHED]
    assert f"{made[0].number} 没有派出" in answer.content.decode()


def test_without_a_department_it_is_asked_again(cast, as_):
    ticket = register(cast)
    answer = as_("frontdesk").post("/tickets/bulk/dispatch/", {"ids": [ticket.pk], "confirmed": "1"})
    assert answer.status_code == 400
    assert "请选择责任部门" in answer.content.decode()


def test_nobody_dispatches_together_what_he_may_not_alone(cast, as_):
    ticket = register(cast)
    for who in ("handler", "manager", "outsider", "hr"):
        as_(who).post("/tickets/bulk/dispatch/", {"ids": [ticket.pk], "confirmed": "1", "department": cast.works.pk})
    ticket.refresh_from_db()
    assert ticket.status == Status.REGISTERED


def test_ordinary_ones_are_summed_up_together_and_the_others_want_words(cast, as_):
    plain = walk(cast, Status.AWAITING_SUMMARY)
    complaint = walk(cast, Status.AWAITING_SUMMARY, kind=Kind.COMPLAINT, category=cast.complaint_category)
    client, ids = as_("frontdesk"), [plain.pk, complaint.pk]
    question = client.post("/tickets/bulk/summarise/", {"ids": ids}).content.decode()
    assert "已更换软管" in question
    assert f"/tickets/{complaint.number}/summarise/" in question
    client.post("/tickets/bulk/summarise/", {"ids": ids, "confirmed": "1", "liability": "property"})
    plain.refresh_from_db()
    complaint.refresh_from_db()
    assert (plain.status, complaint.status) == (Status.CLOSED, Status.AWAITING_SUMMARY)


@pytest.mark.parametrize("ids", [[], ["x"], ["-1"], ["9" * 40], ["0"]])
def test_a_strange_selection_does_nothing(as_, cast, ids):
    for address in ("/tickets/bulk/dispatch/", "/tickets/bulk/summarise/"):
        assert as_("supervisor").post(address, {"ids": ids}).status_code == 302
        assert as_("supervisor").get(address).status_code == 302


# --- export -----------------------------------------------------------------------------------------
def sheet(answer):
    return load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active


def test_the_export_holds_what_the_filter_shows_masked_and_signed(cast, as_):
    walk(cast, Status.CLOSED)
    ticket = register(
        cast, description="=HYPERLINK(1) 请打 13812345678", owner=OwnerFactory(name="=张三", phone="13700001111")
    )
    page = sheet(as_("supervisor").post("/tickets/export/?status=registered"))
    cells = [[cell.value for cell in row] for row in page.iter_rows()]
    assert cells[1][0] == ticket.number
    assert cells[2][0] is None
    words = "\n".join(str(value) for row in cells for value in row if value)
    assert "13812345678" not in words
    assert "138****5678" in words
    assert "张三" not in words
    assert "13700001111" not in words
    assert all(cell.data_type != "f" for row in page.iter_rows() for cell in row)
    assert "陈晓雯" in words
    assert "supervisor" in words
    assert "共 1 件" in words


def test_each_export_is_written_down(cast, as_):
    register(cast)
    sheet(as_("supervisor").post("/tickets/export/?kind=repair"))
    look = Reveal.objects.get(subject="export:tickets")
    assert look.user == cast.supervisor.user
    assert "1 件" in look.reason
    assert "kind=repair" in look.reason


def test_the_export_is_for_those_who_see_the_project_and_never_by_a_link(cast, as_):
    assert as_("handler").post("/tickets/export/").status_code == 403
    assert as_("supervisor").get("/tickets/export/").status_code == 405


def test_a_hidden_complaint_is_not_exported(cast, as_):
    complaint = register(cast, kind=Kind.COMPLAINT, category=None, description="主管推诿")
    TicketSubject.objects.create(ticket=complaint, employee=cast.supervisor)
    page = sheet(as_("supervisor").post("/tickets/export/"))
    assert complaint.number not in str([[cell.value for cell in row] for row in page.iter_rows()])

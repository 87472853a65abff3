"""The owners' form: what it takes, what it refuses, and what it never tells."""

from __future__ import annotations

import io
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse
from PIL import Image

from shimao_service.models import Notice
from tests.factories import BuildingFactory, OccupancyFactory, OwnerFactory, UnitFactory, register
from tickets import links, promises, web_reports
from tickets.models import Occupancy, ReportAttempt, Ticket
from tickets.statuses import Kind, Source, Status

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def form(cast: SimpleNamespace) -> SimpleNamespace:
    """The form of building 3's poster: ``form.send(room="1502", …)``."""
    cast.other_project.is_active = False
    cast.other_project.save()
    client = Client()
    address = reverse("report-place", args=[cast.building.qr_code])

    def send(*, to: str = address, **fields: Any):
        values = {
            "kind": "repair", "room": "1502", "description": "厨房水管爆了，总阀拧不动", "phone": "138 1234 5678",
            "key": str(uuid.uuid4()),
        } | fields  # fmt: skip
        return client.post(to, {name: value for name, value in values.items() if value is not None})

    return SimpleNamespace(client=client, address=address, send=send, cast=cast)


def picture(name: str = "水管.jpg", form: str = "JPEG", size: tuple[int, int] = (640, 480)) -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, form)
    return SimpleUploadedFile(name, out.getvalue(), content_type="image/jpeg")


# --- opening it ----------------------------------------------------------------------------------
def test_a_posters_code_fills_in_project_and_building(form):
    page = form.client.get(form.address)
    assert page.status_code == 200
    text = page.content.decode()
    assert "世茂滨江花园" in text
    assert "3号楼" in text
    assert 'name="project"' not in text


def test_an_unknown_code_leads_to_the_form_without_a_place(form):
    answer = form.client.get(reverse("report-place", args=["nonsense"]), follow=True)
    assert answer.redirect_chain == [(reverse("report"), 302)]
    assert "二维码已停用" in answer.content.decode()


def test_with_several_projects_one_is_chosen(form):
    form.cast.other_project.is_active = True
    form.cast.other_project.save()
    assert 'name="project"' in form.client.get(reverse("report")).content.decode()
    refused = form.send(to=reverse("report"), room="3-2-1502")
    assert refused.status_code == 400
    assert "请选择您所在的项目" in refused.content.decode()
    form.send(to=reverse("report"), room="3-2-1502", project="BJ")
    assert Ticket.objects.get().unit == form.cast.unit


def test_the_promise_comes_from_the_limits(form):
    assert "急修 30 分钟内到场 · 24 小时值班" in form.client.get(form.address).content.decode()


@pytest.mark.parametrize(("hour", "said"), [(23, True), (3, True), (10, False)])
def test_at_night_the_form_says_when_somebody_answers(form, hour, said):
    with time_machine.travel(datetime(2026, 11, 23, hour - 8 if hour >= 8 else hour + 16, tzinfo=UTC)):
        assert ("现在是非服务时间" in form.client.get(form.address).content.decode()) is said


# --- sending it ----------------------------------------------------------------------------------
def test_sending_makes_a_request_and_shows_its_link(form):
    answer = form.send()
    ticket = Ticket.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == links.path(ticket)
    assert (ticket.kind, ticket.status, ticket.source) == (Kind.REPAIR, Status.REGISTERED, Source.WEB)
    assert ticket.unit == form.cast.unit
    assert ticket.building == form.cast.building
    assert ticket.owner == form.cast.owner
    assert ticket.contact_phone == "13812345678"
    assert ticket.category == form.cast.category, "the owner's words suggest it"
    assert ticket.events.get().actor_kind == "link"
    assert ticket.first_receiver is None
    page = form.client.get(answer["Location"]).content.decode()
    assert "请保存此链接" in page
    assert links.address(ticket) in page


def test_the_desk_hears_of_it(form):
    form.send()
    assert Notice.objects.filter(recipient=f"user:{form.cast.frontdesk.user_id}", kind="ticket_registered").exists()


def test_pictures_come_with_it_and_lose_what_they_hide(form):
    answer = form.send(pictures=[picture(), picture("IMG.heic", "HEIF")])
    assert answer.status_code == 302
    assert Ticket.objects.get().attachments.count() == 2


def test_the_same_filling_in_sent_twice_makes_one_request(form):
    key = str(uuid.uuid4())
    first, second = form.send(key=key), form.send(key=key)
    assert first["Location"] == second["Location"]
    assert Ticket.objects.count() == 1
    assert ReportAttempt.objects.count() == 1


def test_going_back_and_writing_something_else_asks_again_and_keeps_the_text(form):
    key = str(uuid.uuid4())
    form.send(key=key)
    answer = form.send(key=key, description="还有一件：楼道灯坏了")
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "楼道灯坏了" in page
    assert key not in page
    assert Ticket.objects.count() == 1


@pytest.mark.parametrize("key", ["", "1", "not-a-key"])
def test_a_key_somebody_chose_never_meets_another_persons_request(form, key):
    first = form.send(key=key)
    form.client.cookies.clear()
    assert first["Location"] != form.send(key=key)["Location"]


def test_back_and_submit_again_makes_one_request_though_the_form_was_fetched_anew(form):
    first, second = form.send(), form.send()
    assert first["Location"] == second["Location"]
    assert form.send(description="另一件事")["Location"] != first["Location"]
    assert Ticket.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_double_click_makes_one_request(form):
    key = str(uuid.uuid4())
    body = {"kind": "repair", "room": "1502", "description": "水管爆了", "phone": "13812345678", "key": key}

    def click() -> str:
        try:
            return Client().post(form.address, body)["Location"]
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = [task.result() for task in [pool.submit(click) for _ in range(2)]]
    assert len(set(answers)) == 1
    assert Ticket.objects.count() == 1
    assert ReportAttempt.objects.count() == 1


def test_a_forged_post_from_elsewhere_is_refused(form):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(form.address, {"kind": "repair", "room": "1502", "description": "x"}).status_code == 403
    assert not Ticket.objects.exists()


def test_opening_the_form_changes_nothing(form):
    form.client.get(form.address, {"kind": "repair", "description": "x", "phone": "13812345678"})
    assert not Ticket.objects.exists()
    assert not ReportAttempt.objects.exists()


# --- where and who -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "room",
    ["1502", "1502室", "2-1502", "3-2-1502", "３－２－１５０２", "3号楼2单元1502室", "2单元 1502", "3栋2单元1502房"],
)
def test_a_room_is_understood_as_people_write_it(form, room):
    form.send(room=room)
    assert Ticket.objects.get().unit == form.cast.unit


def test_a_room_that_could_be_two_stays_words(form):
    UnitFactory(building=form.cast.building, entrance="1", room="1502")
    form.send(room="1502")
    ticket = Ticket.objects.get()
    assert (ticket.unit, ticket.place, ticket.building) == (None, "1502", form.cast.building)


def test_another_building_is_found_by_its_whole_label(form):
    other = UnitFactory(building=BuildingFactory(project=form.cast.project, code="5"), entrance="1", room="0803")
    form.send(room="5-1-0803")
    assert Ticket.objects.get().unit == other


def test_a_room_never_tells_who_lives_there(form):
    answers = [
        form.send(room="1502", phone="13700000001"),
        form.send(room="9999", phone="13700000002"),
        form.send(room="1502", phone="13812345678"),
    ]
    for answer in answers:
        page = form.client.get(answer["Location"]).content.decode()
        assert "张建国" not in page
        assert "张**" not in page
        assert "刘芳" not in page
    strangers = Ticket.objects.filter(contact_phone__startswith="1370")
    assert all(ticket.owner is None and ticket.contact_email == "" for ticket in strangers)


def test_a_tenant_who_moved_out_is_a_mere_contact(form):
    Occupancy.objects.filter(owner=form.cast.owner).update(until=datetime(2020, 1, 1).date())
    form.send()
    assert Ticket.objects.get().owner is None


def test_a_tenant_reports_and_the_owner_pays(form):
    tenant = OwnerFactory(name="李租", phone="13799990000")
    OccupancyFactory(unit=form.cast.unit, owner=tenant, relation=Occupancy.Relation.TENANT)
    form.send(phone="13799990000")
    ticket = Ticket.objects.get()
    assert (ticket.owner, ticket.payer) == (tenant, form.cast.owner)


def test_a_shared_phone_is_told_apart_by_the_name(form):
    wife = OwnerFactory(name="赵敏", phone="13812345678")
    OccupancyFactory(unit=form.cast.unit, owner=wife, relation=Occupancy.Relation.FAMILY)
    form.send(name="赵敏")
    assert Ticket.objects.get().owner == wife


# --- complaints ----------------------------------------------------------------------------------
def test_an_anonymous_complaint_needs_no_phone_and_shows_its_link_once(form):
    answer = form.send(kind="complaint", is_anonymous="on", room="", phone="", description="前台态度恶劣")
    ticket = Ticket.objects.get()
    assert ticket.is_anonymous
    assert ticket.contact_phone == ""
    assert ticket.owner is None
    assert "只给您这一次" in form.client.get(answer["Location"]).content.decode()
    assert ReportAttempt.objects.get().phone == ""


def test_anonymity_drops_a_phone_that_was_typed_before(form):
    form.send(kind="complaint", is_anonymous="on", room="1502", phone="13812345678", name="张建国")
    ticket = Ticket.objects.get()
    assert (ticket.contact_phone, ticket.contact_name, ticket.owner) == ("", "", None)


def test_only_complaints_are_anonymous(form):
    assert form.send(kind="repair", is_anonymous="on", phone="").status_code == 400


@pytest.mark.parametrize("fields", [
    {"employee": "周建国", "description": "多次推脱"},
    {"employee": "周 建国", "description": "多次推脱"},
    {"description": "工程部周建国私下收了我两百块钱"},
])  # fmt: skip
def test_the_accused_never_sees_a_trace(form, as_, fields):
    form.send(kind="complaint", is_anonymous="on", room="", **fields)
    ticket = Ticket.objects.get()
    accused = form.cast.handler
    assert list(ticket.subjects.values_list("employee", flat=True)) == [accused.pk]
    assert not Notice.objects.filter(recipient=f"user:{accused.user_id}").exists()
    assert as_("handler").get(reverse("ticket", args=[ticket.number])).status_code == 404
    assert as_("supervisor").get(reverse("ticket", args=[ticket.number])).status_code == 200


def test_a_complaint_about_the_supervisor_goes_to_the_next_one_up(form):
    form.send(kind="complaint", employee="陈晓雯", description="主管推卸责任")
    told = set(Notice.objects.values_list("recipient", flat=True))
    assert f"user:{form.cast.supervisor.user_id}" not in told
    assert f"user:{form.cast.frontdesk.user_id}" not in told, "she reports to the accused"
    assert told, "somebody above hears of it"


def test_whether_a_name_was_found_is_not_told(form):
    pages = []
    for name in ("周建国", "查无此人"):
        answer = form.send(kind="complaint", is_anonymous="on", room="", description="推脱", employee=name)
        pages.append(form.client.get(answer["Location"]).content.decode().replace(name, "某人"))
    a, b = Ticket.objects.order_by("pk")
    assert a.subjects.count() == 1
    assert b.subjects.count() == 0
    assert "查无此人" in b.description
    for page, ticket in zip(pages, (a, b), strict=True):
        assert "被投诉" not in page, ticket
        assert page.count("某人") == 1, ticket


def test_a_repair_names_nobody(form):
    form.send(employee="周建国", description="上次周建国修过又坏了")
    assert not Ticket.objects.get().subjects.exists()


# --- what is refused -----------------------------------------------------------------------------
@pytest.mark.parametrize(("fields", "said"), [
    ({"phone": ""}, "请留一个电话"),
    ({"phone": "12345"}, "手机号应为 11 位"),
    ({"room": ""}, "请填写房号"),
    ({"description": ""}, "请写下发生了什么"),
    ({"description": "   "}, "请写下发生了什么"),
    ({"description": "长" * 5001}, "5000"),
    ({"kind": "nonsense"}, "请选择类型"),
    ({"kind": None}, "请选择类型"),
])  # fmt: skip
def test_a_wrong_field_is_named_and_the_rest_is_kept(form, fields, said):
    answer = form.send(**({"name": "老张头"} | fields))
    page = answer.content.decode()
    assert answer.status_code == 400
    assert said in page
    assert "老张头" in page
    assert not Ticket.objects.exists()


@pytest.mark.parametrize("words", ["漏水😭😭", "漏\x00水", "a\ud800b", "<script>alert(1)</script>", "第一行\r\n第二行"])
def test_odd_characters_are_taken_as_they_are(form, words):
    body = {
        "kind": "repair",
        "room": "1502",
        "phone": "13812345678",
        "description": words.encode("utf-8", "ignore").decode(),
    }
    assert form.client.post(form.address, body).status_code == 302
    ticket = Ticket.objects.get()
    assert "\x00" not in ticket.description
    assert "\r" not in ticket.description
    assert "<script>alert" not in form.client.get(links.path(ticket)).content.decode()


def test_line_breaks_count_once_as_the_browser_counts_them(form):
    assert form.send(description="\r\n".join(["字" * 99] * 50)).status_code == 302


@pytest.mark.parametrize(("file", "said"), [
    (SimpleUploadedFile("a.html", b"<html><script>1</script></html>", content_type="image/png"), "不是图片"),
    (SimpleUploadedFile("a.svg", b"<svg xmlns='x' onload='x()'/>", content_type="image/svg+xml"), "不是图片"),
    (SimpleUploadedFile("a.jpg", b"\xff\xd8\xff\xe0" + b"0" * 200, content_type="image/jpeg"), "a.jpg"),
    (SimpleUploadedFile("big.jpg", b"\xff\xd8\xff" + b"0" * (16 * 1024 * 1024), content_type="image/jpeg"), "15 MB"),
])  # fmt: skip
def test_a_file_that_is_no_picture_is_refused_and_the_text_kept(form, file, said):
    file.seek(0)
    answer = form.send(pictures=[file])
    page = answer.content.decode()
    assert answer.status_code == 400
    assert said in page
    assert "总阀拧不动" in page
    assert not Ticket.objects.exists()
    assert not ReportAttempt.objects.exists()


def test_a_png_that_would_blow_up_is_refused(form):
    out = io.BytesIO()
    Image.new("1", (30000, 30000)).save(out, "PNG")
    answer = form.send(pictures=[SimpleUploadedFile("bomb.png", out.getvalue(), content_type="image/png")])
    assert answer.status_code == 400
    assert "尺寸过大" in answer.content.decode()


def test_ten_pictures_are_one_too_many(form):
    answer = form.send(pictures=[picture(f"{n}.jpg", size=(40, 30)) for n in range(10)])
    assert answer.status_code == 400
    assert "最多 9 张" in answer.content.decode()


# --- floods --------------------------------------------------------------------------------------
def test_a_program_that_fills_in_everything_believes_it_succeeded(form):
    answer = form.send(website="http://spam.example")
    assert answer.status_code == 302
    assert "已收到" in form.client.get(answer["Location"]).content.decode()
    assert not Ticket.objects.exists()


@pytest.mark.parametrize(("name", "varied"), [
    ("phone", {"room": "{n}"}),
    ("place", {"phone": "1390000000{n}"}),
    ("address", {"room": "{n}", "phone": "1390000000{n}"}),
])  # fmt: skip
def test_too_many_an_hour_are_refused_politely(form, settings, name, varied):
    settings.REPORT_LIMITS = {"phone": 100, "address": 100, "place": 100} | {name: 3}
    form.cast.project.service_phone = "400-820-8820"
    form.cast.project.save()
    for n in range(3):
        assert form.send(**{field: text.format(n=n) for field, text in varied.items()}).status_code == 302
    refused = form.send(**{field: text.format(n=9) for field, text in varied.items()})
    page = refused.content.decode()
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 3600
    assert "总阀拧不动" in page
    assert "之后再试" in page
    assert "400-820-8820" in page
    assert Ticket.objects.count() == 3


def test_after_an_hour_the_form_is_open_again(form, settings):
    settings.REPORT_LIMITS = {"phone": 1, "address": 100, "place": 100}
    with time_machine.travel(datetime(2026, 11, 23, 2, tzinfo=UTC), tick=False) as clock:
        form.send()
        assert form.send(description="又一件").status_code == 429
        clock.shift(timedelta(hours=1, minutes=1))
        assert form.send(description="又一件").status_code == 302


def test_sending_again_what_was_sent_is_no_flood(form, settings):
    settings.REPORT_LIMITS = {"phone": 1, "address": 1, "place": 1}
    key = str(uuid.uuid4())
    assert [form.send(key=key).status_code for _ in range(3)] == [302, 302, 302]


def test_the_network_address_is_kept_as_a_hash_and_not_for_long(form):
    with time_machine.travel(datetime(2026, 11, 20, tzinfo=UTC)):
        form.send()
    row = ReportAttempt.objects.get()
    assert "127.0.0.1" not in row.address
    assert len(row.address) == 64
    form.send(description="三天以后")
    assert ReportAttempt.objects.count() == 1


def test_a_forwarded_address_counts_only_behind_our_proxy(rf, settings):
    from tickets.floods import address_of

    plain = rf.get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="1.2.3.4")
    settings.BEHIND_PROXY = False
    direct = address_of(plain)
    assert direct == address_of(rf.get("/", REMOTE_ADDR="10.0.0.1"))
    settings.BEHIND_PROXY = True
    forged = rf.get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="9.9.9.9, 1.2.3.4")
    assert address_of(plain) == address_of(forged) != direct


# --- promises ------------------------------------------------------------------------------------
SHANGHAI_10 = datetime(2026, 11, 23, 2, tzinfo=UTC)


@pytest.mark.parametrize(("start", "due"), [
    (SHANGHAI_10, SHANGHAI_10 + timedelta(minutes=30)),
    (SHANGHAI_10.replace(hour=15), datetime(2026, 11, 24, 1, 0, tzinfo=UTC)),  # 23:00 → tomorrow 09:00
    (SHANGHAI_10.replace(hour=11, minute=45), datetime(2026, 11, 24, 0, 45, tzinfo=UTC)),  # 19:45 → 08:45
    (datetime(2026, 11, 22, 19, tzinfo=UTC), datetime(2026, 11, 23, 1, 0, tzinfo=UTC)),  # 03:00 → 09:00
])  # fmt: skip
def test_the_promise_of_an_answer_rests_at_night(cast, start, due):
    ticket = register(cast, now=start)
    assert promises.response_promise(ticket.clocks.all()) == due


def test_a_night_receipt_says_the_morning_and_an_urgent_one_does_not(form):
    form.cast.category.urgency = "urgent"
    form.cast.category.save()
    with time_machine.travel(datetime(2026, 11, 23, 15, tzinfo=UTC), tick=False):
        urgent = form.client.get(form.send()["Location"]).content.decode()
        plain = form.client.get(form.send(description="门把手松了")["Location"]).content.decode()
    assert "最晚今天 23:10 有人接手" in urgent
    assert "最晚明天 09:00 有人接手" in plain


@pytest.mark.parametrize(("words", "kind", "urgency"), [
    ("三个人被困在电梯里", "repair", "critical"),
    ("厨房水管爆了，总阀拧不动", "repair", "urgent"),
    ("水龙头滴水", "repair", "normal"),
    ("电梯关门太快，怕被困", "suggestion", "normal"),
    ("电梯里被困了，对讲没人应", "complaint", "critical"),
    ("闻到煤气味找谁", "consultation", "critical"),
    ("水龙头滴水，上次没修好", "complaint", "normal"),
])  # fmt: skip
def test_an_owners_own_words_say_how_urgent_it_is(form, words, kind, urgency):
    form.send(description=words, kind=kind)
    assert Ticket.objects.get().urgency == urgency


def test_words_decide_a_category_only_when_they_decide_one(cast):
    assert web_reports.suggest_category(cast.project, Kind.REPAIR, "楼上漏水") == cast.category
    assert web_reports.suggest_category(cast.project, Kind.REPAIR, "门坏了") is None

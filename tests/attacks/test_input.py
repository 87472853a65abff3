"""Hostile input: whatever is typed, pasted or forged, nobody sees an error page, and what was typed is kept."""

from __future__ import annotations

import base64
import json

import pytest
from django.urls import reverse

from tests.factories import register, walk
from tickets.models import Ticket
from tickets.statuses import Status

pytestmark = pytest.mark.django_db

EVIL = (
    "\x00", "a\x00b", "²", "٣", "１２", "9" * 30, "-1", "%", "_", "\\", "'\"><script>alert(1)</script>", "x" * 500,
    "😀\u202e", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "u" + "9" * 12, "b²", "u1-o" + "9" * 12,
    "1" * 40, "13\x00", "a b c d e f g", "=1+1", "+8613800000000",
)  # fmt: skip
ASKED = {
    "tickets": (
        "status", "step", "kind", "urgency", "project", "department", "category", "handler", "receiver", "mine",
        "overdue", "due", "promised", "returned", "dissatisfied", "call", "from", "to", "q", "ordering", "cursor",
        "special",
    ),
    "ticket-new": ("who", "q", "kind", "description", "place"),
    "lookup": ("q",),
    "lookup-card": ("who", "kind", "category", "link"),
    "lookup-categories": ("q", "kind"),
    "lookup-suggest": ("description", "kind", "category", "urgency", "level", "appointment_at"),
    "lookup-employees": ("q",),
    "lookup-handlers": ("q", "who", "project", "department"),
    "owners": ("q",),
    "owner-new": ("unit",),
    "unit-options": ("q",),
    "inbox": ("show", "kind", "before"),
    "report": ("project",),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_no_parameter_of_a_page_breaks_it(cast, as_, name):
    register(cast)
    desk = as_("frontdesk")
    for place, value in enumerate(EVIL):
        # All at once, and one after the other alone: what one refuses must not shield the rest.
        alone = ASKED[name][place % len(ASKED[name])]
        for asked in (dict.fromkeys(ASKED[name], value), {alone: value}):
            answer = desk.get(reverse(name), asked)
            assert answer.status_code in (200, 302, 400, 404), asked
            assert b"<script>alert(1)" not in answer.content, asked


@pytest.mark.parametrize("path", ["", "live/", "handlers/", "units/", "reveal/", "share/", "history/", "amend/"])
def test_no_number_in_an_address_breaks_a_page(cast, as_, path):
    desk = as_("supervisor")
    for number in ("%00", "a%00b", "BX%00", "x" * 300, "%F0%9F%98%80", "%C2%B2", "%ff"):
        assert desk.get(f"/tickets/{number}/{path}").status_code in (404, 286, 405), number
        assert desk.post(f"/tickets/{number}/{path}").status_code in (404, 405), number


def test_no_token_or_poster_code_breaks_the_owners_pages(client, db):
    for text in ("%00", "1-1-%00", "²-1-abc", "9" * 40 + "-1-abc", "1-" + "9" * 40 + "-abc", "1-1-" + "é", "x" * 400):
        assert client.get(f"/track/{text}/").status_code == 404, text
        assert client.get(f"/report/{text}/").status_code in (200, 302, 404), text


@pytest.mark.parametrize(
    "forged",
    ["[" * 2900, '["-created_at","0001-01-01T00:00:00+14:00",1]', '["-created_at","9999-12-31T23:59:59-14:00",1]',
     '["-created_at","2026-11-01T00:00:00+08:00",true]', '["-created_at",null,1]', '{"a":1}', "5",
     '["-created_at","2026-11-01T00:00:00+23:59",4611686018427387903]'],
)  # fmt: skip
def test_a_forged_cursor_is_told_and_breaks_nothing(cast, as_, forged):
    register(cast)
    cursor = base64.urlsafe_b64encode(forged.encode()).decode().rstrip("=")
    assert as_("frontdesk").get("/tickets/", {"cursor": cursor}).status_code == 200
    assert as_("frontdesk").get("/api/v1/tickets/", {"cursor": cursor}).status_code in (200, 400)


MOVES = {
    Status.REGISTERED: ("dispatch", "amend", "cancel", "supplement", "link", "unlink", "talk"),
    Status.IN_PROGRESS: ("follow_up", "hold", "complete", "return", "transfer", "arrive", "hand_over"),
    Status.FED_BACK: ("reopen",),
    Status.AWAITING_SUMMARY: ("summarise",),
}  # fmt: skip
FIELDS = (
    "note", "reason", "result", "content", "comment", "department", "handler", "resume_at", "promised_at", "version",
    "grade", "channel", "liability", "cause", "improvement", "number", "to", "unit", "category", "urgency", "kind",
    "place", "contact_name", "contact_phone", "contact_email", "owner_phone", "description", "appointment_at",
)  # fmt: skip


@pytest.mark.parametrize("status", MOVES)
def test_no_value_in_a_move_breaks_it_and_nothing_moves(cast, as_, status):
    ticket = walk(cast, status)
    people = {name: as_(name) for name in ("handler", "supervisor", "frontdesk")}
    for value in (
        "\x00",
        "a\x00",
        "x" * 5001,
        "9" * 30,
        "-1",
        "²",
        "0001-01-01T00:00",
        "9999-12-31T23:59",
        "😀" * 5001,
    ):
        for verb in MOVES[status]:
            for name, person in people.items():
                answer = person.post(f"/tickets/{ticket.number}/{verb}/", dict.fromkeys(FIELDS, value))
                assert answer.status_code in (302, 400, 403, 404, 409), (verb, name, value[:10])
    ticket.refresh_from_db()
    assert ticket.status == status


def test_a_reason_with_a_null_byte_still_reveals_and_is_written_down(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    for path in (f"/tickets/{ticket.number}/reveal/", f"/owners/{cast.owner.pk}/reveal/"):
        answer = as_("frontdesk").post(path, {"reason": "核对\x00电话"})
        assert answer.status_code in (200, 400), path


def test_a_view_with_a_wicked_name_or_filter_is_kept_or_refused(cast, as_):
    for name in ("\x00", "x" * 21, "'\"><script>alert(1)</script>", "\u202e"):
        answer = as_("frontdesk").post(
            "/tickets/views/", {"name": name, "query": "q=%00&status=%00\r\nX: y"}, follow=True
        )
        assert answer.status_code == 200 and b"<script>alert(1)" not in answer.content


def test_what_comes_back_after_several_at_once_stays_on_this_site(cast, as_):
    ticket = register(cast)
    for back in ("//evil.example", "\r\nLocation: http://evil.example", "x" * 5000, "é#//evil"):
        answer = as_("frontdesk").post("/tickets/bulk/dispatch/", {"ids": [], "back": back})
        assert answer["Location"].startswith("/tickets/?")
    answer = as_("frontdesk").post("/tickets/bulk/dispatch/", {"ids": ["²", "\x00", "9" * 30, str(ticket.pk)]})
    assert answer.status_code == 200


def test_signing_in_leads_nowhere_else(cast, client):
    cast.frontdesk.user.set_password("walks-through-doors-7")
    cast.frontdesk.user.save()
    for following in ("//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "\x00"):
        client.logout()
        answer = client.post(
            f"/login/?next={following}", {"login": "frontdesk", "password": "walks-through-doors-7", "next": following}
        )
        assert answer.status_code == 302 and "evil" not in answer["Location"] and "javascript" not in answer["Location"]
    answer = client.post("/i18n/setlang/", {"language": "en", "next": "//evil.example"})
    assert "evil" not in answer["Location"]


SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def test_markup_in_every_field_is_only_text_on_every_page(cast, as_, client):
    ticket = register(
        cast, owner=None, contact_name=SCRIPT[:60], contact_phone="13800001111", description=SCRIPT, place=SCRIPT[:80],
        unit=None,
    )  # fmt: skip
    as_("frontdesk").post(f"/tickets/{ticket.number}/supplement/", {"note": SCRIPT})
    as_("frontdesk").post(f"/tickets/{ticket.number}/dispatch/", {"department": cast.works.pk, "note": SCRIPT})
    ticket.refresh_from_db()
    assert ticket.status == Status.DISPATCHED
    from tickets import links

    pages = [
        as_(name).get(path)
        for name in ("frontdesk", "supervisor", "handler")
        for path in (f"/tickets/{ticket.number}/", f"/tickets/{ticket.number}/print/", "/tickets/", "/", "/inbox/")
    ]
    pages += [client.get(links.path(ticket)), as_("frontdesk").get(f"/tickets/{ticket.number}/receipt/")]
    pages += [as_("frontdesk").post(f"/tickets/{ticket.number}/reveal/", {"reason": SCRIPT})]
    for page in pages:
        text = page.content.decode()
        assert page.status_code == 200
        assert "<script>alert" not in text and "<img src=x" not in text


def test_cells_of_an_export_are_never_formulas(cast, as_, tmp_path):
    import io

    import openpyxl

    for lead in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "=cmd|' /C calc'!A0"):
        register(
            cast,
            owner=None,
            contact_name=lead,
            contact_phone="13800001111",
            description=lead + "文字",
            place=lead,
            unit=None,
        )
    answer = as_("frontdesk").post("/tickets/export/")
    book = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content)))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert cells
    for cell in cells:
        assert cell.data_type != "f", cell.value
        assert not str(cell.value).lstrip("\t\r\n ").startswith(("=", "+", "@")), cell.value


def test_the_web_form_survives_every_value_and_keeps_the_words(cast, client, settings):
    settings.REPORT_LIMITS = dict.fromkeys(settings.REPORT_LIMITS, 10_000)
    page = client.get("/report/")
    names = list(page.context["form"].fields)
    for value in ("\x00", "x" * 5001, "9" * 40, "²", "😀", "＝１", "\u202e", "a\r\nBcc: x@example.com"):
        for name in names:
            data = {
                "kind": "repair",
                "description": "说明文字不会丢",
                "phone": "13800001111",
                "project": cast.project.code,
            }
            answer = client.post("/report/", data | {name: value})
            assert answer.status_code in (200, 302, 400, 409, 429), (name, value[:10])
            if answer.status_code == 400 and name != "description":
                assert "说明文字不会丢" in answer.content.decode(), (name, value[:10])
    assert not Ticket.objects.filter(contact_email__contains="\n").exists()


def test_the_counter_survives_every_value_and_keeps_the_words(cast, as_):
    desk = as_("frontdesk")
    names = list(desk.get("/tickets/new/").context["form"].fields)
    for place, name in enumerate(names):
        for value in ("\x00", ("x" * 5001, "²", "u" + "9" * 12, "0001-01-01T00:00")[place % 4]):
            data = {"kind": "repair", "description": "说明文字不会丢", "who": f"u{cast.unit.pk}", "press": "register"}
            answer = desk.post("/tickets/new/", data | {name: value})
            assert answer.status_code in (200, 302, 400, 409), (name, value[:10])
            if answer.status_code == 400 and name != "description":
                assert "说明文字不会丢" in answer.content.decode(), (name, value[:10])


def test_the_api_answers_every_wrong_type_with_four_hundred(cast, as_):
    ticket = walk(cast, Status.FED_BACK)
    desk = as_("frontdesk")
    for value in (None, [], {}, True, 1e308, -1, 10**30, "\x00", "x" * 5001, "²", [["a"]], "0001-01-01T00:00:00+14:00"):
        for path in ("rating", "amend", "reopen", "summary", "feedback", "dispatch", "follow-ups", "transfer", "hold"):
            body = dict.fromkeys(("grade", "channel", "reason", "unit", "category", "version", "note"), value)
            answer = desk.post(f"/api/v1/tickets/{ticket.number}/{path}/", json.dumps(body), "application/json")
            assert answer.status_code in (400, 403, 409), (path, value)
    ticket.refresh_from_db()
    assert ticket.status == Status.FED_BACK

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from tests.factories import OccupancyFactory, OwnerFactory, UnitFactory
from tickets.api.idempotency import KEPT
from tickets.models import Attachment, Submission, Ticket

pytestmark = pytest.mark.django_db


def leak(**more):
    """A contact without a record, in a public area."""
    body = {"project": "BJ", "kind": "repair", "contact_name": "李四", "contact_phone": "139 0000 1111"}
    return body | {"description": "地库漏水"} | more


def keyed(client, key: str, body: dict):
    return client.tell("tickets/", body, headers={"Idempotency-Key": key})


def test_a_contact_is_enough(api):
    answer = api("frontdesk").tell("tickets/", leak())
    assert answer.status_code == 201
    body = answer.json()
    assert body["contact"] == {"name": "李**", "phone": "139****1111"}
    assert (body["source"], body["urgency"], body["unit"], body["handler"]) == ("counter", "normal", None, None)
    assert Ticket.objects.get().contact_phone == "13900001111"


def test_an_owner_brings_name_and_phone(cast, api):
    when = (timezone.now() + timedelta(days=1)).replace(microsecond=0)
    body = {
        "project": "BJ", "kind": "repair", "owner": cast.owner.pk, "unit": cast.unit.pk, "category": cast.category.pk,
        "urgency": "urgent", "source": "phone", "description": "爆管", "appointment_at": when.isoformat(),
    }  # fmt: skip
    answer = api("frontdesk").tell("tickets/", body)
    assert answer.status_code == 201, answer.json()
    ticket = Ticket.objects.get()
    assert (ticket.owner, ticket.contact_phone, ticket.urgency, ticket.source) == (
        cast.owner, "13812345678", "urgent", "phone"
    )  # fmt: skip
    assert ticket.appointment_at == when
    assert answer.json()["appointment_at"].endswith("+08:00")


def test_the_same_call_again_finds_the_same_request(api):
    desk = api("frontdesk")
    first, second = keyed(desk, "k1", leak()), keyed(desk, "k1", leak())
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["number"] == second.json()["number"]
    assert Ticket.objects.count() == 1


def test_a_call_repeated_later_tells_the_request_as_it_is_then(cast, api):
    desk = api("frontdesk")
    number = keyed(desk, "k1", leak()).json()["number"]
    api("supervisor").tell(f"tickets/{number}/dispatch/", {"department": "GC"})
    assert keyed(desk, "k1", leak()).json()["status"] == "dispatched"


def test_the_same_key_with_another_body_is_refused(api):
    desk = api("frontdesk")
    keyed(desk, "k1", leak())
    answer = keyed(desk, "k1", leak(description="别的事"))
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_mismatch")
    assert Ticket.objects.count() == 1


def test_keys_belong_to_their_user(api):
    assert keyed(api("frontdesk"), "k1", leak()).status_code == 201
    assert keyed(api("frontdesk2"), "k1", leak(description="别的事")).status_code == 201


def test_a_key_may_be_used_again_after_a_day(api):
    desk = api("frontdesk")
    keyed(desk, "k1", leak())
    Submission.objects.update(at=timezone.now() - KEPT - timedelta(minutes=1))
    assert keyed(desk, "k1", leak(description="别的事")).status_code == 201
    assert Ticket.objects.count() == 2


def test_without_a_key_two_calls_are_two_requests(api):
    desk = api("frontdesk")
    assert [desk.tell("tickets/", leak()).status_code for _again in range(2)] == [201, 201]


def test_a_refused_call_does_not_use_up_its_key(api):
    desk = api("frontdesk")
    assert keyed(desk, "k1", leak(contact_phone="12")).status_code == 400
    assert keyed(desk, "k1", leak()).status_code == 201


def test_a_key_that_cannot_be_one_is_bad_input(api):
    desk = api("frontdesk")
    for key in ("", " ", "a b", "长", "x" * 81, "a\tb"):
        answer = desk.post("/api/v1/tickets/", leak(), format="json", HTTP_IDEMPOTENCY_KEY=key)
        assert (answer.status_code, list(answer.json()["fields"])) == (400, ["Idempotency-Key"]), key


WRONG = (
    ({"project": "XX"}, "project"),
    ({"project": "HP"}, "project"),
    ({"project": None}, "project"),
    ({"kind": "party"}, "kind"),
    ({"description": "  "}, "description"),
    ({"description": "x" * 5001}, "description"),
    ({"description": ["a"]}, "description"),
    ({"description": "a\x00b"}, "description"),
    ({"contact_phone": "12"}, "contact_phone"),
    ({"contact_name": "", "contact_phone": ""}, "contact_phone"),
    ({"contact_name": "x" * 61}, "contact_name"),
    ({"unit": 10**30}, "unit"),
    ({"unit": 0}, "unit"),
    ({"unit": True}, "unit"),
    ({"unit": "1' or 1=1"}, "unit"),
    ({"owner": 987654321}, "owner"),
    ({"category": 987654321}, "category"),
    ({"urgency": "yesterday"}, "urgency"),
    ({"source": "carrier pigeon"}, "source"),
    ({"appointment_at": "soon"}, "appointment_at"),
    ({"appointment_at": "2020-01-01T00:00:00Z"}, "appointment_at"),
    ({"appointment_at": "9999-12-31T23:59:59Z"}, "appointment_at"),
    ({"appointment_at": "0001-01-01T00:00:00+14:00"}, "appointment_at"),
    ({"status": "closed"}, "status"),
    ({"first_receiver": "manager"}, "first_receiver"),
)


def test_bad_input_is_told_by_field_and_in_chinese(api):
    desk = api("frontdesk")
    for change, field in WRONG:
        answer = desk.tell("tickets/", leak() | change)
        assert answer.status_code == 400, change
        body = answer.json()
        assert (body["code"], list(body["fields"])) == ("invalid", [field])
        assert body["detail"] in body["fields"][field]
        assert any("\u4e00" <= character <= "\u9fff" for character in body["detail"]), body
    assert not Ticket.objects.exists()


def test_all_that_is_wrong_is_told_at_once(api):
    answer = api("frontdesk").tell("tickets/", {"kind": "party", "unit": -1, "colour": "red"})
    assert set(answer.json()["fields"]) == {"project", "kind", "description", "unit", "colour"}


def test_units_and_owners_of_other_projects_do_not_exist_here(cast, api):
    unit = UnitFactory(building__project=cast.other_project)
    owner = OwnerFactory()
    OccupancyFactory(unit=unit, owner=owner)
    assert list(api("frontdesk").tell("tickets/", leak(unit=unit.pk)).json()["fields"]) == ["unit"]
    assert list(api("frontdesk").tell("tickets/", leak(owner=owner.pk)).json()["fields"]) == ["owner"]


@pytest.mark.parametrize("who", ["handler", "quality", "contractor"])
def test_who_may_not_register_is_told_so(api, who):
    answer = api(who).tell("tickets/", leak())
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def picture(name: str = "a.png") -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "PNG")
    return SimpleUploadedFile(name, out.getvalue(), "image/png")


def test_pictures_come_as_multipart(api, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    body = leak() | {"pictures": [picture(), picture("b.png")]}
    answer = api("frontdesk").tell("tickets/", body, format="multipart")
    assert answer.status_code == 201, answer.json()
    assert Attachment.objects.count() == 2


def test_a_file_that_is_no_picture_is_refused_and_nothing_is_registered(api):
    body = leak() | {"pictures": [SimpleUploadedFile("a.png", b"<script>", "image/png")]}
    answer = api("frontdesk").tell("tickets/", body, format="multipart")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["pictures"])
    assert not Ticket.objects.exists()


def test_a_file_by_another_name_and_pictures_in_json_are_refused(api):
    answer = api("frontdesk").tell("tickets/", leak() | {"photo": picture()}, format="multipart")
    assert list(answer.json()["fields"]) == ["photo"]
    assert list(api("frontdesk").tell("tickets/", leak(pictures=["a"])).json()["fields"]) == ["pictures"]

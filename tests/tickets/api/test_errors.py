"""Whatever comes in, the answer has one form and is never our fault."""

from __future__ import annotations

import pytest

from tests.factories import register

pytestmark = pytest.mark.django_db

PATH = "/api/v1/tickets/"


def is_error(answer, status: int) -> dict:
    assert answer.status_code == status, answer.content[:300]
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert {"code", "detail"} <= body.keys() <= {"code", "detail", "fields", "changes"}
    assert isinstance(body["code"], str)
    assert body["detail"]
    return body


BROKEN = (
        b"{", b"\xff\xfe", b"nul", b"NaN", b'{"a": Infinity}', b" ", b'{"project": "\\ud800"}', b'{"\\udfff": 1}',
        b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5000, b'"' + b"x" * 1_100_000 + b'"', b"\x00",
)  # fmt: skip


def test_what_is_no_json_is_bad_input(api):
    client = api("frontdesk")
    for raw in BROKEN:
        assert is_error(client.post(PATH, raw, content_type="application/json"), 400)["code"] == "parse_error", raw[:20]


def test_json_of_another_shape_is_bad_input(api):
    client = api("frontdesk")
    for raw in (b"[]", b"null", b"1", b'"x"', b"true", b"[[[[]]]]", b"", b"{}", b'{"\\u0000": 1}'):
        assert is_error(client.post(PATH, raw, content_type="application/json"), 400)["code"] == "invalid", raw


def test_another_content_type_is_refused(api):
    client = api("frontdesk")
    for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "x"):
        assert is_error(client.post(PATH, b"a=1", content_type=kind), 415)["code"] == "unsupported_media_type"


def test_a_charset_of_the_callers_own_changes_nothing(cast, api):
    client = api("frontdesk")
    for charset in ("utf-7", "idna", "nonsense", "utf-16"):
        kind = f"application/json; charset={charset}"
        is_error(client.post(f"{PATH}?q=a", b"{}", content_type=kind), 400)
        assert client.get(f"{PATH}?q=%E6%BC%8F", CONTENT_TYPE=kind).status_code == 200


def test_a_broken_multipart_body_is_bad_input(api):
    for body in (b"", b"--x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n', b"\x00" * 100):
        is_error(api("frontdesk").post(PATH, body, content_type="multipart/form-data; boundary=x"), 400)
    is_error(api("frontdesk").post(PATH, b"a", content_type="multipart/form-data"), 400)


def test_too_many_parts_are_bad_input(api):
    body = {f"field{index}": "x" for index in range(1200)}
    is_error(api("frontdesk").post(PATH, body, format="multipart"), 400)


def test_an_address_that_is_none_is_told_in_the_same_form(api):
    client = api("frontdesk")
    for path in ("", "nothing/", "tickets", "tickets/a/b/c/", "visits/", "%00", "tickets/中/visits/"):
        assert is_error(client.get(f"/api/v1/{path}"), 404)["code"] == "not_found"
        assert is_error(client.post(f"/api/v1/{path}", {}, format="json"), 404)["code"] == "not_found"


def test_what_is_not_built_yet_is_not_there(cast, api):
    ticket = register(cast)
    is_error(api("frontdesk").tell(f"tickets/{ticket.number}/visits/"), 404)


def test_other_methods_are_refused(api):
    client = api("frontdesk")
    for method in ("put", "patch", "delete", "options", "trace"):
        assert is_error(getattr(client, method)(PATH), 405)["code"] == "method_not_allowed"


def test_a_parameter_that_is_none_is_refused_everywhere(cast, api):
    ticket = register(cast)
    for path in ("projects/", "auth/me/", "categories/", f"tickets/{ticket.number}/"):
        assert list(is_error(api("frontdesk").look(path, colour="red"), 400)["fields"]) == ["colour"]
    is_error(api("frontdesk").post(f"{PATH}?dry_run=1", {}, format="json"), 400)


def test_an_accepted_type_that_we_do_not_write_is_refused(api):
    is_error(api("frontdesk").get(PATH, HTTP_ACCEPT="text/html"), 406)

"""Anything the schema allows, and much that it does not: never a fault of ours, always one form of error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import walk
from tickets.api.views.moves import MOVES
from tickets.statuses import Channel, HoldReason, Kind, Liability, Source, Status, Urgency

pytestmark = pytest.mark.django_db

SOME = settings(
    max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)  # fmt: skip

# Words people type, words that break things, and numbers no column holds.
odd_text = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.sampled_from(["", " ", "\x00", "%", "'; --", "\u202e", "😀", "x" * 6000, "２０２６", "null", "-1", "1e9"]),
)
moments = st.sampled_from(
    ["2099-01-01T00:00:00Z", "2027-02-30", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00", "12:00", "now", ""]
)
numbers = st.one_of(st.integers(), st.sampled_from([0, -1, 2**31, 2**63, 10**40, 1.5, 1e308, True]))
codes = st.sampled_from(
    ["BJ", "HP", "GC", "KF", "handler", "frontdesk", *Kind, *Channel, *HoldReason, *Liability, *Source, *Urgency]
).map(str)
scalars = st.one_of(st.none(), st.booleans(), numbers, odd_text, moments, codes)
values = st.one_of(scalars, st.lists(scalars, max_size=3), st.dictionaries(odd_text, scalars, max_size=3))


def bodies(fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies made of the fields there are, now and then with one there is not."""
    return st.dictionaries(st.one_of(st.sampled_from([*fields, "version"]), odd_text), values, max_size=len(fields) + 2)


def is_well_answered(answer: Any) -> None:
    assert answer.status_code < 500
    body = json.loads(answer.content)
    if answer.status_code >= 400:
        assert {"code", "detail"} <= body.keys() <= {"code", "detail", "fields", "changes"}, body
        assert all(isinstance(words, list) and words for words in body.get("fields", {}).values()), body


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.path)
def test_any_body_of_any_move_is_answered(cast, api, move):
    # As who could do the most, where the move could be legal.
    who = "handler" if move.path in {"accept", "arrive", "return", "hold", "resume", "complete"} else "supervisor"
    status = {"dispatch": "registered", "accept": "dispatched", "resume": "on_hold", "feedback": "completed"}
    ticket = walk(cast, status.get(move.path, Status.IN_PROGRESS))
    client = api(who)

    @SOME
    @given(body=st.one_of(bodies(list(move.body().fields)), values))
    def answered(body: Any) -> None:
        is_well_answered(client.tell(f"tickets/{ticket.number}/{move.path}/", body))

    answered()


def test_any_registration_is_answered(cast, api):
    client = api("frontdesk")
    good = st.fixed_dictionaries({"project": st.just("BJ"), "kind": st.sampled_from(list(Kind)).map(str)})
    fields = ["owner", "contact_name", "contact_phone", "category", "urgency", "unit", "description", "source"]
    rest = st.dictionaries(st.sampled_from([*fields, "appointment_at"]), values)

    @SOME
    @given(body=st.tuples(good, rest).map(lambda two: two[0] | two[1]), key=st.text(max_size=20))
    def answered(body: Any, key: str) -> None:
        header = key.encode().decode("latin-1").replace("\r", "").replace("\n", "")
        is_well_answered(client.post("/api/v1/tickets/", body, format="json", HTTP_IDEMPOTENCY_KEY=header))

    answered()


@pytest.mark.parametrize("path", ["tickets/", "employees/", "units/", "owners/", "categories/", "projects/"])
def test_any_question_is_answered(cast, api, path):
    client = api("director")
    names = ["step", "status", "kind", "project", "department", "handler", "overdue", "q", "ordering", "cursor"]
    known = st.sampled_from([*Status, *Kind, "BJ", "me", "none", "1", "due_at", "WyJhIiwxLDJd"]).map(str)

    @SOME
    @given(asked=st.dictionaries(st.sampled_from([*names, "format", "lang"]), st.one_of(odd_text, known), max_size=4))
    def answered(asked: dict[str, str]) -> None:
        is_well_answered(client.look(path, **asked))

    answered()


def test_any_number_is_answered(cast, api):
    client = api("director")

    @SOME
    @given(number=odd_text.filter(lambda text: text not in ("", ".", "..") and "/" not in text))
    def answered(number: str) -> None:
        from urllib.parse import quote

        is_well_answered(client.get(f"/api/v1/tickets/{quote(number)}/"))

    answered()


def test_any_bytes_are_answered(cast, api):
    client = api("frontdesk")

    kinds = ["application/json", "multipart/form-data; boundary=x", "application/octet-stream"]

    @SOME
    @given(raw=st.binary(max_size=200), kind=st.sampled_from(kinds))
    def answered(raw: bytes, kind: str) -> None:
        is_well_answered(client.post("/api/v1/tickets/", raw, content_type=kind))

    answered()

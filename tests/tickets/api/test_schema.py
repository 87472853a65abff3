"""What the API says of itself is true and whole."""

from __future__ import annotations

import io

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver

from tests.tickets.api.conftest import Caller
from tickets.statuses import Status


@pytest.fixture(scope="module")
def schema() -> dict:
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    return yaml.safe_load(out.getvalue())


PATHS = {
    "auth/token/", "auth/me/", "projects/", "departments/", "employees/", "categories/", "units/", "owners/",
    "tickets/", "tickets/{number}/",
    *(
        f"tickets/{{number}}/{move}/"
        for move in (
            "dispatch", "accept", "arrive", "return", "transfer", "follow-ups", "hold", "resume", "complete",
            "feedback", "rating", "summary", "answer-on-spot", "reopen", "cancel", "conclude", "amend", "urge",
            "answer-urge", "oversee", "acknowledge", "refer", "reply-authority",
        )
    ),
}  # fmt: skip


def test_the_schema_describes_what_is_built_and_nothing_else(schema):
    assert set(schema["paths"]) == {f"/api/v1/{path}" for path in PATHS}


def test_every_address_of_the_api_is_described(schema):
    root = next(one for one in get_resolver().url_patterns if str(one.pattern) == "api/v1/")
    found = set()
    for pattern in root.url_patterns:
        nested = getattr(pattern, "url_patterns", [pattern])
        found |= {str(one.pattern).replace("<str:number>", "{number}") for one in nested if one.name != "api-nowhere"}
    assert found == PATHS


def operations(schema: dict):
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_every_refusal_has_the_error_form(schema):
    for name, operation in operations(schema):
        refusals = {status for status in operation["responses"] if status >= "400"}
        assert {"400", "401"} <= refusals, name
        for status in refusals:
            content = operation["responses"][status]["content"]["application/json"]["schema"]
            assert content == {"$ref": "#/components/schemas/ErrorBody"}, (name, status)


def test_every_operation_says_in_chinese_what_it_does(schema):
    for name, operation in operations(schema):
        assert any("\u4e00" <= character <= "\u9fff" for character in operation["summary"]), name
        assert not operation.get("description"), "docstrings are for those who read the code"


def test_the_statuses_are_listed(schema):
    assert schema["components"]["schemas"]["StatusEnum"]["enum"] == list(Status.values)


@pytest.mark.django_db
def test_what_comes_out_is_what_the_schema_says(schema, cast, api):
    from tests.factories import walk

    told = api("frontdesk").look(f"tickets/{walk(cast, Status.CLOSED).number}/").json()
    described = schema["components"]["schemas"]["TicketBody"]
    assert told.keys() == described["properties"].keys()
    assert set(described["required"]) == told.keys() - {"track_url"}
    for name in ("Event", "Leg", "Clock", "Rating"):
        part = schema["components"]["schemas"][f"{name}Body"]["properties"]
        assert told[f"{name.lower()}s"][0].keys() == part.keys(), name


@pytest.mark.django_db
def test_the_schema_and_its_page_are_served_under_the_sites_own_policy():
    answer = Client().get("/api/schema/")
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (200, "application/vnd.oai.openapi")
    page = Client().get("/api/docs/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "<style" not in text
    assert "://" not in text.replace("http://testserver", ""), "nothing comes from another host"
    policy = page.headers["Content-Security-Policy"]
    # The parts of a policy come in any order.
    assert "script-src 'self'" in [part.strip() for part in policy.split(";")]
    assert "unsafe" not in policy
    script = Client().get("/api/docs/?script=")
    assert script.headers["Content-Type"].startswith("application/javascript")


@pytest.mark.django_db
def test_the_language_of_the_schema_may_be_anything():
    for language in ("en", "zh-hans", "xx", "%00", "../../etc"):
        assert Caller().get(f"/api/schema/?lang={language}").status_code in (200, 400)

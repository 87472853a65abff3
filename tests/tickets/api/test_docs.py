"""The commands in docs/api.md, run one after another."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from rest_framework.authtoken.models import Token

from tests.factories import PASSWORD
from tests.tickets.api.conftest import Caller
from tests.tickets.api.test_register import picture
from tickets.api.views.moves import MOVES
from tickets.models import Ticket
from tickets.statuses import Channel, HoldReason, Liability

TEXT = (Path(settings.BASE_DIR) / "docs" / "api.md").read_text()


def commands() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", TEXT, re.S)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def run(command: str, values: dict[str, str]):
    for name, value in values.items():
        command = command.replace(f"${name}", value)
    words = shlex.split(command)[1:]
    method, url, headers, body, parts = "get", "", {}, None, {}
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0).lower()
        elif word == "-H":
            name, value = words.pop(0).split(": ", 1)
            headers[name] = value
        elif word == "-d":
            body = words.pop(0)
        elif word == "-F":
            name, value = words.pop(0).split("=", 1)
            parts[name] = picture() if value.startswith("@") else value
        else:
            url = word
    kind = headers.pop("Content-Type", None)
    client = Caller()
    if parts:
        return client.post(url, parts, format="multipart", headers=headers)
    if method == "post":
        return client.post(url, body or "", content_type=kind or "application/json", headers=headers)
    return client.get(url, headers=headers)


@pytest.mark.django_db
def test_every_command_of_the_guide_works(cast, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    cache.clear()
    cast.project.code = "SM001"
    cast.project.save()
    cast.frontdesk.user.set_password(PASSWORD)
    cast.frontdesk.user.save()
    values = {"BASE": "/api/v1", "HANDLER": Token.objects.create(user=cast.handler.user).key}
    for command in commands():
        answer = run(command.replace('"…"', json.dumps(PASSWORD)), values)
        assert answer.status_code in (200, 201), (command, answer.content.decode())
        body = answer.json()
        values |= {"TOKEN": body["token"]} if "token" in body else {}
        values |= {"NUMBER": body["number"]} if "number" in body else {}
    assert Ticket.objects.get().status == "fed_back"


def test_the_guide_names_every_move_and_its_fields():
    table = TEXT.split("## Moves")[1].split("```bash")[0]
    for move in MOVES:
        row = next(line for line in table.splitlines() if line.startswith("|") and f"`{move.path}`" in line)
        for name in move.body().fields:
            assert name == "version" or name in row, (move.path, name)
        assert ("*" in row) == move.pictures, move.path


@pytest.mark.parametrize("choices", [Channel, HoldReason, Liability])
def test_the_guide_lists_the_choices(choices):
    assert " ".join(choices.values) in TEXT

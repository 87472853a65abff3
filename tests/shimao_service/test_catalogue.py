"""English is whole: every word of the screen has its translation, with the same blanks to fill in.

Chinese on purpose: what people wrote (names, requests, categories, the regulation), the demo company,
the columns of import files, letters to owners, and messages on the terminal.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.apps import apps
from django.conf import settings
from django.db.models import CharField, TextField
from django.test import Client
from django.utils.html import conditional_escape
from django.utils.translation.template import templatize

from shimao_service.privacy import mask_name
from staff.models import Role
from tests.factories import walk
from tickets import links
from tickets.statuses import Status

ROOT = Path(settings.BASE_DIR)
FOLDER = ROOT / "locale/en/LC_MESSAGES"
HAN = re.compile(r"[\u4e00-\u9fff]")
BLANK = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{\w+\}|</?[a-z][^>]*>")
# How many leading arguments are words, and whether the first is a context.
CALLS = {
    "_": (1, False), "_l": (1, False), "N_": (1, False), "gettext": (1, False), "gettext_lazy": (1, False),
    "gettext_noop": (1, False), "ngettext": (2, False), "ngettext_lazy": (2, False), "pgettext": (2, True),
    "pgettext_lazy": (2, True), "npgettext": (3, True), "npgettext_lazy": (3, True),
}  # fmt: skip
# Words of English sentences that stay as they are typed: what to write into a Chinese file.
QUOTED = re.compile(r"enter 工单 as|keyword 工单|全公司:(%\(name\)s|人事)|BJ:客服前台;HP:管家|3号楼|A座|户内·给排水|、")

Key = tuple[str | None, str]


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with (FOLDER / "django.po").open("rb") as file:
        return read_po(file)


def sources(suffix: str) -> Iterator[Path]:
    for folder in ("shimao_service", "staff", "tickets", "templates"):
        yield from (path for path in sorted((ROOT / folder).rglob(f"*{suffix}")) if "migrations" not in path.parts)


def calls(code: str) -> Iterator[Key]:
    """Context and first form of every word in Python code; ``templatize`` makes such code of templates."""
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        words, has_context = CALLS.get(name, (0, False))
        texts = [one.value for one in node.args[:words] if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if words and len(texts) == words:
            yield (texts[0], texts[1]) if has_context else (None, texts[0])


# templatize leaves the calls standing among filler letters: take the calls alone.
TEMPLATE_CALL = re.compile(r"""\b(?:n?p?gettext|_)\((?:[^()"']|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')*\)""")


def words_on_screen() -> set[Key]:
    found: set[Key] = set()
    for path in sources(".py"):
        found.update(calls(path.read_text(encoding="utf-8")))
    for path in (*sources(".html"), *sources(".txt")):
        code = templatize(path.read_text(encoding="utf-8"), origin=str(path))
        for call in TEMPLATE_CALL.findall(code):
            found.update(calls(call))
    return found


def forms(message: Message) -> list[tuple[str, str]]:
    ids, strings = (one if isinstance(one, (tuple, list)) else (one,) for one in (message.id, message.string))
    return [(ids[min(at, len(ids) - 1)], text) for at, text in enumerate(strings)]


def test_every_word_on_the_screen_is_in_the_catalogue(catalogue: Catalog) -> None:
    words = words_on_screen()
    assert len(words) > 1000
    assert sorted(text for context, text in words if catalogue.get(text, context) is None) == []


def test_every_entry_is_translated_and_none_is_a_guess(catalogue: Catalog) -> None:
    entries = [one for one in catalogue if one.id]
    assert [one.id for one in entries if one.fuzzy] == []
    assert [one.id for one in entries if not all(text.strip() for _id, text in forms(one))] == []


def test_translations_leave_the_same_blanks(catalogue: Catalog) -> None:
    odd = [
        (source, text)
        for one in catalogue
        if one.id
        for source, text in forms(one)
        if sorted(set(BLANK.findall(source))) != sorted(set(BLANK.findall(text)))
    ]
    assert odd == []


def test_no_chinese_is_left_in_english_but_what_is_typed_in_chinese(catalogue: Catalog) -> None:
    assert [text for one in catalogue if one.id for _id, text in forms(one) if HAN.search(QUOTED.sub("", text))] == []


def test_what_is_compiled_is_what_is_written(catalogue: Catalog) -> None:
    fresh = io.BytesIO()
    write_mo(fresh, catalogue)
    fresh.seek(0)
    kept = io.BytesIO((FOLDER / "django.mo").read_bytes())
    assert GNUTranslations(kept)._catalog == GNUTranslations(fresh)._catalog, "run make messages"  # type: ignore[attr-defined]


# --- pages ----------------------------------------------------------------------------------------
def data() -> set[str]:
    """Every Chinese text that people entered, as it is kept and as it is masked; roles are named by us."""
    found: set[str] = set()
    for model in apps.get_models():
        if model._meta.app_label in ("shimao_service", "staff", "tickets") and model is not Role:
            names = [f.name for f in model._meta.fields if isinstance(f, (CharField, TextField)) and not f.choices]
            for row in model._default_manager.values_list(*names) if names else ():
                found.update(value for value in row if isinstance(value, str) and HAN.search(value))
    shortened = {one.removesuffix("部") for one in found}  # a department beside an avatar
    return found | shortened | {mask_name(one) for one in found if len(one) < 8}


# The other language's own name, the character in an avatar, a family name.
NOT_WORDS = re.compile(r'<button[^>]*lang="zh-hans".*?</button>|<span class="avatar.*?</span>|Technician .', re.DOTALL)


def chinese_on(html: str) -> list[str]:
    """What is left in Chinese on a page once its data is taken away."""
    text = NOT_WORDS.sub("", html)
    for known in sorted(data(), key=len, reverse=True):
        text = text.replace(conditional_escape(known), "")
    return [one.strip() for one in re.findall(r"[^<>\n\"]*[\u4e00-\u9fff][^<>\n\"]*", text)]


def read(client: Client, address: str) -> str:
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    response = client.get(address)
    assert response.status_code == 200, address
    assert response["Content-Language"] == "en"
    return response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/login/", "/report/"])
def test_the_door_and_the_form_for_owners_speak_english(client: Client, address: str) -> None:
    assert chinese_on(read(client, address)) == []


@pytest.mark.parametrize(
    ("who", "addresses"),
    [
        ("frontdesk", ("/", "/tickets/", "/tickets/new/", "/owners/", "/me/", "/inbox/")),
        ("handler", ("/", "/tickets/")),
        ("manager", ("/", "/buildings/")),
        ("director", ("/",)),
        ("hr", ("/imports/",)),
        ("admin", ("/inbox/outbox/", "/staff/employees/", "/staff/roles/", "/staff/regulation/")),
    ],
)
def test_the_pages_of_work_speak_english(cast: SimpleNamespace, as_: Any, who: str, addresses: tuple[str, ...]) -> None:
    walk(cast, Status.REGISTERED)
    walk(cast, Status.DISPATCHED)
    walk(cast, Status.IN_PROGRESS)
    client = as_(who)
    assert {address: chinese_on(read(client, address)) for address in addresses} == {one: [] for one in addresses}


@pytest.mark.parametrize("status", [Status.REGISTERED, Status.ON_HOLD, Status.FED_BACK, Status.CLOSED])
def test_a_request_tells_its_story_in_english(cast: SimpleNamespace, as_: Any, client: Client, status: Status) -> None:
    ticket = walk(cast, status)
    assert chinese_on(read(as_("supervisor"), ticket.get_absolute_url())) == []
    assert chinese_on(read(client, links.path(ticket))) == []

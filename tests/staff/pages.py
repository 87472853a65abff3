"""What the tests of people's pages share: reading a page, filling a form in, signing in."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse


def text(response) -> str:
    return response.content.decode()


def filled(**typed) -> dict:
    return {"number": "E9001", "name": "单小红", "title": "前台", "superior": "", "phone": "", "email": "",
            "hired_on": "2026-01-05", "employer": ""} | typed  # fmt: skip


def address(name: str, cast, who: str = "handler") -> str:
    return reverse(name, args=[getattr(cast, who).pk])


def sign_in(username: str, password: str):
    client = Client()
    return client, client.post(reverse("account_login"), {"login": username, "password": password})

"""The first day of a company: one command, then everything by the pages."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from staff.models import Department, Employee, RegulationVersion, Role
from tickets.models import Category

pytestmark = pytest.mark.django_db


def run(**options) -> str:
    out = StringIO()
    call_command("setup_company", stdout=out, **options)
    return out.getvalue()


def test_an_empty_database_becomes_a_company_and_stays_so():
    said = run(admin="boss", name="周老板")
    assert Role.objects.filter(code="front_desk").exists()
    assert Category.objects.filter(name="给排水", department__code="GC").exists()
    assert RegulationVersion.objects.get().clauses.filter(is_missing=True).count() == 2
    counts = [model.objects.count() for model in (Role, Department, Category, Employee, RegulationVersion)]
    again = run(admin="boss", name="周老板")
    assert "已有系统管理员" in again
    assert [model.objects.count() for model in (Role, Department, Category, Employee, RegulationVersion)] == counts
    password = re.search(r"一次性密码 (\S+)", said)[1]
    client = Client()
    client.post(reverse("account_login"), {"login": "boss", "password": password})
    mine = "our-own-long-words-8"
    client.post(reverse("account_change_password"), {"oldpassword": password, "password1": mine, "password2": mine})
    for name in ("home", "employees", "projects", "imports", "regulation"):
        assert client.get(reverse(name)).status_code == 200, name


def test_without_somebody_to_ask_it_says_what_is_missing(monkeypatch):
    monkeypatch.setattr("builtins.input", lambda question: "")
    with pytest.raises(CommandError, match="--admin"):
        run()
    assert not Employee.objects.exists()
    assert not RegulationVersion.objects.exists()


def test_a_taken_username_is_told(cast):
    cast.admin.grants.all().delete()
    with pytest.raises(CommandError, match="已被使用"):
        run(admin="frontdesk", name="周老板")

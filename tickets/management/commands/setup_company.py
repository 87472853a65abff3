"""The first day on an empty production database: roles, the regulation, the categories, the first administrator."""

import os
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from shimao_service.actors import SYSTEM
from shimao_service.exceptions import Refusal
from staff import accounts, people, powers
from staff.models import Department, Employee, Role
from staff.regulation import ensure_regulation
from staff.roles import ensure_default_roles
from tickets.categories import DEPARTMENTS, ensure_categories


class Command(BaseCommand):
    help = (
        "Prepare an empty database for a company: default roles, departments, categories, regulation and the first "
        "administrator. Safe to repeat: what is there stays as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--admin", default=os.environ.get("SETUP_ADMIN", ""), help="username; asked for if empty")
        parser.add_argument("--name", default=os.environ.get("SETUP_ADMIN_NAME", ""), help="the person's name")
        parser.add_argument("--number", default="A0001", help="their employee number (default A0001)")
        parser.add_argument(
            "--effective-on", type=date.fromisoformat, default=None, help="when the regulation took force (today)"
        )

    def handle(self, *args: Any, effective_on: date | None, **options: Any) -> None:
        with transaction.atomic():
            ensure_default_roles()
            made = self.departments()
            ensure_categories()
            version = ensure_regulation(effective_on or timezone.localdate())
            self.stdout.write(f"角色 {Role.objects.count()} 个，新建部门 {made} 个，制度第 {version.number} 版")
            if powers.keepers():
                self.stdout.write("已有系统管理员，未新建账号。 There is an administrator already.")
                return
            employee, password = self.administrator(options)
        self.stdout.write(f"系统管理员 {employee.name}，用户名 {employee.user.username}")  # type: ignore[union-attr]
        self.stdout.write(f"一次性密码 {password} （只显示这一次，首次登录须修改）")

    def departments(self) -> int:
        """Only where there is none yet: a company that has its own keeps them."""
        if Department.objects.exists():
            return 0
        rows = [Department(code=code, name=name, is_front_desk=desk) for code, name, desk in DEPARTMENTS]
        return len(Department.objects.bulk_create(rows))

    def administrator(self, options: dict[str, Any]) -> tuple[Employee, str]:
        username = options["admin"] or self.ask("管理员用户名 / administrator's username: ")
        name = options["name"] or self.ask("姓名 / name: ")
        department = Department.objects.filter(is_active=True).order_by("-is_front_desk", "code").first()
        if department is None:
            raise CommandError("没有启用的部门。 There is no active department.")
        try:
            employee = Employee.objects.filter(number=options["number"]).select_related("user").first()
            if employee is None:
                employee = Employee(number=options["number"], name=name, department=department, title="系统管理员")
                employee.full_clean()
                people.employ(employee, superior=None, by=SYSTEM)
            role = Role.objects.get(code="administrator")
            if not employee.grants.filter(role=role).exists():
                powers.grant(employee, role=role, project=None, by=SYSTEM)
            if employee.user_id:
                password = accounts.reset_password(employee, by=SYSTEM)
            else:
                password = accounts.open_account(employee, username=username, by=SYSTEM)
        except Refusal as refusal:
            raise CommandError(str(refusal.detail)) from None
        except ValidationError as error:
            raise CommandError("；".join(error.messages)) from None
        employee.refresh_from_db()
        return employee, password

    def ask(self, question: str) -> str:
        try:
            answer = input(question).strip()
        except EOFError:
            answer = ""
        if not answer:
            raise CommandError(
                "请用 --admin 和 --name（或 SETUP_ADMIN、SETUP_ADMIN_NAME）指定。 Give --admin and --name."
            )
        return answer

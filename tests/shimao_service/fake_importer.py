"""A kind of import that needs none of the upper floors: logins by name."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any

from shimao_service.imports import columns as cells
from shimao_service.imports.columns import Column
from shimao_service.imports.importer import Advance, Importer, Plan, Row
from shimao_service.models import User


def viewer(user: User, *, may: bool = True) -> Any:
    return SimpleNamespace(user=user, may=may)


class LoginImporter(Importer):
    kind = "logins"
    label = "名单"
    description = "测试用的名单"
    sheet = "名单"
    columns = (
        Column("username", "登录名", cells.code(20), required=True, example="linjing"),
        Column("name", "姓名", cells.person_name(20), required=True, private="name", example="林静"),
        Column("email", "邮箱", cells.email, private="email"),
    )
    allowed = True

    def viewer_of(self, user: User) -> Any:
        return viewer(user, may=self.allowed)

    def may_start(self, viewer: Any) -> bool:
        return viewer.may

    def may_oversee(self, viewer: Any) -> bool:
        return False

    def identity(self, row: Row) -> str | None:
        return row.get("username")

    def plan(self, rows: list[Row], *, viewer: Any, lock: bool, advance: Advance) -> Plan:
        known = {user.username: user for user in User.objects.all()}
        plan = Plan(rows, work=([], []))
        for row in rows:
            row.label = str(row.get("username"))
            if not row.is_good:
                continue
            user = known.get(row.values["username"])
            if user is None:
                fields = {key: row.get(key) or "" for key in ("username", "name", "email")}
                plan.work[0].append(User(**fields))
                row.creates.append(row.label)
                plan.count("账号", created=1)
            elif self.change(row, row.label, "name", user.name, row.get("name")):
                user.name = row.values["name"]
                plan.work[1].append(user)
                plan.count("账号", changed=1)
            advance(1)
        return plan

    def apply(self, plan: Plan, *, viewer: Any, now: datetime, advance: Advance) -> None:
        User.objects.bulk_create(plan.work[0])
        User.objects.bulk_update(plan.work[1], ["name"])

"""Logins of employees: opened with a password that is shown once and must be changed, closed for good.

Closing makes the password unusable: sessions are bound to it, so every one of them ends at that moment, and none
comes back to life when the account is opened again.
"""

from __future__ import annotations

import secrets
from typing import Any

from allauth.account.signals import password_changed
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.dispatch import receiver
from django.utils.translation import gettext as _
from rest_framework.authtoken.models import Token

from shimao_service.actors import Actor
from shimao_service.exceptions import Conflict, Forbidden, Invalid
from shimao_service.models import User
from staff.access import viewer_of
from staff.changes import Action, record
from staff.models import Employee
from staff.permissions import Permission
from staff.powers import check_everywhere, check_keeper_remains, everywhere

# Without what is mistaken on paper or over the phone: 0 o, 1 l i.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def one_time_password() -> str:
    """``k7md-2wpq-x9ht``: 59 bits, readable aloud."""
    return "-".join("".join(secrets.choice(ALPHABET) for _letter in range(4)) for _group in range(3))


def check_can_manage(by: Actor, employee: Employee) -> None:
    """Raise ``Forbidden`` unless ``by`` manages employees, and roles as well where ``employee`` does.

    Whoever sets a password can sign in with it: HR must not become an administrator that way, and one's own
    password is changed on one's own page, where the old one is asked for.
    """
    if by.is_system:
        return
    check_everywhere(by.viewer, Permission.EMPLOYEE_MANAGE)
    if by.id == employee.pk:
        raise Forbidden(_("不能在这里更改自己的账号；修改密码请到“我的”。"))
    if viewer_of(employee).can(Permission.ROLE_MANAGE) and not everywhere(by.viewer, Permission.ROLE_MANAGE):
        raise Forbidden(_("%(name)s 能授予角色，其账号只能由系统管理员更改。") % {"name": employee.name})


def locked(employee: Employee) -> Employee:
    return (
        Employee.objects.select_for_update(of=("self",), no_key=True)
        .select_related("user", "department", "reports_to")
        .get(pk=employee.pk)
    )


def _give_password(user: User, employee: Employee) -> str:
    password = one_time_password()
    user.set_password(password)
    user.is_active = True
    user.save()
    Token.objects.filter(user=user).delete()
    Employee.objects.filter(pk=employee.pk).update(user=user, must_change_password=True)
    return password


@transaction.atomic
def open_account(employee: Employee, *, username: str, by: Actor) -> str:
    """开通账号; returns the one-time password, which is kept nowhere. Raises ``Invalid`` on ``username``."""
    row = locked(employee)
    check_can_manage(by, row)
    if not row.is_active:
        raise Conflict(_("%(name)s 已离职，不能开通账号。") % {"name": row.name})
    if row.user is not None:
        raise Conflict(_("%(name)s 已有账号“%(user)s”。") % {"name": row.name, "user": row.user.username})
    user = User(username=checked_username(username), name=row.name, email=row.email)
    try:
        with transaction.atomic():
            password = _give_password(user, row)
    except IntegrityError as error:
        raise Invalid.field("username", _("用户名“%(name)s”已被使用。") % {"name": username}) from error
    record(Action.ACCOUNT_OPENED, by=by, employee=row, note=user.username)
    return password


def checked_username(username: str) -> str:
    name = username.strip()
    try:
        UnicodeUsernameValidator()(name)
    except ValidationError:
        raise Invalid.field("username", _("用户名只能用文字、字母、数字和 @ . + - _。")) from None
    if len(name) > 150:
        raise Invalid.field("username", _("用户名最多 150 个字符。"))
    if User.objects.filter(username__iexact=name).exists():
        raise Invalid.field("username", _("用户名“%(name)s”已被使用。") % {"name": name})
    return name


@transaction.atomic
def reset_password(employee: Employee, *, by: Actor) -> str:
    """重设密码, also for a closed account, which it opens again. Ends every session and token."""
    row = locked(employee)
    check_can_manage(by, row)
    if not row.is_active or row.user is None:
        raise Conflict(_("%(name)s 没有可用的账号。") % {"name": row.name})
    reopened = not row.user.is_active
    password = _give_password(row.user, row)
    record(Action.ACCOUNT_OPENED if reopened else Action.PASSWORD_RESET, by=by, employee=row, note=row.user.username)
    return password


@transaction.atomic
def close_account(employee: Employee, *, by: Actor) -> None:
    """停用账号. A second time does nothing; refused for the last administrator."""
    row = locked(employee)
    check_can_manage(by, row)
    if row.user is None or not row.user.is_active:
        return
    check_keeper_remains(without=row)
    shut(row)
    record(Action.ACCOUNT_CLOSED, by=by, employee=row, note=row.user.username)


def shut(employee: Employee) -> None:
    """No way in any more: not by password, session or token."""
    user = employee.user
    if user is None:
        return
    user.is_active = False
    user.set_unusable_password()
    user.save(update_fields=["is_active", "password"])
    Token.objects.filter(user=user).delete()


@receiver(password_changed, dispatch_uid="staff.accounts")
def own_password(request: Any, user: User, **kwargs: Any) -> None:
    """The person has chosen a password of their own."""
    Employee.objects.filter(user=user).update(must_change_password=False)

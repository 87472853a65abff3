"""The roles a company starts with. Afterwards they are its own to change."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext_noop as N_

from staff.models import Role
from staff.permissions import Permission as P

FRONT_DESK = (
    P.TICKET_VIEW_ALL, P.TICKET_REGISTER, P.TICKET_DISPATCH, P.TICKET_ANSWER_ON_SPOT, P.TICKET_FOLLOW_UP,
    P.TICKET_FEED_BACK, P.TICKET_RECORD_RATING, P.TICKET_REOPEN, P.TICKET_AMEND, P.OWNER_LOOKUP, P.OWNER_REVEAL,
    P.OWNER_EDIT, P.TICKET_URGE,
)  # fmt: skip
SUPERVISOR = (
    P.TICKET_VIEW_ALL, P.TICKET_REGISTER, P.TICKET_DISPATCH, P.TICKET_TRANSFER, P.TICKET_FOLLOW_UP,
    P.TICKET_RECORD_RATING, P.TICKET_SUMMARISE, P.TICKET_REOPEN, P.TICKET_CANCEL, P.TICKET_AMEND,
    P.TICKET_LOWER_URGENCY, P.TICKET_JUDGE, P.TICKET_OVERSEE, P.OWNER_LOOKUP, P.OWNER_REVEAL, P.OWNER_EDIT,
    P.ESTATE_MANAGE, P.IMPORT_ESTATE, P.NOTICE_VIEW, P.TICKET_URGE, P.DUTY_MANAGE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DefaultRole:
    code: str
    name: str
    permissions: tuple[P, ...]
    is_company_wide: bool = False


DEFAULT_ROLES = (
    DefaultRole("front_desk", N_("客服前台"), FRONT_DESK),
    DefaultRole(
        "steward",
        N_("管家"),
        (P.TICKET_VIEW_ALL, P.TICKET_REGISTER, P.TICKET_FOLLOW_UP, P.OWNER_LOOKUP, P.TICKET_URGE),
    ),
    DefaultRole(
        "duty_desk", N_("中控值班"),
        (P.TICKET_VIEW_ALL, P.TICKET_REGISTER, P.TICKET_DISPATCH, P.OWNER_LOOKUP, P.TICKET_URGE),
    ),
    DefaultRole("handler", N_("维修师傅"), (P.TICKET_HANDLE, P.TICKET_DEPARTMENT_QUEUE)),
    DefaultRole("contractor", N_("委外单位"), (P.TICKET_HANDLE,)),
    DefaultRole("supervisor", N_("客服主管"), SUPERVISOR),
    DefaultRole("department_manager", N_("客服经理"), SUPERVISOR),
    DefaultRole(
        "manager",
        N_("项目经理"),
        (P.TICKET_VIEW_ALL, P.TICKET_TRANSFER, P.TICKET_FOLLOW_UP, P.TICKET_CONCLUDE, P.TICKET_JUDGE,
         P.OWNER_LOOKUP, P.OWNER_REVEAL, P.IMPORT_ESTATE, P.NOTICE_VIEW, P.TICKET_SUPERVISE, P.TERMS_MANAGE,
         P.CHANNEL_MANAGE, P.DUTY_MANAGE),
    ),
    DefaultRole("quality", N_("品质督导"), (P.TICKET_VIEW_ALL, P.TICKET_JUDGE)),
    DefaultRole("hr", N_("人事"), (P.EMPLOYEE_MANAGE, P.IMPORT_EMPLOYEES), is_company_wide=True),
    DefaultRole(
        "director",
        N_("总经理"),
        (P.TICKET_VIEW_ALL, P.TICKET_CONCLUDE, P.OWNER_LOOKUP, P.NOTICE_VIEW, P.TICKET_SUPERVISE, P.TERMS_MANAGE,
         P.CHANNEL_MANAGE),
        is_company_wide=True,
    ),
    DefaultRole("auditor", N_("审计"), (P.TICKET_VIEW_ALL, P.REVEAL_AUDIT, P.NOTICE_VIEW), is_company_wide=True),
    DefaultRole(
        "administrator",
        N_("系统管理员"),
        (P.ESTATE_MANAGE, P.IMPORT_ESTATE, P.IMPORT_EMPLOYEES, P.EMPLOYEE_MANAGE, P.ROLE_MANAGE, P.NOTICE_VIEW,
         P.REGULATION_MANAGE, P.OWNER_LOOKUP, P.TERMS_MANAGE, P.CHANNEL_MANAGE, P.DUTY_MANAGE),
        is_company_wide=True,
    ),
)  # fmt: skip


@transaction.atomic
def ensure_default_roles() -> None:
    """Create what is missing; a role the company has changed stays as it is."""
    for order, role in enumerate(DEFAULT_ROLES, start=1):
        Role.objects.get_or_create(
            code=role.code,
            defaults={
                "name": role.name,
                "permissions": [p.value for p in role.permissions],
                "is_company_wide": role.is_company_wide,
                "order": order * 10,
            },
        )

"""What the requests put into the frame of every page: places in the rail, and how many are open."""

from __future__ import annotations

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy, pgettext_lazy

from shimao_service.navigation import NavItem, register_counter
from shimao_service.navigation import register as register_items
from staff.access import Viewer
from staff.permissions import Permission as P
from tickets.escalation_settings import can_read as can_read_steps
from tickets.home import is_handler
from tickets.models import Ticket
from tickets.search import picked_project
from tickets.statuses import Status


def counts(viewer: Viewer) -> dict[str, int]:
    """Open requests of a desk, or what waits for a handler, and the late ones; in the project that is picked.

    A handler also sees what he passed on; the number beside the word is only what is his or his department's to do.
    """
    if viewer.employee_id is None or not has_queue(viewer):
        return {}
    rows = Ticket.objects.visible_to(viewer).open()
    if (picked := picked_project(viewer)) is not None:
        rows = rows.filter(project_id=picked)
    if is_handler(viewer):
        mine = Q(handler_id=viewer.employee_id, status__in=(Status.DISPATCHED, Status.IN_PROGRESS, Status.ON_HOLD))
        rows = rows.filter(mine | Q(handler=None, status=Status.DISPATCHED))
    return rows.aggregate(tickets=Count("pk"), overdue=Count("pk", filter=Q(due_at__lt=timezone.now())))


def has_queue(viewer: Viewer) -> bool:
    return viewer.can_any((P.TICKET_VIEW_ALL, P.TICKET_HANDLE, P.TICKET_REGISTER))


def register() -> None:
    """Called when the app is ready."""
    register_items(
        NavItem(
            gettext_lazy("我的任务"), "home", "checklist", is_handler, order=10, phone=1, short=gettext_lazy("任务")
        ),
        NavItem(gettext_lazy("工作台"), "home", "layout-dashboard", lambda v: not is_handler(v), order=10, phone=1),
        NavItem(gettext_lazy("工单"), "tickets", "clipboard-list", has_queue, order=20, count="tickets", phone=2),
        NavItem(
            gettext_lazy("新建登记"), "ticket-new", "plus", lambda viewer: viewer.can(P.TICKET_REGISTER), order=25,
            shortcut="n", phone=3, short=gettext_lazy("新建"),
        ),
        NavItem(pgettext_lazy("menu", "业主"), "owners", "users", lambda viewer: viewer.can(P.OWNER_LOOKUP), order=60),
        NavItem(
            pgettext_lazy("menu", "楼栋"), "buildings", "building-community",
            lambda viewer: viewer.can_any((P.OWNER_LOOKUP, P.ESTATE_MANAGE)), order=65,
        ),
        NavItem(
            gettext_lazy("通知记录"), "sent-notices", "mail", lambda viewer: viewer.can(P.NOTICE_VIEW),
            group=gettext_lazy("管理"), order=945,
        ),
        NavItem(
            gettext_lazy("时限标准"), "terms", "clock-check", lambda viewer: viewer.can(P.TERMS_MANAGE),
            group=gettext_lazy("管理"), order=140,
        ),
        NavItem(
            gettext_lazy("升级规则"), "escalation", "stairs", can_read_steps, group=gettext_lazy("管理"), order=145
        ),
    )  # fmt: skip
    register_counter(counts)

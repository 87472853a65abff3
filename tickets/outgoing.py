"""What the outbox asks when it sends: where a notice goes, whose it is, and which link it carries."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext_lazy as _

from shimao_service import outbox
from shimao_service.models import User
from shimao_service.privacy import mask_name
from tickets import links
from tickets.models import Owner, Ticket

KINDS = {
    "ticket_registered": _("新工单"),
    "ticket_dispatched": _("派单"),
    "ticket_returned": _("退单"),
    "ticket_completed": _("处理完成"),
    "ticket_rated": _("业主评价"),
    "ticket_timed_out": _("逾期未评价"),
    "ticket_reopened": _("重新办理"),
    "ticket_concluded": _("终结办理"),
    "ticket_cancelled": _("作废"),
    "ticket_supplemented": _("业主补充"),
    "ticket_amended": _("更正"),
    "ticket_handed_over": _("首问移交"),
    "ticket_judged": _("认定"),
    "ticket_urged": _("催单与催办"),
    "ticket_overseen": _("督办"),
    "ticket_urge_answered": _("催办答复"),
    "ticket_dispatch_due": _("待派单提醒"),
    "ticket_verify_due": _("待核实表扬提醒"),
    "ticket_accept_due": _("待接单提醒"),
    "ticket_follow_up_due": _("待跟进提醒"),
    "ticket_promise_due": _("承诺时间提醒"),
    "ticket_hold_ends": _("挂起到期提醒"),
    "ticket_feedback_due": _("待回复提醒"),
    "ticket_ask_owner": _("请致电业主"),
    "ticket_satisfaction_reminded": _("待评价提醒"),
    "ticket_summary_due": _("待总结提醒"),
    "owner_satisfaction": _("请业主评价"),
}


def tracking_link(argument: str) -> str:
    """The link of request ``argument`` as it is valid now; empty when there is none any more.

    Made at the moment of sending: a link that was revoked meanwhile is not sent, its successor is.
    """
    ticket = Ticket.objects.filter(pk=int(argument)).first()
    return "" if ticket is None or links.has_moved_out(ticket) else links.address(ticket)


def addresses_of_contacts(ids: Collection[int]) -> dict[int, str]:
    """``ticket:81`` is whoever asked: the address given with the request, while they live there."""
    asked = Ticket.objects.filter(pk__in=ids).exclude(contact_email="")
    return {ticket.pk: ticket.contact_email for ticket in asked if not links.has_moved_out(ticket)}


def addresses_of_users(ids: Collection[int]) -> dict[int, str]:
    """The account's address, else the employee's; none for those who left."""
    rows = User.objects.filter(pk__in=ids, is_active=True).values_list("pk", "email", "employee__email")
    return {pk: own or work or "" for pk, own, work in rows}


def addresses_of_owners(ids: Collection[int]) -> dict[int, str]:
    return dict(Owner.objects.filter(pk__in=ids).exclude(email="").values_list("pk", "email"))


def names_of_contacts(ids: Collection[int]) -> dict[int, str]:
    """As operations may see it: neither the person nor the number, which may be of a complaint about the reader."""
    return dict.fromkeys(ids, str(_("报事人")))


def names_of_owners(ids: Collection[int]) -> dict[int, str]:
    return {pk: mask_name(name) for pk, name in Owner.objects.filter(pk__in=ids).values_list("pk", "name")}


def register() -> None:
    """Called when the app is ready."""
    outbox.register_link("track", tracking_link)
    outbox.register_address("ticket", addresses_of_contacts)
    outbox.register_address("user", addresses_of_users)
    outbox.register_address("owner", addresses_of_owners)
    outbox.register_name("ticket", names_of_contacts)
    outbox.register_name("owner", names_of_owners)
    outbox.register_kinds(KINDS)

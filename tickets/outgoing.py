"""What the outbox asks when it sends: where a notice goes, whose it is, and which link it carries."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from shimao_service import outbox, sms
from shimao_service.models import User
from shimao_service.privacy import mask_name
from shimao_service.topics import Topic
from staff.access import actor_of
from staff.models import Employee
from tickets import lifecycle, links, recipients
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
    "ticket_referred": _("转办"),
    "ticket_escalated": _("超时升级"),
    "ticket_emergency": _("特急"),
    "ticket_appointment_near": _("预约提醒"),
    "ticket_urge_waits": _("催办待答复提醒"),
    "ticket_reply_due": _("转办待回复提醒"),
    "ticket_return_ends": _("转办可退回提醒"),
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

TOPICS = {
    "emergency": Topic(_("特急"), required=True, hint=_("火情、被困、燃气等，随时送达，请务必知悉。")),
    "escalation": Topic(
        _("升级与督办"), outside=True, hint=_("临近或超过时限，逐级提醒；转经理督办。"), binds=recipients.on_the_ladder
    ),
    "urge": Topic(_("催单与催办"), outside=True, hint=_("业主催单、同事催办，以及对您催办的答复。")),
    "work": Topic(_("派给我的工作"), hint=_("派单、改派、退单、重新办理、首问移交。")),
    "progress": Topic(_("工单进展"), hint=_("处理完成、业主补充、更正、作废、认定。")),
    "rating": Topic(_("业主评价"), hint=_("评价结果，以及逾期未评价。")),
    "reminder": Topic(_("到点提醒"), hint=_("待派单、待接单、待跟进、待回复、待总结等。")),
}

TOPIC_OF = {
    "ticket_emergency": "emergency",
    "ticket_escalated": "escalation",
    "ticket_overseen": "escalation",
    "ticket_urged": "urge",
    "ticket_urge_answered": "urge",
    **dict.fromkeys(
        (
            "ticket_registered", "ticket_dispatched", "ticket_returned", "ticket_reopened", "ticket_handed_over",
        ),
        "work",
    ),
    **dict.fromkeys(
        (
            "ticket_completed", "ticket_supplemented", "ticket_amended", "ticket_cancelled", "ticket_concluded",
            "ticket_judged", "ticket_referred",
        ),
        "progress",
    ),
    **dict.fromkeys(("ticket_rated", "ticket_timed_out"), "rating"),
    **dict.fromkeys(
        (
            "ticket_dispatch_due", "ticket_verify_due", "ticket_accept_due", "ticket_follow_up_due",
            "ticket_promise_due", "ticket_hold_ends", "ticket_feedback_due", "ticket_ask_owner",
            "ticket_satisfaction_reminded", "ticket_summary_due", "ticket_appointment_near", "ticket_urge_waits",
            "ticket_reply_due", "ticket_return_ends",
        ),
        "reminder",
    ),
}  # fmt: skip


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


def phones_of_contacts(ids: Collection[int]) -> dict[int, str]:
    asked = Ticket.objects.filter(pk__in=ids).exclude(contact_phone="")
    return {ticket.pk: ticket.contact_phone for ticket in asked if not links.has_moved_out(ticket)}


def phones_of_users(ids: Collection[int]) -> dict[int, str]:
    return dict(User.objects.filter(pk__in=ids, is_active=True).values_list("pk", "employee__phone"))


def phones_of_owners(ids: Collection[int]) -> dict[int, str]:
    return dict(Owner.objects.filter(pk__in=ids).values_list("pk", "phone"))


def names_of_contacts(ids: Collection[int]) -> dict[int, str]:
    """As operations may see it: neither the person nor the number, which may be of a complaint about the reader."""
    return dict.fromkeys(ids, str(_("报事人")))


def names_of_owners(ids: Collection[int]) -> dict[int, str]:
    return {pk: mask_name(name) for pk, name in Owner.objects.filter(pk__in=ids).values_list("pk", "name")}


def acknowledge(ticket_id: int, user: User, now: datetime) -> None:
    """Whoever pressed 我已知悉 is written into the request's story."""
    employee = Employee.objects.filter(user=user).first()
    ticket = Ticket.objects.filter(pk=ticket_id).first()
    if employee is not None and ticket is not None:
        lifecycle.acknowledge(ticket, by=actor_of(employee), now=now)


def register_phones() -> None:
    """Where there are text messages."""
    for reader, phones in (("ticket", phones_of_contacts), ("user", phones_of_users), ("owner", phones_of_owners)):
        sms.register_numbers(reader, phones)


def register() -> None:
    """Called when the app is ready."""
    outbox.register_link("track", tracking_link)
    outbox.register_address("ticket", addresses_of_contacts)
    outbox.register_address("user", addresses_of_users)
    outbox.register_address("owner", addresses_of_owners)
    register_phones()
    outbox.register_name("ticket", names_of_contacts)
    outbox.register_name("owner", names_of_owners)
    outbox.register_topics(TOPICS)
    outbox.register_kinds(KINDS, topics=TOPIC_OF)
    outbox.register_acknowledged("ticket", acknowledge)

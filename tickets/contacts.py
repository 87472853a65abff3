"""Who may be shown an owner's name and phone, and who may hand over the tracking link (A7.5, B5.6)."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from shimao_service.exceptions import Conflict, Forbidden
from shimao_service.privacy import record_reveal
from staff.access import Viewer
from staff.permissions import Permission as P
from tickets.models import Ticket
from tickets.permissions import is_first_receiver, is_handler
from tickets.statuses import Status


@dataclass(frozen=True, slots=True)
class Contact:
    name: str
    phone: str
    email: str


def handles_or_answers(ticket: Ticket, viewer: Viewer) -> bool:
    """Whoever handles or answers an open request: they reveal in one tap, the reason filled in."""
    if not ticket.is_open:
        return False
    if ticket.status in (Status.DISPATCHED, Status.IN_PROGRESS, Status.ON_HOLD) and is_handler(ticket, viewer):
        return True
    if is_first_receiver(ticket, viewer):
        return True
    return ticket.status in (Status.COMPLETED, Status.FED_BACK) and viewer.can(P.TICKET_FEED_BACK, ticket.project_id)


def may_reveal(ticket: Ticket, viewer: Viewer) -> bool:
    if ticket.is_anonymous or not (ticket.contact_phone or ticket.contact_name):
        return False
    return handles_or_answers(ticket, viewer) or viewer.can(P.OWNER_REVEAL, ticket.project_id)


def one_tap(ticket: Ticket, viewer: Viewer) -> bool:
    """Whether the contact shows at one tap, the reason filled in."""
    return may_reveal(ticket, viewer) and handles_or_answers(ticket, viewer)


def reason_for(ticket: Ticket) -> str:
    """The reason that is filled in for those who work on the request."""
    return _("办理工单 %(number)s") % {"number": ticket.number}


def subject_of(ticket: Ticket) -> str:
    """Whose data it is, as the record of looks keeps it."""
    return f"owner:{ticket.owner_id}" if ticket.owner_id else f"ticket:{ticket.pk}"


def reveal(ticket: Ticket, *, viewer: Viewer, reason: str) -> Contact:
    """Show the contact and write down who looked. Raises ``Conflict``, ``Forbidden``, ``Invalid`` (no reason)."""
    if ticket.is_anonymous:
        raise Conflict(_("匿名投诉没有登记联系方式。"), code="anonymous")
    if not may_reveal(ticket, viewer):
        raise Forbidden(_("您没有查看业主联系方式的权限，请联系主管。"))
    record_reveal(user=viewer.user, subject=subject_of(ticket), reason=reason)
    return Contact(ticket.contact_name, ticket.contact_phone, ticket.contact_email)


def may_share(ticket: Ticket, viewer: Viewer) -> bool:
    """Front desk, first receiver, supervisor: who may hand the tracking link to the owner."""
    if is_first_receiver(ticket, viewer):
        return True
    return viewer.can_any((P.TICKET_FEED_BACK, P.TICKET_OVERSEE), ticket.project_id)

"""By which way an owner can be written to: e-mail, else a text message where the company has them, else not at all."""

from __future__ import annotations

from typing import Any

from shimao_service import sms
from shimao_service.models.notice import EMAIL
from tickets.statuses import Channel


def to_owner(ticket: Any) -> str:
    """The channel, or ``""`` when somebody has to ring them up: also when they were found unreachable."""
    if ticket.feedback_channel == Channel.UNREACHABLE:
        return ""
    if ticket.contact_email:
        return EMAIL
    return sms.SMS if sms.is_configured() and sms.only_mobiles({0: ticket.contact_phone}) else ""

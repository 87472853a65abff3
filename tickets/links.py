"""The owner's tracking link: it opens one request, can be revoked, and can be made again for a reminder.

An HMAC over the request's id and its link version. Nothing is stored; raising ``Ticket.link_version`` kills
every link given out before.
"""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import base36_to_int, int_to_base36

from tickets.models import Occupancy, Ticket

SALT = "tickets.links.tracking"
# 128 bits: guessing one takes longer than there is time.
DIGITS = 32


def _signature(pk: int, version: int, secret: str) -> str:
    return salted_hmac(SALT, f"{pk}:{version}", secret=secret, algorithm="sha256").hexdigest()[:DIGITS]


def token(ticket: Ticket) -> str:
    """``<id in base 36>.<version in base 36>.<signature>``."""
    return ".".join(
        (
            int_to_base36(ticket.pk),
            int_to_base36(ticket.link_version),
            _signature(ticket.pk, ticket.link_version, settings.SECRET_KEY),
        )
    )


def path(ticket: Ticket) -> str:
    return reverse("track", args=[token(ticket)])


def address(ticket: Ticket) -> str:
    """The full address, for e-mails and QR codes."""
    return settings.SITE_URL + path(ticket)


def open_link(value: str) -> Ticket | None:
    """The request a token opens, or None: forged, revoked and unknown are not told apart."""
    try:
        pk_text, version_text, signature = value.split(".")
        pk, version = base36_to_int(pk_text), base36_to_int(version_text)
    except ValueError:
        return None
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    # Every secret is tried, so that the time taken tells nothing.
    good = [constant_time_compare(_signature(pk, version, secret), signature) for secret in secrets]
    if not any(good):
        return None
    ticket = Ticket.objects.for_page().filter(pk=pk, link_version=version).first()
    return None if ticket is None or has_moved_out(ticket) else ticket


def has_moved_out(ticket: Ticket) -> bool:
    """Whether who asked has left the unit: the link ends with the tenancy, the history stays.

    Whoever was never entered as living there (a visitor, a shop's customer) has nothing to leave.
    """
    if ticket.owner_id is None or ticket.unit_id is None:
        return False
    lives = Occupancy.objects.filter(unit_id=ticket.unit_id, owner_id=ticket.owner_id)
    return lives.exists() and not lives.on(timezone.localdate()).exists()

"""Folding: what several notices say to one reader leaves as one letter that lists them.

Letters to owners are never folded, each carries its own link; nor are messages to groups and other systems, each of
which tells of one event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from shimao_service.channels import Letter
from shimao_service.models import Notice

READERS = ("user",)
# Longer lists are not read; what is left goes in a letter of its own.
MOST = 30


def is_on() -> bool:
    return settings.FOLD_SECONDS > 0


def folds(recipient: str, *, urgent: bool) -> bool:
    """Whether such a letter waits for company. What is urgent waits for nobody."""
    return not urgent and is_on() and recipient.partition(":")[0] in READERS


def window() -> timedelta:
    return timedelta(seconds=settings.FOLD_SECONDS)


def leaves_at(now: datetime) -> datetime:
    """When what is left now and waits for company leaves at the latest."""
    return now + window()


def gather(notices: Iterable[Notice]) -> list[list[Notice]]:
    """Which of them leave together: each notice in exactly one group, none larger than :data:`MOST`; urgent ones
    first, then by age."""
    groups: list[list[Notice]] = []
    open_groups: dict[str, list[Notice]] = {}
    for notice in sorted(notices, key=lambda row: (not row.urgent, row.pk)):
        group = open_groups.get(notice.recipient)
        alone = not folds(notice.recipient, urgent=notice.urgent)
        if group is None or alone or len(group) >= MOST:
            group = []
            groups.append(group)
            if not alone:
                open_groups[notice.recipient] = group
        group.append(notice)
    return groups


def write(notices: Sequence[Notice], links: Sequence[str], address: str) -> Letter:
    """The letter of a group: itself when it is one, else a list of what there is to know, each with its link."""
    first = notices[0]
    if len(notices) == 1:
        return Letter(
            notice_id=first.pk, address=address, title=first.title, body=first.body, link=links[0], urgent=first.urgent
        )
    lines: dict[tuple[str, str], int] = {}
    for notice, link in zip(notices, links, strict=True):
        lines[notice.title, link] = lines.get((notice.title, link), 0) + 1
    words = []
    for number, ((title, link), times) in enumerate(lines.items(), start=1):
        words.append(f"{number}. {title}" + (_("（%(times)s 次）") % {"times": times} if times > 1 else ""))
        words += [f"   {link}"] if link else []
    return Letter(
        notice_id=first.pk,
        address=address,
        title=_("%(title)s 等 %(count)s 条提醒") % {"title": first.title, "count": len(notices)},
        body="\n".join(words),
        link=f"{settings.SITE_URL}/inbox/",
        urgent=False,
    )

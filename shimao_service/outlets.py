"""Outlets: the group robots and webhooks a company sets up, and what each of them gets.

What is typed once, a robot's address with its key or a webhook's secret, is kept encrypted and never shown again.
Which projects somebody may set up outlets for, and which topics there are, the floors above register.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service import outbox, rates
from shimao_service.channels import Later, Letter, NotSent, Refused, Uncertain
from shimao_service.exceptions import Conflict, Invalid, TooMany
from shimao_service.models import Attempt, Notice, NoticeStatus, Outlet, OutletKind, User, Verdict

logger = logging.getLogger(__name__)

# While the other side does not answer, one letter a minute tries and the others wait.
REST = timedelta(minutes=1)
# How long the letters of a paused outlet are left alone before somebody looks again.
LOOK_AGAIN = timedelta(minutes=10)
TESTS_A_MINUTE = 3
KEEP_ATTEMPTS = timedelta(days=90)
EXCERPT = 500
WAITING = (NoticeStatus.PENDING, NoticeStatus.SENDING)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try, in words that name neither key nor secret."""

    verdict: Verdict
    answer: str
    status: int | None = None
    milliseconds: int = 0


# --- what the floors above and the kinds register -------------------------------------------------
@dataclass(frozen=True, slots=True)
class Topic:
    """Something outlets may be told of; ``channels`` are those it makes sense for."""

    code: str
    label: Any
    help: Any = ""
    channels: tuple[str, ...] = ("robot", "webhook")
    # Ticked at first in the form of a new one.
    suggested_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """For whom somebody may set up outlets: scopes with their names, and ``everywhere`` for the whole company."""

    everywhere: bool = False
    scopes: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.everywhere or bool(self.scopes)

    def covers(self, outlet: Outlet) -> bool:
        return self.everywhere or (outlet.scope in self.scopes and not outlet.is_webhook)


Sender = Callable[[Outlet, Letter], Outcome]

TOPICS: dict[str, Topic] = {}
SENDERS: dict[str, Sender] = {}
_reach: list[Callable[[Any], Reach]] = []


def register_topics(topics: Iterable[Topic]) -> None:
    TOPICS.update({topic.code: topic for topic in topics})


def register_sender(kind: str, send: Sender) -> None:
    """``send(outlet, letter)`` tries once and never raises for what the other side does."""
    SENDERS[kind] = send


def register_reach(reach: Callable[[Any], Reach]) -> None:
    """``reach(viewer)`` says for which projects this person sets up outlets."""
    _reach[:] = [reach]


def reach_of(viewer: Any) -> Reach:
    return _reach[0](viewer) if viewer and _reach else Reach()


def may_manage(viewer: Any) -> bool:
    return bool(reach_of(viewer))


def topics_for(channel: str) -> list[Topic]:
    return [topic for topic in TOPICS.values() if channel in topic.channels]


def names(ids: Collection[int]) -> dict[int, str]:
    """For the page of operations."""
    return dict(Outlet.objects.filter(pk__in=ids).values_list("pk", "name"))


# --- setting up -----------------------------------------------------------------------------------
def create(
    *, kind: str, name: str, scope: str, address: str, secret: str = "", topics: Collection[str],
    per_minute: int = 20, by: User, now: datetime,
) -> Outlet:  # fmt: skip
    """A new outlet. A webhook's secret is made here, to be shown this once. Raises ``Invalid`` by field."""
    if kind == OutletKind.WEBHOOK:
        secret = secrets.token_urlsafe(32)
    outlet = Outlet(kind=kind, scope=scope, address=address, secret=secret or None, per_minute=per_minute)
    outlet.topics = _known(topics, outlet.channel)
    outlet.changed_at, outlet.changed_by = now, by
    return _save(outlet, name, "created")


def change(
    outlet: Outlet, *, name: str, topics: Collection[str], per_minute: int, address: str = "", secret: str = "",
    by: User, now: datetime,
) -> Outlet:  # fmt: skip
    """New words for an outlet; an empty ``address`` or ``secret`` leaves what there is. With another, what waited
    for it is tried at once."""
    fields = ["name", "topics", "per_minute", "changed_at", "changed_by"]
    outlet.topics, outlet.per_minute = _known(topics, outlet.channel), per_minute
    outlet.changed_at, outlet.changed_by = now, by
    if address:
        outlet.address, outlet.rests_until = address, None
        fields += ["address", "rests_until"]
    if secret and not outlet.is_webhook:
        outlet.secret = secret
        fields.append("secret")
    with transaction.atomic():
        changed = _save(outlet, name, "changed", fields)
        if address or secret:
            _send_waiting(outlet, now)
    return changed


def renew_secret(outlet: Outlet, *, by: User, now: datetime) -> str:
    """Another secret for a webhook, to be shown this once; the old one signs nothing any more."""
    outlet.secret, outlet.rests_until = secrets.token_urlsafe(32), None
    outlet.changed_at, outlet.changed_by = now, by
    outlet.save(update_fields=["secret", "rests_until", "changed_at", "changed_by"])
    _log("secret renewed", outlet, by)
    return outlet.secret


def pause(outlet: Outlet, *, by: User, now: datetime) -> None:
    """What comes while it is paused is not written for it; what waits already waits on."""
    _switch(outlet, False, by, now)


@transaction.atomic
def resume(outlet: Outlet, *, by: User, now: datetime) -> None:
    outlet.rests_until = None
    outlet.save(update_fields=["rests_until"])
    _switch(outlet, True, by, now)
    _send_waiting(outlet, now)


def _send_waiting(outlet: Outlet, now: datetime) -> None:
    """What waited for it need wait no longer."""
    if _of(outlet).filter(status=NoticeStatus.PENDING).update(next_attempt_at=now):
        outbox.wake_on_commit(outlet.channel)


def withdraw(outlet: Outlet, *, by: User, now: datetime) -> int:
    """Take back what waits for it; how many. What is being sent just now goes out."""
    _log("letters withdrawn", outlet, by)
    return (
        _of(outlet)
        .filter(status=NoticeStatus.PENDING)
        .update(status=NoticeStatus.CANCELLED, next_attempt_at=None, handled_at=now, handled_by=by)
    )


@transaction.atomic
def delete(outlet: Outlet, *, by: User) -> None:
    """Raises ``Conflict`` while letters wait for it or need a decision."""
    row = Outlet.objects.select_for_update().filter(pk=outlet.pk).first()
    if row is None:
        return
    if _of(row).filter(status__in=[*WAITING, NoticeStatus.UNCERTAIN]).exists():
        raise Conflict(_("还有通知等待发送或需要确认，不能删除。可以先停用，或撤回等待中的通知。"), code="waiting")
    _log("deleted", row, by)
    row.delete()


def _switch(outlet: Outlet, is_active: bool, by: User, now: datetime) -> None:
    outlet.is_active, outlet.changed_at, outlet.changed_by = is_active, now, by
    outlet.save(update_fields=["is_active", "changed_at", "changed_by"])
    _log("resumed" if is_active else "paused", outlet, by)


def _save(outlet: Outlet, name: str, what: str, fields: list[str] | None = None) -> Outlet:
    outlet.name = " ".join(name.split())
    try:
        with transaction.atomic():
            outlet.save(update_fields=fields)
    except IntegrityError as error:
        raise Invalid.field("name", _("已有同名的渠道，请换一个名称。")) from error
    if outlet.changed_by:
        _log(what, outlet, outlet.changed_by)
    return outlet


def _known(topics: Collection[str], channel: str) -> list[str]:
    known = [topic.code for topic in topics_for(channel) if topic.code in topics]
    if not known:
        raise Invalid.field("topics", _("请至少选择一项发送内容。"))
    return known


def _log(what: str, outlet: Outlet, by: User) -> None:
    logger.info("Outlet %s (%s) %s by user %s.", outlet.pk, outlet.kind, what, by.pk)


# --- what became of its letters -------------------------------------------------------------------
def _of(outlet: Outlet) -> Any:
    return Notice.objects.filter(recipient=outlet.recipient, channel=outlet.channel)


def standing(outlets: Collection[Outlet]) -> dict[int, dict[str, int]]:
    """How many letters of each outlet stand where: ``{3: {"pending": 2, "dead": 1}}``. One query."""
    by_recipient = {outlet.recipient: outlet.pk for outlet in outlets}
    counts: dict[int, dict[str, int]] = {outlet.pk: {} for outlet in outlets}
    rows = Notice.objects.filter(
        channel__in=["robot", "webhook"],
        recipient__in=list(by_recipient),
        status__in=[*WAITING, NoticeStatus.UNCERTAIN, NoticeStatus.DEAD],
    )
    for recipient, status, count in rows.values_list("recipient", "status").annotate(count=Count("id")):
        counts[by_recipient[recipient]][status] = count
    return counts


def test(outlet: Outlet, *, by: User, now: datetime) -> Outcome:
    """Send a test message now and keep what was answered. Takes as long as a line's patience; raises ``TooMany``
    after three in a minute."""
    too_many = rates.take(f"test:{outlet.recipient}", limit=TESTS_A_MINUTE, now=now)
    if too_many or rates.take(outlet.recipient, limit=outlet.per_minute, now=now):
        raise TooMany(_("测试得太频繁，请一分钟后再试。"))
    letter = Letter(
        notice_id=0,
        address=str(outlet.pk),
        title=_("工单通知测试"),
        body=_("这是一条测试消息，由 %(name)s 发出，收到即表示渠道可用。") % {"name": by.get_full_name() or by},
        link="",
        urgent=False,
    )
    outcome = attempt(outlet, letter)
    outlet.tested_at, outlet.test_passed = now, outcome.verdict == Verdict.SENT
    outlet.test_answer = outcome.answer
    outlet.save(update_fields=["tested_at", "test_passed", "test_answer"])
    record(outlet, outcome, now=now, by=by)
    return outcome


def attempt(outlet: Outlet, letter: Letter) -> Outcome:
    """One try, without asking whether it may be made now."""
    if not outlet.is_readable:
        return Outcome(Verdict.NOT_SENT, lost_words(outlet))
    return SENDERS[outlet.kind](outlet, letter)


def lost_words(outlet: Outlet) -> str:
    """What of it the present key does not open, and what to do about it; nothing while all is well."""
    lost = outlet.lost_parts
    if lost == ["address"]:
        return _("系统密钥（SECRET_KEY）已更换，保存的地址无法读取，请重新填写。")
    if lost and outlet.is_webhook:
        if lost == ["secret"]:
            return _("系统密钥（SECRET_KEY）已更换，保存的签名密钥无法读取，请换一个签名密钥交给对方系统。")
        return _(
            "系统密钥（SECRET_KEY）已更换，保存的地址和签名密钥无法读取，请重新填写地址，并换一个签名密钥交给对方系统。"
        )
    if lost == ["secret"]:
        return _("系统密钥（SECRET_KEY）已更换，保存的加签密钥无法读取，请重新填写。")
    return _("系统密钥（SECRET_KEY）已更换，保存的地址和加签密钥无法读取，请重新填写。") if lost else ""


def record(
    outlet: Outlet, outcome: Outcome, *, now: datetime, notice_id: int | None = None, by: User | None = None
) -> None:
    """Keep one try in the log, and on the outlet how it stands."""
    Attempt.objects.create(
        outlet=outlet, notice_id=notice_id, at=now, status=outcome.status, milliseconds=outcome.milliseconds,
        verdict=outcome.verdict, answer=outcome.answer[:EXCERPT], is_test=by is not None, by=by,
    )  # fmt: skip
    stand: dict[str, Any] = {"failed_at": now, "failure": outcome.answer[:EXCERPT]}
    if outcome.verdict == Verdict.SENT:
        stand = {"succeeded_at": now, "rests_until": None}
    elif outcome.verdict != Verdict.REFUSED:
        stand["rests_until"] = now + REST
    Outlet.objects.filter(pk=outlet.pk).update(**stand)


def tidy(now: datetime) -> int:
    """Delete attempts and counts that have had their time; how many."""
    old, _by_model = Attempt.objects.filter(at__lt=now - KEEP_ATTEMPTS).delete()
    return old + rates.forget(now)


# --- the channel ----------------------------------------------------------------------------------
class OutletChannel:
    """Robots and webhooks as channels: addresses are outlets' ids, so that no key travels with a letter."""

    def __init__(self, clock: Callable[[], datetime] = timezone.now) -> None:
        self._clock = clock
        # Until when an outlet takes nothing more: the rest of a batch need not ask again.
        self._later: dict[str, tuple[datetime, str]] = {}

    def open(self) -> None:
        """Every letter has a line of its own."""

    def close(self) -> None:
        pass

    def send(self, letter: Letter) -> None:
        now = self._clock()
        later, reason = self._later.get(letter.address, (now, ""))
        if later > now:
            raise Later(later, reason)
        outlet = Outlet.objects.filter(pk=int(letter.address)).first()
        if outlet is None:
            raise Refused(_("渠道已删除。"))
        self._wait_for_turn(outlet, letter.address, now)
        outcome = attempt(outlet, letter)
        record(outlet, outcome, now=now, notice_id=letter.notice_id or None)
        if outcome.verdict in (Verdict.NOT_SENT, Verdict.UNCERTAIN):
            self._later[letter.address] = (now + REST, outcome.answer)
        _raise_for(outcome)

    def _wait_for_turn(self, outlet: Outlet, address: str, now: datetime) -> None:
        """Raise ``Later`` while it is paused, rests after a failure, or has had enough for this minute."""
        later, reason = now + LOOK_AGAIN, _("渠道已停用，启用后再发。")
        if outlet.is_active:
            later, reason = outlet.rests_until or now, outlet.failure
        if later <= now:
            later = rates.take(outlet.recipient, limit=outlet.per_minute, now=now) or now
            reason = _("发送频率已到上限，稍后再发。")
        if later > now:
            self._later[address] = (later, reason)
            raise Later(later, reason)


def _raise_for(outcome: Outcome) -> None:
    if outcome.verdict == Verdict.NOT_SENT:
        raise NotSent(outcome.answer)
    if outcome.verdict == Verdict.REFUSED:
        raise Refused(outcome.answer)
    if outcome.verdict == Verdict.UNCERTAIN:
        raise Uncertain(outcome.answer)


def ids_as_addresses(ids: Collection[int]) -> dict[int, str]:
    """What the outbox takes for the address of ``robot:3``: the outlet looks up its own when sending. Also for one
    that is gone, whose letters then say so."""
    return {pk: str(pk) for pk in ids}


QUERIES = re.compile(r"(https?://[^\s/\"'<>]+)[^\s\"'<>]*")


def scrub(text: str, *hidden: str) -> str:
    """``text`` on one line, without the values in ``hidden`` and without what follows a host in an address."""
    for value in sorted(filter(None, hidden), key=len, reverse=True):
        text = text.replace(value, "***")
    return QUERIES.sub(r"\1/…", " ".join(text.split()))[:EXCERPT]

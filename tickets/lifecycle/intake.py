"""Step 1, 接待: receive, ask, record; and answer at once what can be answered at once (A6.1, B6.1)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service import calendars, phones
from shimao_service.actors import Actor
from shimao_service.exceptions import Conflict, IllegalMove, Invalid
from staff.models import Department, Employee, Project
from tickets import permissions, policies
from tickets.lifecycle.feedback import record_rating
from tickets.lifecycle.gate import Moving, future, limited, moving, required, write
from tickets.lifecycle.oversight import after_registration
from tickets.lifecycle.recusal import recuse
from tickets.lifecycle.referring import clean_intake_fields, refer_at_registration
from tickets.lifecycle.urging import settle
from tickets.models import Building, Category, Owner, Submission, Summary, Ticket, TicketSubject, Unit
from tickets.numbers import next_number
from tickets.pictures import Picture
from tickets.statuses import GRADES, Channel, Kind, Level, Liability, Mood, RatingSource, Source, Status, Urgency, Verb


@dataclass(slots=True)
class Intake:
    """What is recorded of a request. Either an owner, or a contact, or anonymity (complaints only)."""

    project: Project
    kind: str
    description: str
    owner: Owner | None = None
    payer: Owner | None = None
    contact_name: str = ""
    contact_phone: str = ""
    contact_email: str = ""
    is_anonymous: bool = False
    unit: Unit | None = None
    building: Building | None = None
    place: str = ""
    category: Category | None = None
    urgency: str = ""
    source: str = Source.COUNTER.value
    appointment_at: datetime | None = None
    level: str = ""
    mood: str = ""
    is_collective: bool = False
    subjects: Collection[Employee] = field(default_factory=tuple)
    # An authority passed it on: which one is the source.
    authority_number: str = ""
    authority_due_at: datetime | None = None
    authority_return_until: datetime | None = None

    def fingerprint(self) -> str:
        """The same for the same content; pictures are not part of it."""
        content = {
            name: getattr(value, "pk", None) or (value.isoformat() if isinstance(value, datetime) else str(value))
            for name, value in ((name, getattr(self, name)) for name in self.__slots__)
            if name != "subjects" and (value or not name.startswith("authority_"))
        }
        content["subjects"] = sorted(employee.pk for employee in self.subjects)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def clean_intake(intake: Intake, now: datetime) -> dict[str, Any]:
    """The columns of the new row. Raises ``Invalid`` with every field that is wrong at once."""
    wrong: dict[str, list[str]] = {}

    def check(name: str, call: Any) -> Any:
        try:
            return call()
        except Invalid as refusal:
            wrong.setdefault(name, []).append(str(refusal.detail))
            return None

    def choice(name: str, value: str, choices: Any, default: str) -> str:
        if not value:
            return default
        if value not in choices.values:
            wrong.setdefault(name, []).append(_("请选择有效的选项。"))
        return str(value)

    kind = intake.kind
    if kind not in Kind.values:
        wrong["kind"] = [_("请选择类型。")]
    description = check("description", lambda: required(intake.description, "description", _("请写下内容。")))
    owner = intake.owner
    name, phone, email = intake.contact_name.strip(), intake.contact_phone.strip(), intake.contact_email.strip()
    if intake.is_anonymous:
        if kind != Kind.COMPLAINT:
            wrong["is_anonymous"] = [_("只有投诉可以匿名。")]
        owner, name, phone, email = None, "", "", ""
    else:
        if owner is not None:
            name, phone, email = name or owner.name, phone or owner.phone, email or owner.email
        if not name and not phone:
            wrong["contact_phone"] = [_("请填写业主，或填写联系人和电话。")]
        if phone:
            phone = check("contact_phone", lambda: phones.normalise(phone))
        check("contact_name", lambda: limited(name, "contact_name", limit=60))
    if intake.unit is not None and intake.unit.project_id != intake.project.pk:
        wrong["unit"] = [_("房屋不在所选的项目里。")]
    if intake.category is not None and intake.category.kind != kind:
        wrong["category"] = [_("分类与类型不符，请重新选择分类。")]
    building = intake.unit.building if intake.unit else intake.building
    appointment = intake.appointment_at
    if appointment is not None:
        appointment = check("appointment_at", lambda: future(appointment, "appointment_at", now, message=""))
    default_urgency = intake.category.urgency if intake.category else Urgency.NORMAL.value
    columns = {
        "project": intake.project,
        "kind": kind,
        "description": description,
        "owner": owner,
        "payer": None if intake.is_anonymous else intake.payer,
        "contact_name": name,
        "contact_phone": phone or "",
        "contact_email": email,
        "is_anonymous": intake.is_anonymous,
        "unit": intake.unit,
        "building": building,
        "place": check("place", lambda: limited(intake.place, "place", limit=80)) or "",
        "category": intake.category,
        "urgency": choice("urgency", intake.urgency, Urgency, default_urgency),
        "source": choice("source", intake.source, Source, Source.COUNTER.value),
        "appointment_at": appointment,
        "level": choice("level", intake.level, Level, Level.ORDINARY.value) if kind == Kind.COMPLAINT else "",
        "mood": choice("mood", intake.mood, Mood, "") if kind == Kind.COMPLAINT else "",
        "is_collective": intake.is_collective and kind == Kind.COMPLAINT,
    }
    if intake.subjects and kind not in (Kind.COMPLAINT, Kind.PRAISE):
        wrong["subjects"] = [_("只有投诉和表扬可以指明员工。")]
    try:
        clean_referral(intake, columns["source"], now)
    except Invalid as refusal:
        wrong |= refusal.fields
    if wrong:
        raise Invalid(next(iter(wrong.values()))[0], fields=wrong)
    return columns


def clean_referral(intake: Intake, source: str, now: datetime) -> dict[str, Any] | None:
    return clean_intake_fields(
        source, intake.authority_number, intake.authority_due_at, intake.authority_return_until, now
    )


def register(
    intake: Intake,
    *,
    by: Actor,
    key: str = "",
    scope: str = "",
    pictures: Sequence[Picture] = (),
    now: datetime | None = None,
) -> Ticket:
    """登记: make the request. The same ``key`` in the same ``scope`` finds the request made before.

    Raises ``Invalid`` by field, and ``Conflict``: ``idempotency_mismatch`` when the key came with other content
    before, ``referral_taken`` when the authority's number is on another request.
    """
    permissions.check_power(Verb.REGISTER, intake.project.pk, by)
    fingerprint = intake.fingerprint()
    if key and (made := submitted(scope, key, fingerprint)):
        return made
    try:
        with transaction.atomic():
            return _register(intake, by=by, key=key, scope=scope, fingerprint=fingerprint, files=pictures, now=now)
    except IntegrityError:
        # Two of the same arrived together: the other one won.
        if key and (made := submitted(scope, key, fingerprint)):
            return made
        raise


def submitted(scope: str, key: str, fingerprint: str) -> Ticket | None:
    """The request this key already made, if any. Raises ``Conflict`` when its content was another."""
    found = Submission.objects.select_related("ticket").filter(scope=scope, key=key).first()
    if found is None:
        return None
    if found.body_hash != fingerprint:
        raise Conflict(_("同一个提交编号对应了不同的内容，请刷新后重新提交。"), code="idempotency_mismatch")
    return found.ticket


def _register(
    intake: Intake,
    *,
    by: Actor,
    key: str,
    scope: str,
    fingerprint: str,
    files: Sequence[Picture],
    now: datetime | None,
) -> Ticket:
    moment = now or timezone.now()
    columns = clean_intake(intake, moment)
    number = next_number(columns["kind"], moment)
    ticket = Ticket.objects.create(
        number=number,
        policy_version=policies.current_policy_version(intake.project),
        calendar_version=calendars.current_version(intake.project.calendar_id),
        created_at=moment,
        status_at=moment,
        last_event_at=moment,
        progress_at=moment,
        **columns,
    )
    if key:
        Submission.objects.create(scope=scope, key=key, body_hash=fingerprint, ticket=ticket, at=moment)
    TicketSubject.objects.bulk_create(
        TicketSubject(ticket=ticket, employee=employee) for employee in {e.pk: e for e in intake.subjects}.values()
    )
    ticket.version = 0  # writing the first event makes it 1
    move = Moving(ticket=ticket, by=by, now=moment, seq=0)
    if by.is_employee and by.viewer.employee:
        move.receive(by.viewer.employee)
    move.event(Verb.REGISTER, to=Status.REGISTERED, files=files, data={"source": columns["source"]})
    if referral := clean_referral(intake, columns["source"], moment):
        refer_at_registration(move, referral)
    after_registration(move)
    if intake.subjects and ticket.kind == Kind.COMPLAINT:
        # Whoever writes down a complaint about a superior does not keep its loop.
        recuse(move, {employee.pk for employee in intake.subjects})
    write([move], by=by, now=moment)
    return ticket


def answer_on_spot(
    ticket: Ticket,
    *,
    by: Actor,
    answer: str,
    grade: int | None = None,
    channel: str = Channel.FACE.value,
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """当场答复: all five steps at once, each with its event (consultation, suggestion, praise)."""
    with moving(ticket, Verb.ANSWER_ON_SPOT, by=by, now=now, version=version) as move:
        answer = required(answer, "answer", _("请写下答复内容。"))
        if grade is not None and grade not in GRADES:
            raise Invalid.field("grade", _("请选择评价。"))
        if grade is not None and grade < 3:
            raise Invalid.field("grade", _("业主不满意时不能当场办结，请派单继续办理。"))
        if channel not in Channel.values or channel == Channel.UNREACHABLE:
            raise Invalid.field("channel", _("请选择答复方式。"))
        move.receive_if_none()
        close_at_once(move, answer, grade=grade, channel=channel)
    return move.ticket


def close_at_once(move: Moving, answer: str, *, grade: int | None, channel: str = Channel.FACE.value) -> None:
    """Walk the remaining steps in one breath, leaving an event for each."""
    employee: Employee | None = move.by.viewer.employee
    if employee is None:
        raise IllegalMove(_("只有员工可以当场办结。"))
    department: Department = employee.department
    move.begin_leg(department.pk, employee.pk)
    move.ticket.department, move.ticket.handler = department, employee
    spot: dict[str, Any] = {"on_spot": True}
    move.event(Verb.DISPATCH, to=Status.DISPATCHED, data=spot | {"department_name": department.name})
    move.event(Verb.ACCEPT, to=Status.IN_PROGRESS, data=spot)
    move.event(Verb.COMPLETE, to=Status.COMPLETED, note=answer, data=spot | settle(move, answer))
    move.set(fed_back_at=move.now, feedback_channel=channel)
    move.event(Verb.FEED_BACK, to=Status.FED_BACK, note=answer, data=spot | {"channel": channel})
    if grade is not None:
        rating = record_rating(move, grade, "", channel)
        rating.source = RatingSource.ON_SPOT
        rating.save(update_fields=["source"])
        move.event(Verb.RATE, to=Status.AWAITING_SUMMARY, data=spot | {"grade": grade, "channel": channel})
    Summary.objects.update_or_create(
        ticket=move.ticket,
        defaults={
            "round": move.ticket.round,
            "cause": answer[:2000],
            "liability": Liability.UNDETERMINED,
            "improvement": "",
            "written_by": employee,
            "at": move.now,
        },
    )
    move.set(summarised_at=move.now, closed_at=move.now)
    move.event(
        Verb.SUMMARISE,
        to=Status.CLOSED,
        data=spot | {"cause": answer[:2000], "liability": Liability.UNDETERMINED.value, "improvement": ""},
    )

"""One request lived through, step by step, until now; its rows obey what the verbs would have left.

A story stops where the present cuts it off: so there are requests in every status, without anybody choosing one.
"""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from tickets import deadlines, schedule
from tickets.demo import pressure, words
from tickets.demo.company import Place, World
from tickets.demo.copying import NULL, Copier, text
from tickets.models import Ticket
from tickets.statuses import CLAUSE_OF, FINAL, Kind, Source, Status, Urgency, Verb

TICKET = (
    "id number kind status round version project_id building_id unit_id place category_id urgency description source "
    "appointment_at owner_id payer_id contact_name contact_phone contact_email is_anonymous level mood is_collective "
    "is_valid first_receiver_id department_id handler_id created_at status_at last_event_at progress_at due_at "
    "remind_at promised_at hold_reason hold_until arrived_at fed_back_at feedback_channel summarised_at concluded_at "
    "closed_at cancelled_by_owner grade dissatisfied_rounds returns link_version policy_version_id "
    "calendar_version_id overseen_at oversight occurrence"
)
_COLUMNS = TICKET.split()
encode = json.JSONEncoder(ensure_ascii=False).encode
SHANGHAI = timedelta(hours=8)
DEFAULTS = {field.attname: field.get_default() for field in Ticket._meta.concrete_fields} | {
    "status": Status.REGISTERED.value, "urgency": Urgency.NORMAL.value, "version": 0,
}  # fmt: skip
KINDS = ((Kind.REPAIR, 58), (Kind.COMPLAINT, 16), (Kind.CONSULTATION, 14), (Kind.SUGGESTION, 8), (Kind.PRAISE, 4))
SOURCES = ((Source.PHONE, 38), (Source.WECHAT, 18), (Source.COUNTER, 16), (Source.WEB, 20), (Source.VISIT, 5),
           (Source.HOTLINE_12345, 3))  # fmt: skip
PROGRESS = frozenset(
    {Verb.REGISTER, Verb.DISPATCH, Verb.ACCEPT, Verb.ARRIVE, Verb.RETURN, Verb.FOLLOW_UP, Verb.HOLD, Verb.RESUME,
     Verb.COMPLETE, Verb.FEED_BACK, Verb.ATTEMPT, Verb.REOPEN, Verb.SUMMARISE}
)  # fmt: skip


class Cut(Exception):
    """The present has come: the story goes no further."""


class Tables:
    """Where the rows go, parents first."""

    def __init__(self, copier: Copier):
        self.ticket = copier.table("tickets_ticket", TICKET)
        self.event = copier.table(
            "tickets_event",
            "id ticket_id seq verb at actor_kind actor_id actor_name from_status to_status round note data clause_id",
        )
        self.leg = copier.table("tickets_leg", "ticket_id round department_id handler_id started_at ended_at")
        self.term = copier.table("tickets_receiverterm", "ticket_id round employee_id started_at ended_at")
        self.clock = copier.table(
            "tickets_clock",
            "ticket_id round name started_at due_at met_at paused_at stopped_at amount unit warn_at promise_at",
        )
        self.hold = copier.table("tickets_hold", "ticket_id round reason started_at resume_at ended_at")
        self.rating = copier.table(
            "tickets_rating", "ticket_id round grade comment source channel recorded_by_id at is_late replaced_at"
        )
        self.summary = copier.table("tickets_summary", "ticket_id round cause liability improvement written_by_id at")
        self.referral = copier.table(
            "tickets_referral", "ticket_id authority number due_at return_until reply replied_at replied_by"
        )
        self.escalation = copier.table("tickets_escalation", "ticket_id round clock step due_at at")
        self.urge = copier.table(
            "tickets_urge",
            "ticket_id round by by_name by_id recorded_by note at times last_at answered_at answered_by answer",
        )
        self.subject = copier.table("tickets_ticketsubject", "ticket_id employee_id")


class Story:
    """Builds one request's rows. ``first_event`` is the id its first event takes; ``events`` how many it used."""

    def __init__(self, world: World, place: Place, rng: random.Random, pk: int, created: datetime, now: datetime):
        self.world, self.place, self.rng, self.now = world, place, rng, now
        # Not a model instance: making a million of those takes longer than everything they are made for.
        self.row = row = SimpleNamespace(**DEFAULTS)
        row.pk = row.id = pk
        row.project_id, row.source = place.id, _pick(rng, SOURCES)
        row.created_at = row.status_at = row.last_event_at = row.progress_at = created
        self.at = created
        self.pace = 1.0
        self.events: list[tuple] = []
        self.history: list[deadlines.Happening] = []
        self.legs: list[list] = []
        self.terms: list[list] = []
        self.holds: list[list] = []
        self.ratings: list[tuple] = []
        self.summary: tuple | None = None
        self.subjects: list[int] = []
        self.handler_name = self.leaf = ""

    # --- telling ------------------------------------------------------------------------------------
    def wait(self, low: float, high: float) -> None:
        """Let some minutes pass, short waits more likely than long ones; stop at the present.

        What is not urgent waits for the morning: nobody calls on an owner at three.
        """
        self.at += self.pace * timedelta(minutes=low + (high - low) * self.rng.random() ** 2)
        local = self.at + SHANGHAI
        if self.row.urgency == "normal" and not 8 <= local.hour < 21:
            morning = local.replace(hour=8, minute=0) + timedelta(days=local.hour >= 21)
            self.at = morning - SHANGHAI + timedelta(minutes=self.rng.random() * 90)
        if self.at > self.now:
            raise Cut

    def event(
        self,
        verb: Verb,
        who: tuple[str, int | None, str],
        to: Status | None = None,
        note: str = "",
        data: dict[str, Any] | None = None,
    ) -> None:
        row = self.row
        before = row.status if self.events else ""
        if to is not None and to != row.status:
            row.status, row.status_at = to.value, self.at
        row.version += 1
        row.last_event_at = self.at
        if verb in PROGRESS:
            row.progress_at = self.at
        clause = self.world.clauses.get(CLAUSE_OF.get(verb, ""))
        self.events.append(
            (len(self.events) + 1, verb.value, self.at, *who, before, row.status, row.round, note, data, clause)
        )
        self.history.append(deadlines.Happening(verb.value, self.at, row.round, row.status, data or {}))

    def desk(self) -> tuple[str, int | None, str]:
        pk, name, _department = self.rng.choice(self.place.team["front_desk"])
        return ("employee", pk, name)

    def by(self, role: str) -> tuple[str, int | None, str]:
        pk, name, _department = self.rng.choice(self.place.team[role])
        return ("employee", pk, name)

    def receive(self, employee_id: int) -> None:
        self.row.first_receiver_id = employee_id
        self.terms.append([self.row.round, employee_id, self.at, None])

    def end_leg(self) -> None:
        if self.legs and self.legs[-1][4] is None:
            self.legs[-1][4] = self.at

    def begin_leg(self, department: int, handler: int | None) -> None:
        self.end_leg()
        self.legs.append([self.row.round, department, handler, self.at, None])
        self.row.department_id, self.row.handler_id = department, handler

    # --- living ---------------------------------------------------------------------------------------
    def live(self) -> None:
        try:
            self.intake()
            if self.row.kind == Kind.PRAISE:
                self.praise()
            elif self.row.kind in (Kind.CONSULTATION, Kind.SUGGESTION) and self.rng.random() < 0.6:
                self.on_the_spot()
            else:
                self.steps()
        except Cut:
            pass

    def intake(self) -> None:
        rng, row = self.rng, self.row
        row.kind = _pick(rng, KINDS)
        unit_id, _label, building_id, owner_id, name, phone, mail = rng.choice(self.place.units)
        building = next(text for pk, text in self.place.buildings if pk == building_id)
        if row.kind == Kind.PRAISE:
            row.description = rng.choice(words.PRAISES)
            pk, self.handler_name, _department = rng.choice(self.place.team["handler"])
            self.subjects.append(pk)
            leaf, branch, self.department = "", "", self.place.team["front_desk"][0][2]
        else:
            category, leaf, branch, self.department = rng.choice(self.world.categories[row.kind])
            row.category_id = category
            sayings = words.SAYINGS.get(f"{row.kind}:{leaf}") or words.SAYINGS.get(leaf) or words.SAYINGS["其他"]
            row.description = rng.choice(sayings).format(b=building)
        self.leaf = leaf
        row.building_id = building_id
        if branch == "公区":
            row.place = building
        else:
            row.unit_id = unit_id
        if row.kind == Kind.COMPLAINT:
            row.level = rng.choices(("ordinary", "hot", "important", "major"), (80, 12, 6, 2))[0]
            row.mood = rng.choices(("calm", "displeased", "angry"), (40, 45, 15))[0]
            row.is_collective = rng.random() < 0.04
            row.is_anonymous = rng.random() < 0.06
            if leaf == "服务态度" and rng.random() < 0.6:
                self.subjects.append(rng.choice(self.place.team["handler"])[0])
        if not row.is_anonymous:
            row.owner_id, row.contact_name, row.contact_phone, row.contact_email = owner_id, name, phone, mail
        row.urgency = self.urgency(leaf)
        if row.kind == Kind.REPAIR and row.urgency == Urgency.NORMAL and rng.random() < 0.2:
            day = (row.created_at + timedelta(hours=8, days=rng.choice((0, 1, 1, 2)))).date()
            booked = datetime(day.year, day.month, day.day, rng.choice((1, 2, 6, 7, 8)), tzinfo=row.created_at.tzinfo)
            row.appointment_at = booked if booked > row.created_at else None
        if row.source == Source.WEB or row.is_anonymous:
            row.source = Source.WEB.value
            self.event(Verb.REGISTER, ("link", None, "业主"), data={"source": row.source})
        else:
            who = self.desk()
            self.receive(who[1] or 0)
            self.event(Verb.REGISTER, who, data={"source": row.source})

    def urgency(self, leaf: str) -> str:
        if self.row.kind != Kind.REPAIR:
            return Urgency.NORMAL.value
        if "困人" in self.row.description or "燃气味" in self.row.description:
            return Urgency.CRITICAL.value
        if any(word in self.row.description for word in ("爆", "烧焦", "打火花", "积水", "倒灌", "脱落", "没电了")):
            return Urgency.URGENT.value
        return (Urgency.URGENT if self.rng.random() < 0.03 else Urgency.NORMAL).value

    def on_the_spot(self) -> None:
        self.wait(1, 12)
        who = self.terms and ("employee", self.row.first_receiver_id, self._name(self.row.first_receiver_id))
        self.close_at_once(who or self.desk(), words.result(self.rng, self.row.kind, self.leaf))

    def praise(self) -> None:
        self.wait(30, 2000)
        who = self.by("supervisor")
        self.row.is_valid = True
        self.event(Verb.JUDGE, who, data={"valid": True})
        self.close_at_once(who, "已核实表扬，感谢业主的肯定。")

    def close_at_once(self, who: tuple[str, int | None, str], answer: str) -> None:
        row, employee = self.row, who[1] or 0
        if not self.terms:
            self.receive(employee)
        department = self._department(employee)
        self.begin_leg(department, employee)
        spot: dict[str, Any] = {"on_spot": True}
        name = self.world.departments[department]
        self.event(Verb.DISPATCH, who, Status.DISPATCHED, data=spot | {"department_name": name})
        self.event(Verb.ACCEPT, who, Status.IN_PROGRESS, data=spot)
        self.event(Verb.COMPLETE, who, Status.COMPLETED, answer, spot)
        row.fed_back_at, row.feedback_channel = self.at, "phone" if row.source == Source.PHONE else "face"
        self.event(Verb.FEED_BACK, who, Status.FED_BACK, answer, spot | {"channel": row.feedback_channel})
        if self.rng.random() < 0.6:
            row.grade = self.rng.choice((5, 5, 4))
            self.ratings.append((row.round, row.grade, "", "on_spot", row.feedback_channel, employee, self.at, False))
            data = spot | {"grade": row.grade, "channel": row.feedback_channel}
            self.event(Verb.RATE, who, Status.AWAITING_SUMMARY, data=data)
        self.close(who, answer, "undetermined", "", spot)

    def close(self, who: tuple[str, int | None, str], cause: str, liability: str, improvement: str, data: dict) -> None:
        row = self.row
        row.summarised_at = row.closed_at = self.at
        self.summary = (row.round, cause, liability, improvement, who[1], self.at)
        told = {"cause": cause, "liability": liability, "improvement": improvement}
        note = "" if data else cause
        self.event(Verb.SUMMARISE, who, Status.CLOSED, note, data | told)
        self.end_leg()
        if self.terms and self.terms[-1][3] is None:
            self.terms[-1][3] = self.at

    def steps(self) -> None:
        rng, row = self.rng, self.row
        fast = {Urgency.CRITICAL: 0.05, Urgency.URGENT: 0.25}.get(Urgency(row.urgency), 1.0)
        if rng.random() < 0.02:
            self.wait(5, 300)
            row.cancelled_by_owner = rng.random() < 0.4
            who = ("link", row.owner_id, "业主") if row.cancelled_by_owner else self.by("supervisor")
            self.event(Verb.CANCEL, who, Status.CANCELLED, "业主自行解决" if row.cancelled_by_owner else "重复登记")
            if self.terms:
                self.terms[-1][3] = self.at
            return
        self.dispatch(fast)
        if rng.random() < 0.05:
            self.wait(5, 60)
            row.returns += 1
            name = self.world.departments[row.department_id or 0]
            who = self.handler()
            self.end_leg()
            row.department_id = row.handler_id = None
            self.event(Verb.RETURN, who, Status.REGISTERED, rng.choice(words.RETURNS),
                       {"department_name": name, "times": row.returns})  # fmt: skip
            self.dispatch(fast)
        while True:
            self.work(fast)
            if self.tell_owner():
                break
        self.wait(60, 2600)
        keeper = ("employee", row.first_receiver_id, self._name(row.first_receiver_id))
        wordy = row.kind == Kind.COMPLAINT or row.round > 1 or rng.random() < 0.3
        self.close(
            keeper, rng.choice(words.CAUSES), rng.choices(
                ("property", "owner", "developer", "third_party", "undetermined"), (45, 25, 12, 12, 6))[0],
            rng.choice(words.IMPROVEMENTS) if wordy else "", {},
        )  # fmt: skip

    def dispatch(self, fast: float) -> None:
        rng = self.rng
        # Some wait at the desk for hours, some over night: these are the late ones.
        self.wait(1 * fast, (600 if rng.random() < 0.08 else 22) * fast)
        who = self.desk()
        if not self.terms:
            self.receive(who[1] or 0)
        handler = self._pick_handler(self.department)
        department = handler[2]
        named = rng.random() < 0.85
        self.begin_leg(department, handler[0] if named else None)
        data: dict[str, Any] = {"department": department, "department_name": self.world.departments[department]}
        if named:
            data |= {"handler": handler[0], "handler_name": handler[1]}
            self.handler_name = handler[1]
        self.event(Verb.DISPATCH, who, Status.DISPATCHED, data=data)

    def handler(self) -> tuple[str, int | None, str]:
        """Who holds it, or whoever of the department takes it now."""
        if self.row.handler_id is None:
            picked = self._pick_handler(self.row.department_id or 0)
            self.begin_leg(picked[2], picked[0])
            self.handler_name = picked[1]
        return ("employee", self.row.handler_id, self.handler_name)

    def work(self, fast: float) -> None:
        rng, row = self.rng, self.row
        self.wait(2 * fast, (700 if rng.random() < 0.08 else 34) * fast)
        who = self.handler()
        self.event(Verb.ACCEPT, who, Status.IN_PROGRESS)
        if row.kind == Kind.REPAIR and rng.random() < 0.75:
            if row.appointment_at and row.appointment_at > self.at:
                accepted, self.at = self.at, row.appointment_at
                self.wait(-25, 12)
                self.at = max(self.at, accepted)  # who took it ten minutes before is not there earlier still
            else:
                self.wait(5 * fast, (110 if row.urgency != Urgency.NORMAL else 300) * fast)
            row.arrived_at = row.arrived_at or self.at
            self.event(Verb.ARRIVE, who)
        for _each in range(rng.choices((0, 1, 2), (55, 32, 13))[0]):
            self.wait(20 * fast, 700 * fast)
            data = {"answered": True} if rng.random() < 0.75 else None
            self.event(Verb.FOLLOW_UP, who, note=rng.choice(words.PROGRESS), data=data)
        if row.urgency != Urgency.CRITICAL and rng.random() < 0.12:
            self.rest(who)
        self.wait(15 * fast, 2600 * fast)
        row.promised_at = None
        self.end_leg()
        self.event(Verb.COMPLETE, who, Status.COMPLETED, words.result(rng, row.kind, self.leaf))

    def rest(self, who: tuple[str, int | None, str]) -> None:
        rng, row = self.rng, self.row
        self.wait(10, 200)
        reason = rng.choices(list(words.HOLD_NOTES), (35, 22, 12, 10, 6, 5, 4, 6))[0]
        until = self.at + timedelta(days=rng.choice((1, 2, 3, 5, 9)))
        row.hold_reason, row.hold_until = reason, until
        self.holds.append([row.round, reason, self.at, until, None])
        self.event(
            Verb.HOLD, who, Status.ON_HOLD, words.HOLD_NOTES[reason],
            {"reason": reason, "resume_at": until.isoformat()},
        )  # fmt: skip
        if until > self.now:
            raise Cut
        early = rng.random() < 0.4
        self.at = self.at + (until - self.at) * (rng.random() * 0.6 + 0.3) if early else until
        row.hold_reason, row.hold_until = "", None
        self.holds[-1][4] = self.at
        self.event(Verb.RESUME, who if early else ("system", None, "系统"), Status.IN_PROGRESS)

    def tell_owner(self) -> bool:
        """Feedback and what comes of it: True when the request may be summarised, False for another round."""
        rng, row = self.rng, self.row
        self.wait(5, 1500 if rng.random() < 0.2 else 300)
        keeper = ("employee", row.first_receiver_id, self._name(row.first_receiver_id))
        lost = rng.random() < 0.06 and not row.is_anonymous
        if lost:
            self.event(Verb.ATTEMPT, keeper, note="无人接听", data={"channel": "phone", "reached": False})
            self.wait(60, 600)
        channel = "link" if row.is_anonymous else "unreachable" if lost else rng.choice(("phone", "phone", "wechat"))
        row.fed_back_at, row.feedback_channel = self.at, channel
        content = (
            "多次联系不上业主，已发送查询链接" if lost else f"您好，{self.events[-1][9] or '已处理完成'}，请您放心。"
        )
        self.event(Verb.FEED_BACK, keeper, Status.FED_BACK, content, {"channel": channel})
        if lost or rng.random() < 0.22:
            self.at += timedelta(days=7, minutes=1)
            if self.at > self.now:
                raise Cut
            self.event(Verb.TIME_OUT, ("system", None, "系统"), Status.AWAITING_SUMMARY)
            return True
        self.wait(3, 3500)
        grade = rng.choices((5, 4, 3, 2, 1), (48, 33, 10, 6, 3) if row.round == 1 else (40, 40, 18, 2, 0))[0]
        comment = rng.choice(words.COMMENTS[grade])
        staff = rng.random() < 0.35 and not row.is_anonymous and keeper[1] != row.handler_id
        who = keeper if staff else ("link", row.owner_id, "业主")
        row.grade = grade
        how = "phone" if staff else ""
        self.ratings.append(
            (row.round, grade, comment, "staff" if staff else "link", how, keeper[1] if staff else None, self.at, False)
        )
        data = {"grade": grade, "channel": how, "source": "staff" if staff else "owner"}
        if grade >= 3:
            self.event(Verb.RATE, who, Status.AWAITING_SUMMARY, comment, data)
            if row.kind == Kind.COMPLAINT and rng.random() < 0.8:
                row.is_valid = rng.random() < 0.7
                note = "" if row.is_valid else "经核实与事实不符"
                self.event(Verb.JUDGE, self.by("supervisor"), note=note, data={"valid": row.is_valid})
            return True
        self.event(Verb.RATE, who, None, comment, data)
        self.again(who, comment, grade)
        return False

    def again(self, who: tuple[str, int | None, str], comment: str, grade: int) -> None:
        row = self.row
        department, handler = self.legs[-1][1], self.legs[-1][2]
        row.round += 1
        row.dissatisfied_rounds += 1
        row.grade = row.fed_back_at = row.arrived_at = None
        row.feedback_channel = ""
        row.is_valid = None
        self.begin_leg(department, handler)
        data = {
            "because": "dissatisfied", "grade": grade, "department": department,
            "department_name": self.world.departments[department], "handler": handler,
            "handler_name": self.handler_name,
        }  # fmt: skip
        self.event(Verb.REOPEN, who, Status.DISPATCHED, comment or self.rng.choice(words.REOPEN_REASONS), data)

    # --- looking up -----------------------------------------------------------------------------------
    def _name(self, employee_id: int | None) -> str:
        for members in self.place.team.values():
            for pk, name, _department in members:
                if pk == employee_id:
                    return name
        return ""

    def _department(self, employee_id: int) -> int:
        for members in self.place.team.values():
            for pk, _name, department in members:
                if pk == employee_id:
                    return department
        return self.department

    def _pick_handler(self, department: int) -> tuple[int, str, int]:
        """A handler of the department whom the request is not about, else one of another department."""
        team = [member for member in self.place.team["handler"] if member[0] not in self.subjects]
        own = [member for member in team if member[2] == department] or team
        # The most experienced takes the most.
        return own[0] if self.rng.random() < 0.3 else self.rng.choice(own)

    # --- writing --------------------------------------------------------------------------------------
    def write(self, tables: Tables, number: str, first_event: int, *, remind_past: bool) -> None:
        row = self.row
        row.number = number
        terms = self.place.terms
        row.policy_version_id, row.calendar_version_id = terms.policy_version, terms.calendar_version
        referral = pressure.refer(self)
        pressure.oversee(self)
        facts = deadlines.Facts(
            row.kind, row.urgency, row.level, row.is_collective, row.appointment_at,
            authority_due_at=referral[2] if referral else None,
            policy_version=terms.policy_version, calendar_version=terms.calendar_version,
        )  # fmt: skip
        clocks = deadlines.clocks(facts, row.created_at, self.history, lambda _policy, _calendar: terms)
        escalations, urges = pressure.escalate(self, clocks), pressure.urge(self, self.rng)
        pressure.renumber(self)
        if row.status not in FINAL:
            row.due_at = deadlines.next_due(clocks, row.round)
            around = pressure.around(self, escalations, urges, referral)
            row.remind_at = schedule.next_at(row, None if remind_past else self.now, clocks=clocks, around=around)
        values = vars(row)
        tables.ticket.add(*[values[name] for name in _COLUMNS])
        # Nine of ten rows are events: written out, they take half the time of a row by the general way.
        for seq, verb, at, kind, actor, name, before, after, round_, note, data, clause in self.events:
            tables.event.line(
                f"{first_event + seq - 1}\t{row.pk}\t{seq}\t{verb}\t{at}\t{kind}\t{NULL if actor is None else actor}"
                f"\t{name}\t{before}\t{after}\t{round_}\t{text(note)}\t{text(encode(data)) if data else NULL}"
                f"\t{NULL if clause is None else clause}\n"
            )
        for leg in self.legs:
            tables.leg.add(row.pk, *leg)
        for term in self.terms:
            tables.term.add(row.pk, *term)
        for hold in self.holds:
            tables.hold.add(row.pk, *hold)
        for rating in self.ratings:
            tables.rating.add(row.pk, *rating, None)
        if self.summary:
            tables.summary.add(row.pk, *self.summary)
        for subject in self.subjects:
            tables.subject.add(row.pk, subject)
        if referral:
            tables.referral.add(row.pk, *referral, "", None, "")
        for escalation in escalations:
            tables.escalation.add(row.pk, *escalation)
        for urge in urges:
            tables.urge.add(row.pk, *urge)
        for clock in clocks:
            tables.clock.add(
                row.pk, clock.round, clock.name, clock.started_at, clock.due_at, clock.met_at, clock.paused_at,
                clock.stopped_at, clock.amount, clock.unit, clock.warn_at, clock.promise_at,
            )  # fmt: skip


def _pick(rng: random.Random, weighted: Any) -> str:
    values, weights = zip(*weighted, strict=True)
    return rng.choices(values, weights)[0].value

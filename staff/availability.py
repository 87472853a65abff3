"""Who cannot be counted on just now, until when, and who answers instead: for whoever hands out work.

Nothing here refuses anything: somebody on leave may be given what can wait for him.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from shimao_service import calendars, working_time
from shimao_service.working_time import Calendar, NeverOpen
from staff import duty
from staff.duty import OFF_SHIFT, Reason, Turn, moment_words
from staff.models import Employee, Project

# A table repeats after a week; a turn that has begun may be a day old.
A_WEEK = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Away:
    """Somebody who is not there. ``until`` of a shift is when the next one begins; None where the table knows none."""

    employee: Employee
    reason: Reason
    until: str = ""
    stand_in: str = ""

    @property
    def words(self) -> str:
        """``请假至 11月25日 08:30``, ``不在班，11月25日 08:30 上班，由 李敏 顶班``."""
        words = self.reason.words
        if self.until:
            words = _("%(words)s，%(moment)s 上班") % {"words": words, "moment": self.until}
        return _("%(words)s，由 %(name)s 顶班") % {"words": words, "name": self.stand_in} if self.stand_in else words

    @property
    def caution(self) -> str:
        """A whole sentence for whoever is about to give him work, or just did."""
        return _("%(name)s %(words)s。仍可派单，期间的提醒会转给下一位。") % {
            "name": self.employee.name,
            "words": self.words,
        }


def away(employees: Iterable[Employee], project: Project, at: datetime) -> dict[int, Away]:
    """Those of ``employees`` who cannot be counted on in ``project`` at ``at``, by id; three queries.

    Who has slots of his own in the project's table is on shift inside them, and in those where he is deputy; who has
    none is on shift in the project's service time too.
    """
    people = {one.pk: one for one in employees}
    if not people:
        return {}
    calendar = calendars.current(project.calendar_id)
    turns = duty.turns([project.pk], at, at + A_WEEK)
    found = {}
    for pk, reason in reasons(people, calendar, turns, at).items():
        back = next_shift(pk, turns, calendar, at) if reason.code == OFF_SHIFT else None
        until = moment_words(calendar.local(back), calendar.local(at)) if back else ""
        found[pk] = Away(people[pk], reason, until, stand_in(pk, turns, at))
    return found


def reasons(ids: Collection[int], calendar: Calendar, turns: Sequence[Turn], at: datetime) -> dict[int, Reason]:
    """Why each of those who are not there is not; one query."""
    running = [turn.slot for turn in turns if turn.covers(at)]
    at_work = {pk for slot in running for pk in (slot.employee_id, slot.deputy_id)}
    planned = {turn.slot.employee_id for turn in turns}
    is_served = working_time.is_open(calendar, working_time.SERVICE, at)
    rows = Employee.objects.filter(pk__in=ids).annotate(away=duty.away("pk", at)).order_by()
    found = {}
    for pk, left_on, is_active, absences in rows.values_list("pk", "left_on", "user__is_active", "away"):
        reason = duty.hindrance(left_on, bool(is_active), absences, at, calendar.zone)
        if reason is None and pk not in at_work and (pk in planned or not is_served):
            reason = Reason(OFF_SHIFT, _("不在班"))
        if reason:
            found[pk] = reason
    return found


def stand_in(pk: int, turns: Sequence[Turn], at: datetime) -> str:
    """Who answers in his turn that runs now; empty where none does, or nobody stands in."""
    standing = (turn.employee for turn in turns if turn.planned.pk == pk and turn.covers(at) and turn.is_stood_in)
    return next((one.name for one in standing if one), "")


def next_shift(pk: int, turns: Sequence[Turn], calendar: Calendar, at: datetime) -> datetime | None:
    """When somebody off shift begins: his next turn; who has none of his own, when the desk opens."""
    own = [turn.starts_at for turn in turns if turn.planned.pk == pk]
    if own:
        return min((start for start in own if start > at), default=None)
    try:
        return working_time.next_opening(calendar, working_time.SERVICE, at)
    except NeverOpen:
        return None

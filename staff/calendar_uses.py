"""Which projects live by which calendar, and who may change one: told to the ground floor, which knows no projects."""

from __future__ import annotations

from typing import Any

from shimao_service.models import WorkCalendar
from staff.access import Everywhere
from staff.models import Project
from staff.permissions import Permission


class ProjectCalendars:
    """See :class:`shimao_service.calendars.Uses`."""

    def calendar_of(self, code: str) -> int | None:
        project = Project.objects.filter(code__iexact=code).only("calendar").first()
        if project is None:
            raise LookupError(code)
        return project.calendar_id

    def users_of(self) -> dict[int | None, list[str]]:
        users: dict[int | None, list[str]] = {}
        for calendar, name in Project.objects.filter(is_active=True).values_list("calendar", "name"):
            users.setdefault(calendar, []).append(name)
        return users

    def may_see(self, viewer: Any) -> bool:
        return viewer.can(Permission.TERMS_MANAGE)

    def may_edit(self, viewer: Any, calendar: WorkCalendar) -> bool:
        """Who keeps the terms of every project in use that lives by the calendar."""
        held = viewer.projects_with(Permission.TERMS_MANAGE)
        if isinstance(held, Everywhere) or not held:
            return bool(held)
        users = Project.objects.filter(is_active=True, calendar=calendar)
        if calendar.is_default:
            users |= Project.objects.filter(is_active=True, calendar=None)
        return set(users.values_list("pk", flat=True)) <= held

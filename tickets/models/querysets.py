"""Which requests: open, late, and above all: which of them this person may see."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from staff.permissions import Permission
from tickets.statuses import OPEN, Kind, Status

if TYPE_CHECKING:
    from staff.access import Viewer
    from tickets.models.ticket import Ticket  # noqa: F401  (named by the base class below)


class TicketQuerySet(models.QuerySet["Ticket"]):
    def open(self) -> TicketQuerySet:
        return self.filter(status__in=OPEN)

    def overdue(self, now: datetime) -> TicketQuerySet:
        """A clock of theirs has run out and is not met."""
        return self.filter(due_at__lt=now)

    def not_about(self, viewer: Viewer) -> TicketQuerySet:
        """Without complaints about this person or anyone above (涉事回避)."""
        hidden = viewer.hidden_subjects
        if not hidden:
            return self
        subjects = apps.get_model("tickets", "TicketSubject").objects.filter(
            ticket=OuterRef("pk"), employee_id__in=hidden
        )
        return self.exclude(Q(kind=Kind.COMPLAINT) & Exists(subjects))

    def visible_to(self, viewer: Viewer) -> TicketQuerySet:
        """What this person may see at all; everything else does not exist for them.

        Those with the view permission: their projects. A handler: what he holds or ever held, and what
        waits for his department in his projects. A first receiver: what he received.
        """
        if viewer.employee_id is None:
            return self.none()
        whole = viewer.projects_with(Permission.TICKET_VIEW_ALL)
        if not isinstance(whole, set):
            return self.not_about(viewer)
        if whole and not viewer.can(Permission.TICKET_HANDLE):
            # The common case of a desk: one condition the planner answers from the queue's own index.
            return self.filter(Q(project_id__in=sorted(whole)) | Q(first_receiver_id=viewer.employee_id)).not_about(
                viewer
            )
        seen = Q(pk__in=self._through_hands(viewer))
        return self.filter(Q(project_id__in=sorted(whole)) | seen if whole else seen).not_about(viewer)

    def _through_hands(self, viewer: Viewer) -> models.QuerySet[Any, Any]:
        """Ids of what an employee holds, ever held, received, or may take for his department.

        A union, each part from an index of its own: as one condition with OR it would be looked for in every
        request there is.
        """
        tickets = self.model._default_manager.order_by()
        legs = apps.get_model("tickets", "Leg").objects.filter(handler_id=viewer.employee_id).order_by()
        waiting = tickets.filter(
            viewer.scope(Permission.TICKET_DEPARTMENT_QUEUE),
            status=Status.DISPATCHED,
            handler=None,
            department_id=viewer.department_id or 0,
        )
        parts = (
            tickets.filter(handler_id=viewer.employee_id).values("pk"),
            tickets.filter(first_receiver_id=viewer.employee_id).values("pk"),
            waiting.values("pk"),
        )
        held: models.QuerySet[Any, Any] = legs.values("ticket_id")
        return held.union(*parts, all=True)

    def with_people(self) -> TicketQuerySet:
        """Joined with what a row of a list shows."""
        return self.select_related(
            "project", "building", "unit", "category__parent", "department", "handler", "first_receiver"
        )

    def with_urges(self) -> TicketQuerySet:
        """Each with ``open_urges``: how often somebody urged without having had an answer."""
        urges = apps.get_model("tickets", "Urge").objects.order_by().filter(ticket=OuterRef("pk"), answered_at=None)
        times = urges.values("ticket").annotate(n=Sum("times")).values("n")
        return self.annotate(open_urges=Coalesce(Subquery(times), 0))

    def for_queue(self) -> TicketQuerySet:
        return self.with_people().with_urges()

    def for_page(self) -> TicketQuerySet:
        return self.with_people().with_urges().select_related("owner", "payer", "summary__written_by", "referral")

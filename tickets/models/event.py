"""The story of a request: one row for everything that happened, never edited, never deleted."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from shimao_service.actors import ActorKind
from staff.models import Clause
from tickets.models.ticket import Ticket
from tickets.statuses import Status, Verb


class Event(models.Model):
    """``verb`` by ``actor`` at ``at``. ``to_status`` equals ``from_status`` when nothing moved."""

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, db_index=False, related_name="events")
    seq = models.PositiveIntegerField(_("序号"))
    verb = models.CharField(_("动作"), max_length=16, choices=Verb)
    at = models.DateTimeField(_("时间"))
    actor_kind = models.CharField(_("操作者类型"), max_length=8)
    actor_id = models.BigIntegerField(_("操作者"), null=True, blank=True)
    actor_name = models.CharField(_("操作者姓名"), max_length=60)
    from_status = models.CharField(_("原状态"), max_length=16, choices=Status, blank=True)
    to_status = models.CharField(_("新状态"), max_length=16, choices=Status)
    round = models.PositiveSmallIntegerField(_("轮次"))
    note = models.TextField(_("说明"), blank=True)
    data = models.JSONField(_("细节"), null=True, blank=True)
    clause = models.ForeignKey(Clause, on_delete=models.PROTECT, null=True, blank=True, related_name="events")

    class Meta:
        verbose_name = _("工单事件")
        verbose_name_plural = _("工单事件")
        ordering = ["ticket", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["ticket", "seq"], name="event_seq_once"),
            models.CheckConstraint(
                condition=Q(actor_kind__in=[kind.value for kind in ActorKind]), name="event_actor_known"
            ),
            models.CheckConstraint(condition=Q(verb__in=Verb.values), name="event_verb_known"),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id}/{self.seq} {self.verb}"

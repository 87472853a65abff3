"""A request and its clocks. Only :mod:`tickets.lifecycle` writes a status."""

from __future__ import annotations

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Reverse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from shimao_service.models import CalendarVersion
from shimao_service.privacy import mask_name, mask_phone
from staff.models import Department, Employee, Project
from tickets.models.category import Category
from tickets.models.estate import Building, Unit
from tickets.models.owner import Owner
from tickets.models.querysets import TicketQuerySet
from tickets.statuses import (
    FINAL,
    OPEN,
    STEP_OF,
    Channel,
    ClockName,
    HoldReason,
    Kind,
    Level,
    LimitUnit,
    Mood,
    Oversight,
    Source,
    Status,
    Step,
    Urgency,
)


class Ticket(models.Model):
    """What an owner asked of us. The row holds the present; the events hold the story."""

    number = models.CharField(_("编号"), max_length=20, unique=True)
    kind = models.CharField(_("类型"), max_length=12, choices=Kind)
    status = models.CharField(_("状态"), max_length=16, choices=Status, default=Status.REGISTERED)
    round = models.PositiveSmallIntegerField(_("轮次"), default=1)
    version = models.PositiveIntegerField(_("版本"), default=1)

    # --- where and about what ---
    # Indexes that begin with project, unit and owner stand below; every index is written with every move.
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, db_index=False, related_name="tickets", verbose_name=_("项目")
    )
    building = models.ForeignKey(
        Building, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("楼栋")
    )
    unit = models.ForeignKey(
        Unit,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="tickets",
        verbose_name=_("房屋"),
    )
    place = models.CharField(_("位置"), max_length=80, blank=True)
    category = models.ForeignKey(
        Category, on_delete=models.PROTECT, null=True, blank=True, related_name="tickets", verbose_name=_("分类")
    )
    urgency = models.CharField(_("紧急程度"), max_length=10, choices=Urgency, default=Urgency.NORMAL)
    description = models.TextField(_("内容"), max_length=5000)
    source = models.CharField(_("来源"), max_length=16, choices=Source, default=Source.COUNTER)
    appointment_at = models.DateTimeField(_("预约时间"), null=True, blank=True)

    # --- who asks, who pays ---
    owner = models.ForeignKey(
        Owner,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="tickets",
        verbose_name=_("报事人"),
    )
    payer = models.ForeignKey(
        Owner, on_delete=models.PROTECT, null=True, blank=True, related_name="tickets_paid", verbose_name=_("付费人")
    )
    contact_name = models.CharField(_("联系人"), max_length=60, blank=True)
    contact_phone = models.CharField(_("联系电话"), max_length=20, blank=True)
    contact_email = models.EmailField(_("联系邮箱"), blank=True)
    is_anonymous = models.BooleanField(_("匿名"), default=False)

    # --- complaints ---
    level = models.CharField(_("投诉级别"), max_length=10, choices=Level, blank=True)
    mood = models.CharField(_("情绪"), max_length=10, choices=Mood, blank=True)
    is_collective = models.BooleanField(_("群诉"), default=False)
    is_valid = models.BooleanField(_("认定有效"), null=True, blank=True)

    # --- who has it ---
    first_receiver = models.ForeignKey(
        Employee, on_delete=models.PROTECT, null=True, blank=True, related_name="received", verbose_name=_("首问责任人")
    )
    department = models.ForeignKey(
        Department, on_delete=models.PROTECT, null=True, blank=True, related_name="tickets", verbose_name=_("责任部门")
    )
    handler = models.ForeignKey(
        Employee, on_delete=models.PROTECT, null=True, blank=True, related_name="handled", verbose_name=_("责任人")
    )

    # --- when ---
    created_at = models.DateTimeField(_("登记时间"))
    status_at = models.DateTimeField(_("进入当前状态"))
    last_event_at = models.DateTimeField(_("最近动态"))
    progress_at = models.DateTimeField(_("最近进展"))
    # The earliest clock still running; null when none is: "late" is then one look at an index.
    due_at = models.DateTimeField(_("最近时限"), null=True, blank=True)
    # When the tick next has something to say about it (see tickets.schedule).
    remind_at = models.DateTimeField(_("下次提醒"), null=True, blank=True)
    promised_at = models.DateTimeField(_("承诺下次联系"), null=True, blank=True)
    hold_reason = models.CharField(_("挂起原因"), max_length=12, choices=HoldReason, blank=True)
    hold_until = models.DateTimeField(_("挂起至"), null=True, blank=True)
    arrived_at = models.DateTimeField(_("到场时间"), null=True, blank=True)
    fed_back_at = models.DateTimeField(_("回复时间"), null=True, blank=True)
    feedback_channel = models.CharField(_("回复方式"), max_length=12, choices=Channel, blank=True)
    summarised_at = models.DateTimeField(_("总结时间"), null=True, blank=True)
    concluded_at = models.DateTimeField(_("终结时间"), null=True, blank=True)
    closed_at = models.DateTimeField(_("办结时间"), null=True, blank=True)
    cancelled_by_owner = models.BooleanField(_("业主撤销"), default=False)

    # --- by which terms: versions never change, so that every due time can be computed again ---
    policy_version = models.ForeignKey(
        "tickets.PolicyVersion", on_delete=models.PROTECT, related_name="+", verbose_name=_("时限版本")
    )
    calendar_version = models.ForeignKey(
        CalendarVersion, on_delete=models.PROTECT, related_name="+", verbose_name=_("日历版本")
    )
    # The manager oversees it (督办), since when and why.
    overseen_at = models.DateTimeField(_("督办时间"), null=True, blank=True)
    oversight = models.CharField(_("督办原因"), max_length=10, choices=Oversight, blank=True)
    # Which time it is for this unit and category within thirty days; 1 is the first.
    occurrence = models.PositiveSmallIntegerField(_("第几次"), default=1)

    # --- how it went ---
    grade = models.PositiveSmallIntegerField(_("评价"), null=True, blank=True)
    dissatisfied_rounds = models.PositiveSmallIntegerField(_("不满意轮数"), default=0)
    returns = models.PositiveSmallIntegerField(_("退单次数"), default=0)
    # Part of the tracking link's signature: raising it kills every link given out before.
    link_version = models.PositiveSmallIntegerField(_("链接版本"), default=1)

    objects = TicketQuerySet.as_manager()

    class Meta:
        verbose_name = _("工单")
        verbose_name_plural = _("工单")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="ticket_kind_known"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="ticket_status_known"),
            models.CheckConstraint(condition=Q(urgency__in=Urgency.values), name="ticket_urgency_known"),
            models.CheckConstraint(
                # Nobody holds what waits at the desk; somebody's department has what was dispatched.
                condition=(Q(status=Status.REGISTERED) & Q(department=None, handler=None))
                | (Q(status=Status.CANCELLED))
                | (~Q(status__in=[Status.REGISTERED, Status.CANCELLED]) & ~Q(department=None))
                | Q(concluded_at__isnull=False),
                name="ticket_held_by_department",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[Status.IN_PROGRESS, Status.ON_HOLD, Status.COMPLETED]) | ~Q(handler=None),
                name="ticket_worked_by_handler",
            ),
            models.CheckConstraint(
                condition=(Q(status=Status.ON_HOLD) & ~Q(hold_until=None) & ~Q(hold_reason=""))
                | (~Q(status=Status.ON_HOLD) & Q(hold_until=None, hold_reason="")),
                name="ticket_hold_has_reason_and_end",
            ),
            models.CheckConstraint(
                # B6.4, B6.5: nothing closes before the result was fed back (which asks for satisfaction)
                # and a summary written.
                condition=~Q(status=Status.CLOSED)
                | (~Q(fed_back_at=None) & ~Q(summarised_at=None) & ~Q(closed_at=None)),
                name="ticket_closed_in_full",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[Status.FED_BACK, Status.AWAITING_SUMMARY]) | ~Q(fed_back_at=None),
                name="ticket_fed_back_has_time",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(status=Status.CLOSED), name="ticket_closed_at_closed"
            ),
            models.CheckConstraint(condition=Q(grade=None) | Q(grade__range=(1, 5)), name="ticket_grade_range"),
            models.CheckConstraint(
                condition=Q(is_anonymous=False) | Q(owner=None, contact_name="", contact_phone="", contact_email=""),
                name="ticket_anonymous_keeps_nothing",
            ),
            models.CheckConstraint(
                condition=Q(status_at__gte=F("created_at")) & Q(last_event_at__gte=F("status_at")),
                name="ticket_times_in_order",
            ),
            models.CheckConstraint(
                condition=Q(overseen_at=None, oversight="") | (Q(overseen_at__isnull=False) & ~Q(oversight="")),
                name="ticket_overseen_for_a_reason",
            ),
            models.CheckConstraint(condition=Q(round__gte=1) & Q(version__gte=1), name="ticket_counts_from_one"),
        ]
        indexes = [
            # The queue of a project, newest first; its counts by status; what is late.
            models.Index(
                fields=["project", "status", "-created_at", "-id"], name="ticket_open_queue",
                condition=Q(status__in=OPEN), include=["due_at", "kind"],
            ),
            models.Index(fields=["project", "-created_at", "-id"], name="ticket_project_newest"),
            models.Index(fields=["-created_at", "-id"], name="ticket_newest"),
            models.Index(fields=["due_at"], name="ticket_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["remind_at"], name="ticket_remind", condition=Q(remind_at__isnull=False)),
            models.Index(fields=["status", "status_at"], name="ticket_open_since", condition=Q(status__in=OPEN)),
            models.Index(fields=["handler", "status"], name="ticket_open_handler", condition=Q(status__in=OPEN)),
            models.Index(
                fields=["department", "project"], name="ticket_awaiting_department",
                condition=Q(status=Status.DISPATCHED, handler=None),
            ),
            models.Index(
                fields=["first_receiver", "status"], name="ticket_open_receiver", condition=Q(status__in=OPEN),
            ),
            models.Index(fields=["unit", "-created_at"], name="ticket_unit_newest"),
            models.Index(fields=["owner", "-created_at"], name="ticket_owner_newest"),
            models.Index(fields=["contact_phone"], name="ticket_contact_phone", condition=~Q(contact_phone="")),
            models.Index(
                fields=["project", "-overseen_at"], name="ticket_overseen",
                condition=Q(status__in=OPEN, overseen_at__isnull=False),
            ),
            models.Index(
                fields=["policy_version", "id"], name="ticket_open_policy", condition=Q(status__in=OPEN),
            ),
            # People give the last digits; a web form's name belongs to no owner in the books.
            models.Index(
                OpClass(Reverse("contact_phone"), name="text_pattern_ops"), name="ticket_phone_tail",
                condition=~Q(contact_phone=""),
            ),
            models.Index(
                fields=["contact_name"], name="ticket_stranger", opclasses=["text_pattern_ops"],
                condition=Q(owner=None) & ~Q(contact_name=""),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("ticket", args=[self.number])

    @property
    def step(self) -> Step | None:
        return STEP_OF[self.status]

    @property
    def is_open(self) -> bool:
        return self.status not in FINAL

    @property
    def status_label(self) -> str:
        """A closed complaint is 已结案, a new praise 待核实; what its owner withdrew is 业主撤销."""
        if self.status == Status.REGISTERED and self.kind == Kind.PRAISE:
            return str(_("待核实"))
        if self.status == Status.CLOSED and self.kind == Kind.COMPLAINT:
            return str(_("已结案"))
        if self.status == Status.CANCELLED and self.cancelled_by_owner:
            return str(_("业主撤销"))
        return str(Status(self.status).label)

    @property
    def where(self) -> str:
        """The unit, else the place in words, else the building."""
        if self.unit_id and self.unit:
            return self.unit.label
        return self.place or (self.building.name if self.building_id and self.building else "")

    @property
    def headline(self) -> str:
        """The first line of the description, for lists."""
        return self.description.strip().split("\n", 1)[0][:80]

    @property
    def masked_name(self) -> str:
        return str(_("匿名")) if self.is_anonymous else mask_name(self.contact_name)

    @property
    def masked_phone(self) -> str:
        return mask_phone(self.contact_phone)


class Clock(models.Model):
    """One promise of one round. Computed from the events by :mod:`tickets.deadlines`, never edited."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, db_index=False, related_name="clocks")
    round = models.PositiveSmallIntegerField(_("轮次"))
    name = models.CharField(_("时限"), max_length=10, choices=ClockName)
    started_at = models.DateTimeField(_("起算"))
    due_at = models.DateTimeField(_("到期"))
    met_at = models.DateTimeField(_("达成"), null=True, blank=True)
    # Since when a hold stops it; the due time moves on when the hold ends.
    paused_at = models.DateTimeField(_("暂停于"), null=True, blank=True)
    # The round ended (reopened, cancelled, concluded) before it was met: it runs no more.
    stopped_at = models.DateTimeField(_("终止于"), null=True, blank=True)
    # The limit as the policy gives it: minutes for h and sh, days for wd.
    amount = models.PositiveIntegerField(_("时限"))
    unit = models.CharField(_("单位"), max_length=2, choices=LimitUnit)
    # When 80 % of it is used, in its own unit.
    warn_at = models.DateTimeField(_("预警"))
    # What the owner was promised, where something was; the due time is our own target.
    promise_at = models.DateTimeField(_("承诺时间"), null=True, blank=True)

    class Meta:
        verbose_name = _("时限")
        verbose_name_plural = _("时限")
        constraints = [
            models.UniqueConstraint(fields=["ticket", "round", "name"], name="clock_once_a_round"),
            models.CheckConstraint(condition=Q(due_at__gte=F("started_at")), name="clock_due_after_start"),
            models.CheckConstraint(condition=Q(name__in=ClockName.values), name="clock_name_known"),
        ]


class TicketSubject(models.Model):
    """Whom a complaint or a praise is about. A complaint is invisible to them and to those below (涉事回避)."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="subjects")
    employee = models.ForeignKey(Employee, on_delete=models.PROTECT, related_name="subject_of")

    class Meta:
        verbose_name = _("涉及员工")
        verbose_name_plural = _("涉及员工")
        constraints = [models.UniqueConstraint(fields=["ticket", "employee"], name="subject_once")]


class TicketLink(models.Model):
    """Two requests with one cause, so that one visit serves both. ``low`` has the smaller id."""

    low = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="links_high")
    high = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="links_low")
    linked_at = models.DateTimeField(_("关联时间"))
    linked_by = models.CharField(_("关联人"), max_length=60)

    class Meta:
        verbose_name = _("关联工单")
        verbose_name_plural = _("关联工单")
        constraints = [
            models.UniqueConstraint(fields=["low", "high"], name="link_once"),
            models.CheckConstraint(condition=Q(low__lt=F("high")), name="link_ordered"),
        ]

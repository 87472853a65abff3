"""What a request is about: a tree that each company edits."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from staff.models import Department
from tickets.statuses import Kind, Urgency


class Category(models.Model):
    """A leaf such as 报修·户内·给排水. ``keywords`` suggest it from the owner's words."""

    kind = models.CharField(_("类型"), max_length=12, choices=Kind)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("上级分类")
    )
    name = models.CharField(_("名称"), max_length=30)
    keywords = ArrayField(models.CharField(max_length=20), default=list, blank=True, verbose_name=_("关键词"))
    department = models.ForeignKey(
        Department,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="categories",
        verbose_name=_("默认部门"),
    )
    urgency = models.CharField(_("默认紧急程度"), max_length=10, choices=Urgency, default=Urgency.NORMAL)
    # Empty: every kind of project.
    project_kinds = ArrayField(
        models.CharField(max_length=12), default=list, blank=True, verbose_name=_("适用项目类型")
    )
    order = models.PositiveSmallIntegerField(_("排序"), default=100)
    is_active = models.BooleanField(_("启用"), default=True)

    class Meta:
        verbose_name = _("分类")
        verbose_name_plural = _("分类")
        ordering = ["kind", "order", "id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "parent", "name"], name="category_once", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"{self.parent.name}·{self.name}" if self.parent_id and self.parent else self.name

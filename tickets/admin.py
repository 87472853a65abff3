"""Look-ups for operators: read-only, since every move leaves its event. Only categories are edited here."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from staff.admin import ReadOnly
from tickets import models


class Large(ReadOnly):
    """A table of millions: no count of all rows, no look-up field of all rows."""

    show_full_result_count = False
    list_per_page = 50


@admin.register(models.Ticket)
class TicketAdmin(Large):
    list_display = ("number", "kind", "status", "project", "created_at")
    list_select_related = ("project",)
    search_fields = ("number",)
    search_help_text = _("编号")
    ordering = ("-pk",)


@admin.register(models.Event)
class EventAdmin(Large):
    list_display = ("ticket", "seq", "verb", "at", "actor_name", "to_status")
    list_select_related = ("ticket",)
    search_fields = ("ticket__number",)
    ordering = ("-pk",)


@admin.register(models.Category)
class CategoryAdmin(admin.ModelAdmin):
    """The company's own tree; a category in use is switched off, not deleted."""

    list_display = ("name", "kind", "parent", "department", "urgency", "order", "is_active")
    list_filter = ("kind", "is_active")
    list_select_related = ("parent", "department")
    search_fields = ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(models.Building)
class BuildingAdmin(ReadOnly):
    list_display = ("project", "code", "name")
    list_select_related = ("project",)
    list_filter = ("project",)

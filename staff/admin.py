"""Look-ups for operators. Everything here is decided by verbs that leave a record, so nothing is edited."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from staff import models


class ReadOnly(admin.ModelAdmin):
    """Seen, searched, never written: what changes goes through the pages and their verbs."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(models.Project)
class ProjectAdmin(ReadOnly):
    list_display = ("code", "name", "kind", "is_active")


@admin.register(models.Department)
class DepartmentAdmin(ReadOnly):
    list_display = ("code", "name", "is_front_desk", "is_active")


@admin.register(models.Employee)
class EmployeeAdmin(ReadOnly):
    list_display = ("number", "name", "department", "title", "left_on")
    list_filter = ("department",)
    list_select_related = ("department",)
    search_fields = ("number", "name", "pinyin")


@admin.register(models.Role)
class RoleAdmin(ReadOnly):
    list_display = ("code", "name", "is_company_wide", "order")


@admin.register(models.RoleGrant)
class RoleGrantAdmin(ReadOnly):
    list_display = ("employee", "role", "project", "granted_at")
    list_filter = ("role", "project")
    list_select_related = ("employee", "role", "project")


@admin.register(models.StaffChange)
class StaffChangeAdmin(ReadOnly):
    list_display = ("at", "by_name", "action", "employee", "role", "project", "note")
    list_filter = ("action",)
    list_select_related = ("employee", "role", "project")
    show_full_result_count = False


@admin.register(models.RegulationVersion)
class RegulationVersionAdmin(ReadOnly):
    list_display = ("number", "title", "effective_on")


@admin.register(models.Clause)
class ClauseAdmin(ReadOnly):
    list_display = ("code", "title", "version", "is_missing")
    list_filter = ("version", "is_missing")
    list_select_related = ("version",)

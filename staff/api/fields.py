"""Projects and departments by their codes, people by the name they sign in with."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.fields import empty

from staff.models import Department, Employee, Project


class Finding:
    """A field whose text or number, once it is known to be sound, finds a row."""

    def run_validation(self, data: Any = empty) -> Any:
        value = super().run_validation(data)  # type: ignore[misc]
        return None if value is None else self.find(value)

    def find(self, value: Any) -> Any:
        """The row. Raises ``ValidationError``."""
        raise NotImplementedError


class ProjectField(Finding, serializers.CharField):
    """Code of a project the caller works in; others are not told from unknown ones."""

    def find(self, value: str) -> Project:
        found = next((one for one in self.context["viewer"].projects if one.code == value), None)
        if found is None:
            raise serializers.ValidationError(_("没有编码为“%(code)s”的项目。") % {"code": value[:20]})
        return found


class DepartmentField(Finding, serializers.CharField):
    def find(self, value: str) -> Department:
        found = Department.objects.filter(code=value).first()
        if found is None:
            raise serializers.ValidationError(_("没有编码为“%(code)s”的部门。") % {"code": value[:20]})
        return found


class EmployeeField(Finding, serializers.CharField):
    """A username in, the employee out; written as a username again, or null for who has no account."""

    def find(self, value: str) -> Employee:
        found = Employee.objects.select_related("department", "user").filter(user__username=value).first()
        if found is None:
            raise serializers.ValidationError(_("没有用户名为“%(name)s”的员工。") % {"name": value[:40]})
        return found

    def to_representation(self, value: Employee) -> str | None:  # type: ignore[override]
        return value.user.username if value.user_id and value.user else None

"""Projects and departments by their codes, people by the name they sign in with."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from staff.models import Department, Employee, Project


class ProjectField(serializers.CharField):
    """Code of a project the caller works in; others are not told from unknown ones."""

    def to_internal_value(self, data: Any) -> Project:  # type: ignore[override]
        code = super().to_internal_value(data)
        found = next((one for one in self.context["viewer"].projects if one.code == code), None)
        if found is None:
            raise serializers.ValidationError(_("没有编码为“%(code)s”的项目。") % {"code": code[:20]})
        return found


class DepartmentField(serializers.CharField):
    def to_internal_value(self, data: Any) -> Department:  # type: ignore[override]
        code = super().to_internal_value(data)
        found = Department.objects.filter(code=code).first()
        if found is None:
            raise serializers.ValidationError(_("没有编码为“%(code)s”的部门。") % {"code": code[:20]})
        return found


class EmployeeField(serializers.CharField):
    """A username in, the employee out; written as a username again, or null for who has no account."""

    def to_internal_value(self, data: Any) -> Employee:  # type: ignore[override]
        username = super().to_internal_value(data)
        found = Employee.objects.select_related("department", "user").filter(user__username=username).first()
        if found is None:
            raise serializers.ValidationError(_("没有用户名为“%(name)s”的员工。") % {"name": username[:40]})
        return found

    def to_representation(self, value: Employee) -> str | None:  # type: ignore[override]
        return value.user.username if value.user_id and value.user else None

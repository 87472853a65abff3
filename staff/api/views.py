"""Signing in, who I am, and who works where."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from shimao_service.privacy import mask_phone
from staff.access import Viewer
from staff.api.authentication import sign_in
from staff.api.base import Strict, View
from staff.api.fields import DepartmentField
from staff.api.paging import page
from staff.api.schema import described, listing
from staff.models import Department, Employee, Project

PEOPLE, PLACES = "登录", "查找"


class Credentials(Strict):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=128, trim_whitespace=False, style={"input_type": "password"})
    code = serializers.CharField(max_length=20, required=False, help_text=_("两步验证的验证码，开启了才需要"))


class TokenBody(serializers.Serializer):
    token = serializers.CharField()


class TokenView(View):
    authentication_classes = []
    permission_classes = []

    @described(
        "auth_token", _("登录取令牌"), tag=PEOPLE, request=Credentials, answers={200: TokenBody},
        errors=(400, 401, 429), auth=[],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        return Response({"token": sign_in(request._request, **self.checked(Credentials, request.data)).key})


class RolesBody(serializers.Serializer):
    project = serializers.CharField(allow_null=True, help_text=_("项目编码；null 表示全公司"))
    roles = serializers.ListField(child=serializers.CharField())


class MeBody(serializers.Serializer):
    username = serializers.CharField()
    name = serializers.CharField()
    department = serializers.CharField(allow_null=True)
    title = serializers.CharField()
    roles = RolesBody(many=True)


def roles_by_project(viewer: Viewer) -> list[dict[str, Any]]:
    found: dict[str | None, list[str]] = {}
    for grant in viewer.grants:
        found.setdefault(grant.project.code if grant.project else None, []).append(grant.role.code)
    return [{"project": project, "roles": roles} for project, roles in found.items()]


class MeView(View):
    @described("auth_me", _("我是谁，在哪些项目有什么角色"), tag=PEOPLE, answers={200: MeBody})
    def get(self, request: Request) -> Response:
        viewer, employee = self.viewer, self.viewer.employee
        return Response(
            {
                "username": viewer.user.get_username(),
                "name": viewer.name,
                "department": employee.department.code if employee else None,
                "title": employee.title if employee else "",
                "roles": roles_by_project(viewer),
            }
        )


class ProjectBody(serializers.Serializer):
    code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(Project.Kind.choices)


class ProjectsView(View):
    @described("projects", _("我所在的项目"), tag=PLACES, answers={200: listing(ProjectBody, "ProjectList")})
    def get(self, request: Request) -> Response:
        return Response({"next": None, "results": ProjectBody(self.viewer.projects, many=True).data})


class DepartmentBody(serializers.Serializer):
    code = serializers.CharField()
    name = serializers.CharField()
    is_front_desk = serializers.BooleanField()


class DepartmentsView(View):
    @described("departments", _("公司的部门"), tag=PLACES, answers={200: listing(DepartmentBody, "DepartmentList")})
    def get(self, request: Request) -> Response:
        departments = Department.objects.filter(is_active=True)
        return Response({"next": None, "results": DepartmentBody(departments, many=True).data})


class EmployeeParams(Strict):
    q = serializers.CharField(required=False, max_length=50, help_text=_("姓名、拼音或首字母"))
    department = DepartmentField(required=False, help_text=_("部门编码"))
    cursor = serializers.CharField(required=False, max_length=300)


class EmployeeBody(serializers.Serializer):
    username = serializers.CharField(source="user.username", allow_null=True)
    name = serializers.CharField()
    department = serializers.CharField(source="department.code")
    title = serializers.CharField()
    phone = serializers.SerializerMethodField()

    def get_phone(self, employee: Employee) -> str:
        return mask_phone(employee.phone)


def colleagues(viewer: Viewer) -> Any:
    """Those at work in the caller's projects or department."""
    people = Employee.objects.active().select_related("user", "department")
    if any(grant.role.is_company_wide for grant in viewer.grants):
        return people
    projects = [project.pk for project in viewer.projects]
    return people.filter(
        Q(department_id=viewer.department_id) | Q(pk__in=Employee.objects.filter(grants__project__in=projects))
    )


class EmployeesView(View):
    params = EmployeeParams

    @described(
        "employees", _("同项目、同部门的在职同事"), tag=PLACES, parameters=[EmployeeParams],
        answers={200: listing(EmployeeBody, "EmployeeList")},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        asked = self.asked()
        people = colleagues(self.viewer)
        if department := asked.get("department"):
            people = people.filter(department=department)
        if text := asked.get("q"):
            lower = text.lower()
            people = people.filter(
                Q(name__startswith=text) | Q(pinyin__startswith=lower) | Q(initials__startswith=lower)
            )
        rows, after = page(people, "number", asked.get("cursor", ""))
        return Response({"next": after, "results": EmployeeBody(rows, many=True).data})

"""How endpoints are described: the error form, and the shape of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers


class ErrorBody(serializers.Serializer):
    """Every refusal: ``code`` for programs, ``detail`` for people, ``fields`` where input was wrong."""

    code = serializers.CharField()
    detail = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), required=False
    )


WORDS = {
    400: _("输入有误（invalid，按字段说明；parse_error）"),
    401: _("未登录或令牌无效"),
    403: _("看得到，但不能做（forbidden）"),
    404: _("不存在或无权查看（not_found）"),
    409: _("此状态下不能这样做（illegal_move），或已有新动态（stale）"),
    415: _("不支持的内容类型"),
    429: _("太频繁，请稍后再试（too_many）"),
}


class EmployeeTokenScheme(OpenApiAuthenticationExtension):
    target_class = "staff.api.authentication.EmployeeTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": str(_("填写“Token ”加上 auth/token/ 返回的令牌")),
        }


class EmployeeSessionScheme(OpenApiAuthenticationExtension):
    target_class = "staff.api.authentication.EmployeeSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


def listing(row: type[serializers.Serializer], name: str) -> serializers.Serializer:
    """``{"next": cursor or null, "results": […]}``."""
    return inline_serializer(name, {"next": serializers.CharField(allow_null=True), "results": row(many=True)})


def described(
    operation: str,
    summary: Any,
    *,
    tag: str,
    answers: dict[int, Any],
    errors: Iterable[int] = (400, 401),
    **kwargs: Any,
) -> Callable[[Any], Any]:
    """``extend_schema`` with the error form under each status in ``errors``."""
    refusals = {status: OpenApiResponse(ErrorBody, description=str(WORDS[status])) for status in errors}
    return extend_schema(
        operation_id=operation, summary=summary, tags=[tag], responses={**answers, **refusals}, **kwargs
    )

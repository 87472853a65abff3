"""The view, the parser and the serializer that every endpoint is made of: nothing unknown, nothing unparsable."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from django.core.exceptions import SuspiciousOperation
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from shimao_service.exceptions import NotSeen
from staff.access import Viewer

MOST_BYTES = 1024 * 1024
BIGGEST_ID = 2**63 - 1
# Half of a character: Python reads it from JSON, UTF-8 cannot write it.
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class JsonParser(BaseParser):
    """UTF-8 JSON of at most a megabyte; whatever is wrong with it is a 400."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ParseError(_("请求内容超过 1 MB。"))
        try:
            text = content.decode("utf-8-sig")
            value = json.loads(text, parse_constant=self.refuse)
            if SURROGATE.search(text):
                json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise ParseError(_("请求内容不是有效的 JSON。")) from error
        return value

    @staticmethod
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")


class Strict(serializers.Serializer):
    """Fields that it does not have are refused: a misspelt one would be lost without a word."""

    def to_internal_value(self, data: Any) -> Any:
        wrong: dict[str, Any] = {}
        if isinstance(data, Mapping):
            wrong = {str(name)[:60]: [_("没有这个字段。")] for name in data if name not in self.fields}
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            if isinstance(error.detail, dict):
                raise ValidationError(wrong | error.detail) from error
            raise
        if wrong:
            raise ValidationError(wrong)
        return value


class IdField(serializers.IntegerField):
    def __init__(self, **kwargs: Any):
        super().__init__(min_value=1, max_value=BIGGEST_ID, **kwargs)


class View(APIView):
    """An endpoint. ``params`` describes the query parameters it takes; any other is refused."""

    params: ClassVar[type[Strict]] = Strict
    parser_classes = [JsonParser]
    http_method_names = ["get", "post", "head"]

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        # Whatever charset the caller names: addresses and bodies are UTF-8.
        request.encoding = "utf-8"
        return super().initialize_request(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, SuspiciousOperation):
            exc = ParseError(_("请求内容过大或格式不正确。"))
        return super().handle_exception(exc)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        # Owners' data, and links that open requests: not for any cache on the way.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @cached_property
    def viewer(self) -> Viewer:
        """Who calls. The project picked in the page's top bar narrows nothing here."""
        user: Any = self.request.user
        return Viewer(user, getattr(user, "employee", None))

    def asked(self) -> dict[str, Any]:
        """The query parameters, checked; empty ones count as absent. Raises ``ValidationError``."""
        given = {name: value for name, value in self.request.query_params.items() if value != ""}
        return self.checked(self.params, given)

    def checked(self, kind: type[serializers.Serializer], data: Any) -> dict[str, Any]:
        serializer = kind(data=data, context={"viewer": self.viewer})
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.params is Strict:
            self.asked()


class Nowhere(View):
    """Whatever else is asked below the API's root is answered in its own form."""

    authentication_classes = []
    permission_classes = []
    schema = None

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        raise NotSeen(_("没有这个接口，请核对地址（以 / 结尾）。"))

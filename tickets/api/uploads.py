"""Pictures beside the words: the same fields as multipart/form-data, with files named ``pictures``."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request

FIELD = "pictures"


def split(request: Request) -> tuple[Any, list[UploadedFile]]:
    """The words, and the files named ``pictures``; files by any other name stay among the words and are refused."""
    data = request.data
    if not isinstance(data, QueryDict) or FIELD not in request.FILES:
        return data, []
    return {name: value for name, value in data.items() if name != FIELD}, request.FILES.getlist(FIELD)


def with_pictures(body: type[serializers.Serializer]) -> dict[str, Any]:
    """How such a body is described."""
    files = serializers.ListField(child=serializers.FileField(), required=False, max_length=9)
    parts: Any = dict(body().get_fields())
    multipart = inline_serializer(f"{body.__name__}WithPictures", parts | {FIELD: files})
    return {"application/json": body, "multipart/form-data": multipart}

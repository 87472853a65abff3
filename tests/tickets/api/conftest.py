from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

ROOT = "/api/v1/"


class Caller(APIClient):
    """Somebody who calls with a token; paths stand below ``/api/v1/``."""

    def look(self, path: str, **params: Any) -> Any:
        return self.get(ROOT + path, params)

    def tell(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        return self.post(ROOT + path, {} if body is None else body, **({"format": "json"} | kwargs))


@pytest.fixture
def api(cast: SimpleNamespace):
    """``api("frontdesk")``: that member of the cast, calling with a token."""

    def caller(name: str) -> Caller:
        client = Caller()
        token, _made = Token.objects.get_or_create(user=getattr(cast, name).user)
        client.credentials(HTTP_AUTHORIZATION=f"Token {token.key}")
        return client

    return caller

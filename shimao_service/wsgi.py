"""The WSGI entry point, for gunicorn."""

import codecs
import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shimao_service.settings")

django_application = get_wsgi_application()


def application(headers: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django, without the one header it trips over before any of our code runs.

    ``Content-Type: text/plain; charset=hex`` names a codec that is none for text; Django then dies with a bare 500.
    """
    kind, _semicolon, rest = headers.get("CONTENT_TYPE", "").partition(";")
    charset = next(
        (part.split("=", 1)[1] for part in rest.split(";") if part.strip().lower().startswith("charset=")), ""
    )
    if charset:
        try:
            if not codecs.lookup(charset.strip().strip('"'))._is_text_encoding:
                headers["CONTENT_TYPE"] = kind
        except (LookupError, ValueError):
            headers["CONTENT_TYPE"] = kind
    return django_application(headers, start_response)


from django.db import connections  # noqa: E402  (needs the settings)

from shimao_service.checks import refuse_demo_accounts  # noqa: E402  (needs the apps loaded)

refuse_demo_accounts()
connections.close_all()  # not to be shared by the workers that are forked from here

"""No log line opens a request or a database."""

from __future__ import annotations

import datetime
import io
import logging
import logging.config
from types import SimpleNamespace

import pytest
import structlog
from gunicorn.config import Config

from shimao_service import logs
from shimao_service.access_log import AccessLogger

TOKEN = "eyJ0IjoxfQ.s3cr3t-T0ken_42"


@pytest.mark.parametrize(
    "text",
    [
        f"Not Found: /track/{TOKEN}/",
        f"GET /track/{TOKEN}/rate/?grade=5 HTTP/1.1",
        f"https://desk.example.cn/track/{TOKEN}",
        f'"http://desk/track/{TOKEN}/pictures/1"',
    ],
)
def test_a_tracking_token_is_hidden_wherever_it_stands(text: str) -> None:
    assert TOKEN not in logs.redact_text(text)
    assert "/track/…" in logs.redact_text(text)


def test_the_password_of_an_address_is_hidden() -> None:
    assert logs.redact_text("Connected to redis://:hush@127.0.0.1:1/0") == "Connected to redis://:…@127.0.0.1:1/0"


@pytest.fixture(params=["line", "json"])
def stream(request: pytest.FixtureRequest) -> io.StringIO:
    """What a handler with the configured formatter writes."""
    formatter = logs.configuration(request.param, "INFO")["formatters"]["fact"]
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    options = {name: value for name, value in formatter.items() if name != "()"}
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(**options))
    logger = logging.getLogger("tests.fact")
    logger.handlers, logger.propagate, logger.level = [handler], False, logging.INFO
    return written


def test_djangos_lines_and_ours_lose_what_must_not_be_read(stream: io.StringIO) -> None:
    logging.getLogger("tests.fact").warning("Not Found: %s", f"/track/{TOKEN}/")
    structlog.get_logger("tests.fact").info("link_opened", path=f"/track/{TOKEN}/", phone="13800005678", ticket=81)
    try:
        raise ValueError(f"bad link /track/{TOKEN}/")
    except ValueError:
        logging.getLogger("tests.fact").exception("failed")
    written = stream.getvalue()
    assert TOKEN not in written
    assert "13800005678" not in written
    assert "link_opened" in written
    assert "81" in written
    assert "ValueError" in written


def test_the_access_log_hides_the_token_of_the_path_and_of_the_referrer() -> None:
    logger = AccessLogger(Config())
    environ = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": f"/track/{TOKEN}/",
        "PATH_INFO": f"/track/{TOKEN}/",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_REFERER": f"https://desk/track/{TOKEN}/",
        "QUERY_STRING": "",
    }
    response = SimpleNamespace(status="200 OK", sent=5, headers=[])
    request = SimpleNamespace(headers=[("referer", f"https://desk/track/{TOKEN}/")])
    atoms = logger.atoms(response, request, environ, datetime.timedelta(seconds=1))
    assert TOKEN not in "".join(str(value) for value in atoms.values())

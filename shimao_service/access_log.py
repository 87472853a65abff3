"""gunicorn's own lines, without tracking tokens."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger

from shimao_service.logs import redact_text


class AccessLogger(Logger):
    """The request line, the path and the referrer lose their tokens; so do errors, which quote the request."""

    def atoms(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        found = super().atoms(*args, **kwargs)
        return {name: redact_text(value) if isinstance(value, str) else value for name, value in found.items()}

    def _redacted(self, message: Any, arguments: tuple[Any, ...]) -> str:
        try:
            return redact_text(str(message) % arguments if arguments else str(message))
        except (TypeError, ValueError):
            return redact_text(f"{message} {arguments}")

    def warning(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        super().warning("%s", self._redacted(msg, args), **kwargs)

    def error(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        super().error("%s", self._redacted(msg, args), **kwargs)

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        super().exception("%s", self._redacted(msg, args), **kwargs)

    def debug(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        super().debug("%s", self._redacted(msg, args), **kwargs)

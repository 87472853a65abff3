#!/usr/bin/env python3
"""Django's command line. In a checkout where ``make run`` runs it finds the same database and broker by itself."""

import os
import secrets
import sys
from typing import NoReturn

# These read or write files of the checkout: they need no secret, and no database.
OFFLINE = {
    "collectstatic", "compilemessages", "help", "--help", "makemessages", "makemigrations", "--version", "working_time",
}  # fmt: skip


def refuse(reason: str) -> NoReturn:
    """One line, no traceback. 2 tells the caller that it was said."""
    print(f"✗ {reason}", file=sys.stderr)
    sys.exit(2)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shimao_service.settings")
    if len(sys.argv) > 1 and sys.argv[1] in OFFLINE:
        os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(50))
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
        from django.db import OperationalError
    except ImportError:
        refuse("依赖还没有安装：请先运行 make run。 / Not installed yet: run make run first.")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        refuse(f"{error}")
    except OperationalError as error:
        if "--traceback" in sys.argv:
            raise
        refuse(f"数据库出错：{str(error).strip().splitlines()[0]}")


if __name__ == "__main__":
    main()

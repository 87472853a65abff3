#!/usr/bin/env python3
"""Django's command line. In a checkout where ``make run`` runs it finds the same database and broker by itself."""

import os
import secrets
import sys

# These read or write files of the checkout: they need no secret, and no database.
OFFLINE = {"makemigrations", "collectstatic", "compilemessages", "makemessages", "help", "--help", "--version"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shimao_service.settings")
    if len(sys.argv) > 1 and sys.argv[1] in OFFLINE:
        os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(50))
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
        from django.db import OperationalError
    except ImportError:
        sys.exit("✗ 依赖还没有安装：请先运行 make run。 / Not installed yet: run make run first.")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"✗ {error}")
    except OperationalError as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"✗ 数据库出错：{str(error).strip().splitlines()[0]}")


if __name__ == "__main__":
    main()

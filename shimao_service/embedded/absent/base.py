"""A Postgres backend that never connects: used while no database is named and none runs in the checkout.

So whatever needs no database works (``makemigrations``, ``collectstatic``), and all else says what to do.
"""

from typing import Any, NoReturn

from django.db.backends.postgresql import base
from django.db.utils import OperationalError


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> NoReturn:
        raise OperationalError(
            "没有可用的数据库：请先在这个目录运行 make run，或用环境变量 DATABASE_URL 指定一个。"
            " / No database: run make run in this checkout first, or name one by DATABASE_URL."
        )

"""What nearly every test begins with is worked out once in a process, and then written again as the same rows.

The cast, and the defaults that the first request brings along, cost more than most tests are about. Nothing is shared:
each test has the rows in its own tables and objects of its own. The moment of the working out becomes the moment of
the writing.
"""

from __future__ import annotations

import io
import pickle
import re
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

Made = TypeVar("Made")

# A moment as COPY writes it; the connection's zone is UTC.
MOMENT = re.compile(r"(?<=\t)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?\+00(?=[\t\n])")
NOW = "\\now"  # nothing that COPY would write


class Remembered(Generic[Made]):
    """``make``, done once for every ``state`` of the tables and day, then repeated by its rows.

    ``state`` tells all that the outcome depends on; None has it made in earnest. So do other threads: who races,
    races with the real thing. ``models`` are those whose rows are made; without any it is everything.
    """

    def __init__(
        self, make: Callable[[], Made], state: Callable[[], Hashable], models: tuple[type[Model], ...] = ()
    ) -> None:
        self.make = make
        self.state = state
        self.models = models
        self.kept: dict[Hashable, tuple[dict[str, str], bytes]] = {}

    def __call__(self) -> Made:
        if threading.current_thread() is not threading.main_thread() or (state := self.state()) is None:
            return self.make()
        where = connection.settings_dict
        key = (where["HOST"], where["PORT"], where["NAME"], timezone.localdate(), state)
        if key in self.kept:
            return self.repeat(*self.kept[key])
        return self.work_out(key) if may_pass_triggers() else self.make()

    def work_out(self, key: Hashable) -> Made:
        tables = _tables(self.models)
        before = _rows(tables)
        first = timezone.now()
        made = self.make()
        last = timezone.now()
        after = _rows(tables)
        if all(before[table] <= after[table] for table in tables):  # what it only adds can be added again
            new = {table: sorted(after[table] - before[table]) for table in tables}
            text = {table: _without_now("".join(rows), first, last) for table, rows in new.items() if rows}
            self.kept[key] = text, _packed(made, first, last)
        return made

    def repeat(self, rows: dict[str, str], packed: bytes) -> Made:
        now = timezone.now()
        with past_the_triggers() as cursor:
            for table, text in rows.items():
                cursor.copy_expert(f"COPY {table} FROM STDIN", io.StringIO(text.replace(NOW, now.isoformat())))
        return _Unpickler(packed, now).load()


class Tables:
    """All tables as they are now; what tests commit is taken away by :meth:`restore`.

    As ``flush`` does between tests that commit, but faster, with the rows of the migrations and their ids, and with
    the cache, which is no model's table.
    """

    def __init__(self) -> None:
        self.rows = {table: "".join(sorted(rows)) for table, rows in _rows(_tables()).items()}
        self.names = [table.partition(" ")[0] for table in self.rows]

    def restore(self) -> None:
        with past_the_triggers() as cursor:
            # Waits for whoever still writes: a request that the browser has left, a worker that was killed.
            cursor.execute(f"LOCK TABLE {', '.join(self.names)} IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute(" UNION ALL ".join(f"(SELECT '{name}' FROM {name} LIMIT 1)" for name in self.names))
            for (name,) in cursor.fetchall():
                cursor.execute(f"DELETE FROM {name}")
            for table, text in self.rows.items():
                if text:
                    cursor.copy_expert(f"COPY {table} FROM STDIN", io.StringIO(text))


@contextmanager
def past_the_triggers() -> Iterator[Any]:
    """What is written has passed every trigger once; a version that is published already would refuse its rows."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield cursor
        cursor.execute("SET LOCAL session_replication_role = origin")


@cache
def may_pass_triggers() -> bool:
    """The embedded Postgres lets us, a named one may not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        return bool(cursor.fetchone()[0])


def _tables(models: Iterable[type[Model]] = ()) -> list[str]:
    """The tables of these models, or all, each with the columns that can be written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_class"
            " JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'django_migrations'"
            " GROUP BY relname ORDER BY relname"
        )
        columns = dict(cursor.fetchall())
    names = [model._meta.db_table for model in models] or columns
    return [f'"{name}" ({columns[name]})' for name in names]


def _rows(tables: list[str]) -> dict[str, set[str]]:
    found = {}
    with connection.cursor() as cursor:
        for table in tables:
            text = io.StringIO()
            cursor.copy_expert(f"COPY {table} TO STDOUT", text)
            found[table] = set(text.getvalue().splitlines(keepends=True))
    return found


def _without_now(text: str, first: datetime, last: datetime) -> str:
    def replaced(match: re.Match[str]) -> str:
        return NOW if first <= datetime.fromisoformat(match[0]) <= last else match[0]

    return MOMENT.sub(replaced, text)


def _packed(made: Any, first: datetime, last: datetime) -> bytes:
    class Pickler(pickle.Pickler):
        def persistent_id(self, thing: Any) -> str | None:
            return "now" if type(thing) is datetime and timezone.is_aware(thing) and first <= thing <= last else None

    packed = io.BytesIO()
    Pickler(packed, protocol=pickle.HIGHEST_PROTOCOL).dump(made)
    return packed.getvalue()


class _Unpickler(pickle.Unpickler):
    def __init__(self, packed: bytes, now: datetime) -> None:
        super().__init__(io.BytesIO(packed))
        self.now = now

    def persistent_load(self, _id: str) -> datetime:
        return self.now

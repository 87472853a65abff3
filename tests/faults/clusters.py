"""A Postgres of the test's own, with the tests' tables, that may be taken down under everybody's hands."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.db import connection

from shimao_service.embedded import postgres
from shimao_service.embedded.postgres import Postgres
from tests.shimao_service.processes import environment

# What was committed must be there after the crash: only the machine's own crash is left out.
SETTINGS = {"fsync": "off", "full_page_writes": "off"}


@contextmanager
def own_cluster(folder: Path) -> Iterator[Postgres]:
    """Start one and lead this process's connections to it, and those of the processes it starts; then lead them back.

    The tests' database must exist: its tables are copied.
    """
    home = postgres.home(folder / "run")
    server = Postgres(home / "faults", settings=SETTINGS, log=folder / "postgres.log")
    usual = connection.settings_dict
    kept = dict(usual)
    try:
        server.start()
        things = _dump(folder / "tables.sql")
        connection.close()
        usual |= {
            "HOST": "127.0.0.1", "PORT": server.port, "NAME": postgres.DATABASE, "USER": postgres.SUPERUSER,
            "PASSWORD": server.password,
        }  # fmt: skip
        _fill(folder / "tables.sql", things)
        yield server
    finally:
        connection.close()
        usual.clear()
        usual |= kept
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def restart_immediately(server: Postgres) -> None:
    """As ``pg_ctl restart -m immediate``: every process of the server aborts, the next start recovers."""
    assert server.process
    server.process.send_signal(signal.SIGQUIT)
    server.process.wait()
    server.start()


def _dump(file: Path) -> int:
    """Write the tests' tables, without their rows, as statements; answer how many things there are."""
    dump = [str(postgres.programs() / "pg_dump"), "--schema-only", "--no-owner", f"--file={file}"]
    subprocess.run([*dump, environment({})["DATABASE_URL"]], capture_output=True)
    return _things()


def _fill(file: Path, things: int) -> None:
    """Make the same tables here: much faster than to migrate. Another version's Postgres may have written statements
    that this one does not know; what matters is that everything is there in the end."""
    psql = [str(postgres.programs() / "psql"), "--quiet", "--no-psqlrc", f"--file={file}"]
    subprocess.run([*psql, environment({})["DATABASE_URL"]], capture_output=True)
    if _things() != things:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        call_command("migrate", verbosity=0, skip_checks=True)


def _things() -> int:
    """Tables, indexes, checks, keys and triggers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
            " + (SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n')"
            " + (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal)"
        )
        return int(cursor.fetchone()[0])

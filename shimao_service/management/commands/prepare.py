"""Make the database ready to serve: tables, and a demo where one is wanted and nothing is there yet."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, CommandError, call_command, get_commands
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from shimao_service.checks import open_demo_accounts


class Command(BaseCommand):
    help = "Migrate; with --demo fill an empty database; without DEBUG refuse one with demo accounts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="fill the database with demo data when it is empty")

    def handle(self, *args: Any, demo: bool, **options: Any) -> None:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(
                f"连不上数据库，请检查 DATABASE_URL。 / Cannot connect to the database, check DATABASE_URL: {reason}",
                returncode=2,
            ) from None
        self.migrate()
        if not settings.DEBUG and (names := open_demo_accounts()):
            raise CommandError(
                f"数据库里有演示账号（{'、'.join(names)}），正式环境不能启动：请换一个库，或停用这些账号。"
                " / The database has demo accounts: use another one, or deactivate them.",
                returncode=2,
            )
        if demo:
            self.fill()

    def migrate(self) -> None:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            self.say(f"升级数据库结构（{len(plan)} 步）…… Migrating.")
            try:
                call_command("migrate", interactive=False, verbosity=1)
            except DatabaseError as error:
                reason = str(error).strip().splitlines()[0]
                raise CommandError(
                    f"数据库结构升级失败（演示可用 make reset 清空）。 / Migrating failed: {reason}",
                    returncode=2,
                ) from error

    def fill(self) -> None:
        if "demo_data" not in get_commands() or get_user_model()._default_manager.exists():
            return
        self.say("数据库是空的，填充演示数据…… Filling the empty database with demo data.")
        call_command("demo_data")

    def say(self, text: str) -> None:
        self.stdout.write(f"▸ {text}")
        self.stdout.flush()

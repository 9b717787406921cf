"""`pulse migrate`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from pulse.cli import OK, Command
from pulse.settings import MigrateSettings
from pulse_consumer.commands.words import no_words


def _migrate(_args: Namespace, env: Mapping[str, str]) -> int:
    from pulse.adapters import logs
    from pulse_consumer.migrate import migrate

    settings = MigrateSettings.from_env(env)
    log = logs.configure(settings.log, "migrate")
    applied = migrate(settings.database.dsn, settings.pipeline, settings.role_prefix)
    for migration in applied:
        log.info("migration_applied", migration=f"{migration.version:04d}_{migration.name}")
    log.info("database_migrated", applied=len(applied), pipeline=settings.pipeline)
    return OK


MIGRATE = Command("create or update the schemas, roles and rights of the database", no_words, _migrate)

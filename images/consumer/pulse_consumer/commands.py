"""The consumer's part of the `pulse` command. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pulse.cli import FAILED, OK, Command
from pulse.settings import ConsumerSettings, MigrateSettings, OffsetsSettings


def _no_words(_parser: ArgumentParser) -> None:
    """The command is configured by the environment alone."""


def _consume(_args: Namespace, env: Mapping[str, str]) -> int:
    from pulse_consumer.run import run

    run(ConsumerSettings.from_env(env))
    return OK


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


def _offsets_words(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    reset = actions.add_parser("reset", help="move the stored offsets; a running consumer notices and follows")
    reset.add_argument(
        "--to-beginning",
        action="store_true",
        required=True,
        help="to the first offset that the log still holds, in every partition; what is stored counts as duplicates",
    )
    reset.add_argument("--yes", action="store_true", help="do not ask")


def _offsets(args: Namespace, env: Mapping[str, str]) -> int:
    from pulse_consumer.replay import plan_reset

    reset = plan_reset(OffsetsSettings.from_env(env))
    print(reset.description)  # noqa: T201 - the command's answer
    if not args.yes and not _confirmed():
        print("Nothing was changed.", file=sys.stderr)  # noqa: T201
        return FAILED
    reset.apply()
    print("Done. A running consumer starts again at these offsets within seconds.")  # noqa: T201
    return OK


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        print("No terminal to ask on: say --yes.", file=sys.stderr)  # noqa: T201
        return False
    return input("Go on? [y/N] ").strip().lower() in ("y", "yes")


CONSUME = Command("read events from Kafka into Postgres until stopped", _no_words, _consume)
MIGRATE = Command("create or update the schemas, roles and rights of the database", _no_words, _migrate)
OFFSETS = Command("the stored offsets of the consumer", _offsets_words, _offsets)

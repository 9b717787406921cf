"""`pulse maintain`."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from datetime import UTC, datetime

from pulse.cli import OK, Command
from pulse.settings import MaintainSettings


def _day(text: str) -> datetime:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day: give one such as 2026-01-31") from None
    if day.year < 2000:
        raise ArgumentTypeError(f"{text} is before 2000-01-01, the first day of which events are accepted")
    return day


def _maintain_words(parser: ArgumentParser) -> None:
    parser.description = (
        "Makes the week partitions of raw.events up to a week ahead, and removes events that are past PULSE_RETENTION "
        "once the transformation has read them; removes dead letters and conflicts that are past "
        "PULSE_DEAD_LETTER_RETENTION, open letters with a warning; makes fewer rows of the old part of raw.batches. "
        "Consumers may run meanwhile. Safe to run at any time, and again."
    )
    parser.add_argument(
        "--from",
        dest="since",
        metavar="DAY",
        type=_day,
        help="make partitions from this day on, for history to come; the retention still limits them",
    )
    parser.add_argument(
        "--week",
        dest="weeks",
        metavar="DAY",
        type=_day,
        action="append",
        default=[],
        help="also make the partition of the week that this day lies in; may be said often",
    )
    parser.add_argument("--dry-run", action="store_true", help="change nothing, say what would be done")


def _maintain(args: Namespace, env: Mapping[str, str]) -> int:
    from pulse.adapters import logs
    from pulse_consumer.keeping.maintain import maintain

    settings = MaintainSettings.from_env(env)
    log = logs.configure(settings.log, "maintain")
    done = maintain(
        settings.database.dsn,
        settings.retention or None,
        log,
        letter_length=settings.dead_letter_retention or None,
        since=args.since,
        also=args.weeks,
        dry_run=args.dry_run,
    )
    log.info(
        "database_maintained",
        made=len(done.made),
        moved=done.moved,
        dropped=len(done.dropped),
        held=len(done.held),
        expired=done.expired,
        compacted=done.compacted,
        letters=done.letters,
        open_letters=done.open_letters,
        conflicts=done.conflicts,
        kept_from=done.kept_from.isoformat() if done.kept_from else None,
        dry_run=args.dry_run,
    )
    return OK


MAINTAIN = Command(
    "make the partitions of raw.events ahead of time, remove events that are past the retention",
    _maintain_words,
    _maintain,
)

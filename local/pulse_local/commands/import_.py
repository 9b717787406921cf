"""`pulse import`: sends a file of events to the running stack and says what became of them."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pulse.adapters import kafka as kafka_adapter
from pulse.adapters import logs
from pulse.adapters.postgres import connect
from pulse.cli import FAILED, OK, Command
from pulse.env import Settings
from pulse.errors import PulseError, SettingsError, Stop
from pulse.plan import plan
from pulse.settings import DatabaseSettings, KafkaSettings, LogSettings, TopicSettings
from pulse.weeks import Week
from pulse_local import environment, history, needs, stack
from pulse_local.importing import books, checking, reading
from pulse_local.importing.checking import Checker, Tally, Watch, records
from pulse_local.importing.mapping import EventMapping, parsed_mapping
from pulse_local.importing.sending import Landed, Sender
from pulse_local.output import say
from pulse_local.state import PIPELINE

SHOWN_EVENTS = 5
_LOG_EVERY_SECONDS = 5.0
_DEAD_LETTERS = (
    'pulse psql --admin -c "select class, reason, field from raw.dead_letters order by first_seen desc limit 10"'
)


@dataclass(frozen=True, slots=True)
class ImportSettings(Settings):
    """Where an import sends to, and where it looks its events up again."""

    kafka: KafkaSettings
    database: DatabaseSettings
    topics: TopicSettings
    log: LogSettings


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="CSV or JSON lines, plain or gzip")
    parser.add_argument("--map", type=Path, required=True, metavar="MAPPING.yaml", help="which column becomes what")
    parser.add_argument("--strict", action="store_true", help="send nothing if a single row is bad")
    parser.add_argument("--dry-run", action="store_true", help="send nothing; show the first events and the bad rows")
    parser.add_argument("--no-wait", action="store_true", help="do not wait until the events are stored")


def _run(words: Namespace, env: Mapping[str, str]) -> int:
    mapping = _read_mapping(words.map)
    reading.file_format(words.file, mapping)
    if words.dry_run:
        return _rehearsed(words.file, mapping, env)
    settings = ImportSettings.from_env(_environment(env, wait=not words.no_wait))
    client = kafka_adapter.admin(settings.kafka)
    limit = int(kafka_adapter.topic_config(client, settings.topics.events)["max.message.bytes"])
    checker = Checker(mapping, limit)
    tally = Tally(words.file)
    with _watching(settings.log) as watch:
        if words.strict and not _all_good(words.file, mapping, checker, tally, watch):
            tally.show_bad_rows()
            say(f"Nothing was sent, {tally.bad:,} of {tally.read:,} rows are bad.")
            return FAILED
        _make_weeks(settings, checking.weeks(words.file, mapping, watch), env)
        tally = Tally(words.file)
        sender = Sender(settings.kafka, settings.topics.events, limit)
        for record in records(words.file, mapping, checker, tally, watch):
            sender.send(record)
        landed = sender.finish()
        outcome = None if words.no_wait else _fate(settings, landed, watch)
    tally.show_bad_rows()
    _show({"rows read": tally.read, "bad rows": tally.bad, "sent": sender.sent, **_told(outcome)})
    return FAILED if tally.bad or _surprises(outcome) else OK


def _rehearsed(file: Path, mapping: EventMapping, env: Mapping[str, str]) -> int:
    """A dry run: the whole file is read and checked, and nothing is sent."""
    checker = Checker(mapping, int(plan(PIPELINE).events.config["max.message.bytes"]))
    tally = Tally(file)
    with _watching(LogSettings.from_env(env)) as watch:
        good = records(file, mapping, checker, tally, watch)
        shown = [record.value.decode() for record in islice(good, SHOWN_EVENTS)]
        count = len(shown) + sum(1 for _ in good)
    sys.stdout.writelines(f"{line}\n" for line in shown)
    sys.stdout.flush()
    tally.show_bad_rows()
    _show({"rows read": tally.read, "bad rows": tally.bad, "good rows": count})
    say("Nothing was sent: this was a dry run.")
    return FAILED if tally.bad else OK


def _read_mapping(path: Path) -> EventMapping:
    try:
        return parsed_mapping(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as failed:
        reason = failed.strerror if isinstance(failed, OSError) else "it is not UTF-8"
        raise SettingsError(f"The mapping {path} cannot be read: {reason}.") from failed


def _environment(env: Mapping[str, str], *, wait: bool) -> dict[str, str]:
    """The variables of the local stack while it runs; those of the user come first."""
    local = stack.opened(env, say)
    if not local.running():
        if "PULSE_KAFKA_BOOTSTRAP_SERVERS" not in env:
            raise Stop("There is no broker to send to: start the local stack with `pulse up`.")
        return dict(env)
    needs.check(local, (stack.KAFKA, stack.POSTGRES) if wait else (stack.KAFKA,), env)
    if wait and not local.is_running(stack.CONSUMER):
        raise Stop("The consumer does not run, so nothing would be stored: `pulse up` starts it, or say --no-wait.")
    return {**environment.variables(local.state, "import"), **env}


def _all_good(file: Path, mapping: EventMapping, checker: Checker, tally: Tally, watch: Watch) -> bool:
    for _ in records(file, mapping, checker, tally, watch):
        pass
    return tally.bad == 0


def _make_weeks(settings: ImportSettings, weeks: set[Week], env: Mapping[str, str]) -> None:
    """History gets its partitions before it is sent; where that is not ours to do, a sentence says whose it is."""
    local = stack.opened(env, say)
    if "PULSE_DATABASE_DSN" not in env and local.is_running(stack.POSTGRES):
        history.make_weeks(local, weeks)
        return
    with suppress(PulseError):  # without the database nobody can say; an import that waits for it says that
        history.tell_missing(settings.database.dsn, weeks)


def _fate(settings: ImportSettings, landed: Landed, watch: Watch) -> books.Outcome:
    total = sum(next_ - first for ranges in landed.values() for first, next_ in ranges)
    topic_id = kafka_adapter.topic_id(kafka_adapter.admin(settings.kafka), settings.topics.events)
    with connect(settings.database.dsn, "pulse-import") as connection:
        books.wait_stored(
            connection, settings.topics, landed, lambda left: watch("storing", max(0, total - left), total)
        )
        watch("storing", total, total)
        return books.outcome(connection, topic_id, landed)


@contextmanager
def _watching(settings: LogSettings) -> Iterator[Watch]:
    """A bar on a terminal, else JSON lines."""
    if not sys.stderr.isatty():
        log = logs.configure(settings, "import")
        said = 0.0

        def tell(what: str, done: int, total: int) -> None:
            nonlocal said
            if done == total or time.monotonic() - said > _LOG_EVERY_SECONDS:
                said = time.monotonic()
                log.info("import_progressed", step=what, done=done, total=total)

        yield tell
        return
    columns = (TextColumn("{task.description:<8}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        tasks = {what: progress.add_task(what, total=None, start=False) for what in ("looking", "reading", "storing")}

        def move(what: str, done: int, total: int) -> None:
            progress.start_task(tasks[what])
            progress.update(tasks[what], completed=done, total=total)

        yield move


def _told(outcome: books.Outcome | None) -> dict[str, int]:
    return {name.replace("dead", "dead letters"): count for name, count in asdict(outcome).items()} if outcome else {}


def _surprises(outcome: books.Outcome | None) -> bool:
    """Says what a person has to look at, and whether there is anything."""
    if outcome and outcome.dead:
        say(f"{outcome.dead:,} events of this import became dead letters. Why: `{_DEAD_LETTERS}`")
    if outcome and outcome.conflicts:
        say(
            f"{outcome.conflicts:,} rows were imported before with other content (a changed mapping?): the first "
            "content stays, the others are kept in raw.event_conflicts. `pulse down --purge` starts afresh."
        )
    return bool(outcome and (outcome.dead or outcome.conflicts))


def _show(counts: Mapping[str, int]) -> None:
    sys.stdout.writelines(f"{name:<14}{count:>12,}\n" for name, count in counts.items())


IMPORT = Command("send a CSV or JSONL file as events; a second time adds nothing", _configure, _run)

"""`pulse import`: sends a file of events to the running stack and says what became of them."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pulse.adapters import kafka as kafka_adapter
from pulse.adapters import logs
from pulse.adapters.postgres import connect
from pulse.cli import FAILED, OK, Command
from pulse.env import Settings
from pulse.errors import SettingsError, Stop
from pulse.settings import DatabaseSettings, KafkaSettings, LogSettings, TopicSettings
from pulse_local import environment, stack
from pulse_local.importing import books, reading
from pulse_local.importing.converting import BadRow, Record, converted
from pulse_local.importing.mapping import EventMapping, parsed_mapping
from pulse_local.importing.sending import Landed, Sender
from pulse_local.output import say

SHOWN_BAD_ROWS = 10
_REPORT_EVERY_ROWS = 2_000
_LOG_EVERY_SECONDS = 5.0
_RECORD_OVERHEAD_BYTES = 512


@dataclass(frozen=True, slots=True)
class ImportSettings(Settings):
    """Where an import sends to, and where it looks its events up again."""

    kafka: KafkaSettings
    database: DatabaseSettings
    topics: TopicSettings
    log: LogSettings


# Hears of the work: what is being done, how much of it is done, and how much there is.
Watch = Callable[[str, int, int], None]


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="CSV or JSON lines, plain or gzip")
    parser.add_argument("--map", type=Path, required=True, metavar="MAPPING.yaml", help="which column becomes what")
    parser.add_argument("--strict", action="store_true", help="send nothing if a single row is bad")
    parser.add_argument("--no-wait", action="store_true", help="do not wait until the events are stored")


def _run(words: Namespace, env: Mapping[str, str]) -> int:
    mapping = _read_mapping(words.map)
    reading.file_format(words.file, mapping)
    settings = ImportSettings.from_env(_environment(env, wait=not words.no_wait))
    client = kafka_adapter.admin(settings.kafka)
    limit = int(kafka_adapter.topic_config(client, settings.topics.events)["max.message.bytes"])
    tally = Tally(words.file)
    with _watching(settings.log) as watch:
        if words.strict and not _all_good(words.file, mapping, limit, tally, watch):
            tally.show_bad_rows()
            say(f"Nothing was sent, {tally.bad:,} of {tally.read:,} rows are bad.")
            return FAILED
        tally = Tally(words.file)
        sender = Sender(settings.kafka, settings.topics.events, limit)
        for record in _records(words.file, mapping, limit, tally, watch):
            sender.send(record)
        landed = sender.finish()
        outcome = None if words.no_wait else _fate(settings, landed, watch)
    tally.show_bad_rows()
    _show(tally, sender.sent, outcome)
    return FAILED if tally.bad else OK


class Tally:
    """What was read, and what of it cannot be used."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._examples: list[BadRow] = []
        self.read = 0
        self.bad = 0

    def refuse(self, row: BadRow) -> None:
        self.bad += 1
        if len(self._examples) < SHOWN_BAD_ROWS:
            self._examples.append(row)

    def show_bad_rows(self) -> None:
        for row in self._examples:
            say(f"{self._file} {row.place}: {row.reason}")
        if self.bad > len(self._examples):
            say(f"... and {self.bad - len(self._examples):,} more bad rows")


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
    if wait and not local.is_running(stack.CONSUMER):
        raise Stop("The consumer does not run, so nothing would be stored: `pulse up` starts it, or say --no-wait.")
    return {**environment.variables(local.state, "import"), **env}


def _records(file: Path, mapping: EventMapping, limit: int, tally: Tally, watch: Watch) -> Iterator[Record]:
    """The file's records; the tally hears of every row."""
    with reading.opened(file, mapping) as source:
        for row in source.rows():
            tally.read += 1
            if tally.read % _REPORT_EVERY_ROWS == 0:
                watch("reading", source.position, source.size)
            record = row if isinstance(row, BadRow) else converted(row, mapping)
            if isinstance(record, Record) and len(record.value) + len(record.key) + _RECORD_OVERHEAD_BYTES > limit:
                record = BadRow(record.place, f"is larger than the topic allows, {limit:,} bytes")
            if isinstance(record, BadRow):
                tally.refuse(record)
            else:
                yield record
        watch("reading", source.size, source.size)


def _all_good(file: Path, mapping: EventMapping, limit: int, tally: Tally, watch: Watch) -> bool:
    for _ in _records(file, mapping, limit, tally, watch):
        pass
    return tally.bad == 0


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
        tasks = {what: progress.add_task(what, total=None, start=False) for what in ("reading", "storing")}

        def move(what: str, done: int, total: int) -> None:
            progress.start_task(tasks[what])
            progress.update(tasks[what], completed=done, total=total)

        yield move


def _show(tally: Tally, sent: int, outcome: books.Outcome | None) -> None:
    counts = {"rows read": tally.read, "bad rows": tally.bad, "sent": sent}
    if outcome:
        counts |= {name.replace("dead", "dead letters"): count for name, count in asdict(outcome).items()}
    sys.stdout.writelines(f"{name:<14}{count:>12,}\n" for name, count in counts.items())


IMPORT = Command("send a CSV or JSONL file as events; a second time adds nothing", _configure, _run)

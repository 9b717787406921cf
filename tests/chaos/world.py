"""What the faults of one run act on: a pipeline of its own, its consumers as processes, and its traffic."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from kit.pipeline import Pipeline, environment, logged_in
from psycopg.conninfo import make_conninfo

from chaos.servers import Servers
from chaos.traffic import REFUSED_PAGE, Traffic
from chaos.truth import Truth
from chaos.waiting import PATIENCE_SECONDS, Broken, answer, wait_for
from pulse import cli
from pulse.adapters import kafka
from pulse.names import database_roles
from pulse.plan import Topic, plan
from pulse.settings import DatabaseSettings, LogSettings, MaintainSettings
from pulse_consumer.migrate import migrate

CONSUMERS = 2
RATE = 100.0
CONSUMER_SETTINGS = {
    "PULSE_BATCH_ROWS": "100",
    "PULSE_SHUTDOWN_GRACE": "20s",
    "PULSE_SESSION_TIMEOUT": "6s",  # the least that a broker takes by default
    "PULSE_BREAKER_RATIO": "1",  # floods are on purpose here
}


class World:
    """A run's own topics, database, consumers and traffic, from construction until `close`."""

    def __init__(self, servers: Servers, logs: Path, seed: int, protocol: str) -> None:
        self.servers = servers
        self.protocol = protocol
        self.admin = kafka.admin(servers.broker.settings)
        self.plan = plan(f"c{uuid.uuid4().hex[:10]}")
        self._name = f"chaos_{uuid.uuid4().hex[:12]}"
        servers.administer(f"create database {self._name}")
        answer(lambda: kafka.create_topics(self.admin, self.plan.topics), "the broker creates no topics")
        migrate(self.database.dsn, self.plan.pipeline)
        with self.connect() as connection:
            connection.execute(
                f"alter table raw.events add constraint refused check (page <> '{REFUSED_PAGE}')".encode()
            )
        self._ingest = logged_in(self.database, database_roles().ingest)
        self.pipeline = Pipeline(servers.broker.settings, self.database, self._ingest, self._ingest, self.plan, logs)
        self.truth = Truth(self.pipeline)
        self.consumers: list[subprocess.Popen[bytes]] = []
        self.weeks_made = 0  # so far back raw.events has a partition for every week
        for _ in range(CONSUMERS):
            self.start_consumer()
        self.traffic = Traffic(servers.broker.settings, self.plan.events.name, seed, RATE)

    @property
    def database(self) -> DatabaseSettings:
        """The run's database as its owner, past the link, on the server that is primary now."""
        return DatabaseSettings(self.servers.database.dsn(self._name))

    def start_consumer(self, failpoint: str = "") -> subprocess.Popen[bytes]:
        """One more consumer, which reaches both servers through the links."""
        port = str(self.servers.database_link.port)
        settings = self.pipeline.settings(group_protocol=self.protocol).to_env() | CONSUMER_SETTINGS
        settings |= {
            "PULSE_KAFKA_BOOTSTRAP_SERVERS": self.servers.kafka.bootstrap_servers,
            "PULSE_DATABASE_DSN": make_conninfo(self._ingest.dsn, port=port),
        }
        if failpoint:
            settings["PULSE_FAILPOINT"] = failpoint
        process = self.pipeline.start(["-m", "pulse_consumer", "run"], settings)
        self.consumers.append(process)
        return process

    def stop_consumer(self, process: subprocess.Popen[bytes]) -> None:
        """SIGTERM; Broken unless it ends with exit code 0."""
        self.consumers.remove(process)
        code = self.pipeline.stop(process)
        if code != 0:
            raise Broken(f"a consumer told to stop ended with exit code {code}\n{self.pipeline.log(process)[-3000:]}")

    def kill_consumer(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL."""
        self.consumers.remove(process)
        self.pipeline.stop(process, signal.SIGKILL)

    def replace_stopped(self) -> None:
        """Starts consumers in the place of those that stopped with exit code 3, as a person would after mending."""
        for process in [one for one in self.consumers if one.poll() == cli.STOPPED]:
            self.consumers.remove(process)
            self.start_consumer()

    def check_consumers(self) -> None:
        """Broken if a consumer ended that nobody ended."""
        for process in self.consumers:
            if process.poll() is not None:
                said = self.pipeline.log(process)[-3000:]
                raise Broken(f"a consumer ended by itself with exit code {process.poll()}\n{said}")

    def owners(self) -> list[subprocess.Popen[bytes]]:
        """The consumers that own partitions now, as their logs say."""
        return [process for process in self.consumers if self.owned(process)]

    def owned(self, process: subprocess.Popen[bytes]) -> list[int]:
        """The partitions that it owns now, as its log says."""
        changes = [line for line in self.pipeline.log(process).splitlines() if '"partitions_changed"' in line]
        return json.loads(changes[-1])["owned"] if changes else []

    def epochs(self) -> dict[int, int]:
        """The epoch of each partition."""
        return dict(self.pipeline.rows("select partition_id, epoch from raw.consumer_offsets"))  # type: ignore[arg-type]

    def last_batch(self) -> int:
        """The number of the newest batch in the ledger."""
        return self.pipeline.number("select max(batch_id) from raw.batches")

    def marks(self) -> dict[int, int]:
        """How long the log of each consumer's process is."""
        return {process.pid: len(self.pipeline.log(process)) for process in self.consumers}

    def said_since(self, marks: dict[int, int], words: str) -> bool:
        """Whether a consumer has logged the words behind the marks."""
        return any(words in self.pipeline.log(one)[marks.get(one.pid, 0) :] for one in self.consumers)

    def quiet(self) -> None:
        """Pauses the traffic and returns when all that was sent is stored."""
        self.traffic.pause()
        wait_for(self.pipeline.caught_up, "records wait in the log", progress=self.pipeline.stored_offsets)

    def reset_offsets(self) -> None:
        """`pulse offsets reset --to-beginning --yes`, as a person runs it."""
        self.truth.expect_reset()
        self._command("offsets", "reset", "--to-beginning", "--yes", env=self.pipeline.offsets_settings().to_env())

    def verify(self) -> None:
        """`pulse verify`; Broken unless it says that everything adds up."""
        self._command("verify", env=self.pipeline.ingest.to_env())

    def maintain(self, weeks_back: int) -> None:
        """`pulse maintain --from DAY`, as its Job runs it, for so many weeks before this one."""
        since = (datetime.now(UTC) - timedelta(weeks=weeks_back)).date()
        self.weeks_made = max(self.weeks_made, weeks_back)
        self._command("maintain", "--from", str(since), env=MaintainSettings(self.database, LogSettings()).to_env())

    def _command(self, *words: str, env: dict[str, str]) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "pulse_consumer", *words],
            env=environment(env),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        if done.returncode != 0:
            raise Broken(
                f"`pulse {' '.join(words)}` ended with exit code {done.returncode}: {done.stdout}{done.stderr}"
            )

    def drop_topic(self, topic: Topic) -> None:
        """Deletes a topic; returns when it is gone."""
        self.admin.delete_topics([topic.name])[topic.name].result(timeout=kafka.ADMIN_TIMEOUT_SECONDS)
        wait_for(lambda: topic.name not in self.admin.list_topics(timeout=10).topics, f"{topic.name} is still there")

    def create_topic(self, topic: Topic) -> None:
        """Creates it; returns when the broker has done so."""
        wait_for(lambda: kafka.create_topics(self.admin, [topic]) != [], f"{topic.name} cannot be created")

    def set_topic(self, topic: Topic, **values: str) -> None:
        """Changes the topic's configuration; underscores stand for dots."""
        entries = [
            ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
            for name, value in values.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries)
        answer(
            lambda: self.admin.incremental_alter_configs([resource])[resource].result(kafka.ADMIN_TIMEOUT_SECONDS),
            f"{topic.name} does not take {values}",
        )

    def follow_database(self) -> None:
        """Looks at the server that is primary now."""
        self.pipeline.database = self.database
        self._ingest = DatabaseSettings(make_conninfo(self._ingest.dsn, port=str(self.servers.database.port)))
        self.pipeline.ingest = self._ingest

    def connect(self, **words: object) -> psycopg.Connection[tuple[object, ...]]:
        """A connection to the run's database as its owner, past the link."""
        return psycopg.connect(self.database.dsn, **words)  # type: ignore[arg-type]

    def close(self) -> None:
        """Ends consumers and traffic, removes topics and database."""
        self.pipeline.close()
        self.traffic.close()
        for future in self.admin.delete_topics([topic.name for topic in self.plan.topics]).values():
            future.result(timeout=kafka.ADMIN_TIMEOUT_SECONDS)
        self.servers.administer(f"drop database {self._name} with (force)")

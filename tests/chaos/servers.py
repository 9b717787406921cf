"""The broker and the database servers of a campaign, with the links that consumers reach them by.

Consumers see two ports that never change: those of the proxies. The broker advertises its proxy to them; this process
has listeners of its own, so that it can look at both servers while the links are cut.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg
from kit.guardian import Guardian

from chaos.proxy import Proxy
from chaos.waiting import wait_for
from pulse.settings import KafkaSettings
from pulse_local import ports, processes
from pulse_local.paths import Paths
from pulse_local.processes import Process
from pulse_local.services import jars, kafka, postgres, system_user

SESSION_SECONDS = 6.0  # silence after which the broker gives partitions away (protocol `consumer`)
# The client waits as long for the answer to a heartbeat. One that is lost with an assignment in it leaves a partition
# without an owner until the group loses patience with whoever should have given it up, after five minutes.
HEARTBEAT_SECONDS = 2.0


class Servers:
    """Kafka and Postgres, running from construction until `close`."""

    def __init__(self, paths: Paths, guardian: Guardian) -> None:
        self._paths = paths
        self._guardian = guardian
        self._user = system_user.for_postgres()
        self._jars = jars.ensure_jars(paths.cache, jars.locked_jars(), print)
        self._ports = self._free_ports(4)
        self._generation = 0
        self.kafka_link = Proxy(self._ports[2])
        self.database_link = Proxy(self._ports[3])
        self.database = self._start_postgres(self._ports[3], None)
        self.broker = self.start_broker()

    @staticmethod
    def _free_ports(count: int) -> list[int]:
        taken: list[int] = []
        for _ in range(count):
            taken.append(ports.free_port(taken=taken))
        return taken

    @property
    def kafka(self) -> KafkaSettings:
        """How consumers reach the broker: through the link."""
        return KafkaSettings(bootstrap_servers=f"{ports.HOST}:{self.kafka_link.port}")

    def start_broker(self) -> kafka.Broker:
        """Starts the broker on the data that it left, if it left any, and returns when it answers."""
        port, controller, linked, _ = self._ports
        host = ports.HOST
        self.broker = kafka.start(
            self._paths.kafka,
            self._paths.home / "kafka.log",
            self._jars,
            port,
            controller,
            on_start=self._guardian.watch,
            extra={
                "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller},LINK://{host}:{linked}",
                "advertised.listeners": f"PLAINTEXT://{host}:{port},LINK://{host}:{self.kafka_link.port}",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LINK:PLAINTEXT",
                "group.consumer.session.timeout.ms": str(int(SESSION_SECONDS * 1000)),
                "group.consumer.heartbeat.interval.ms": str(int(HEARTBEAT_SECONDS * 1000)),
            },
        )
        return self.broker

    def kill_broker(self) -> None:
        """SIGKILL; returns when the broker is gone."""
        _end(self.broker.process, signal.SIGKILL)

    def start_database(self) -> None:
        """Starts the database server again on the data that it left."""
        self.database = self._start_postgres(self.database.port, self.database.password)

    def crash_database(self) -> None:
        """Immediate shutdown: as if the machine lost power. Returns when the server is gone."""
        _end(self.database.process, signal.SIGQUIT)

    def start_standby(self) -> postgres.Server:
        """A streaming replica of the database server. Each COMMIT waits for it from now on, so it has them all."""
        self._generation += 1
        directory, port = self._directory(), ports.free_port()
        directory.mkdir(0o700)
        if self._user is not None:
            os.chown(directory, self._user.uid, self._user.gid)
        programs = postgres.binaries(postgres.installed(), self._paths.cache, self._user)
        words = ["-D", str(directory / "data"), "-d", self.database.dsn(), "-R", "-X", "stream", "-c", "fast"]
        done = subprocess.run(
            [str(programs / "pg_basebackup"), *words],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
            user=self._user.uid if self._user else None,
            group=self._user.gid if self._user else None,
        )
        assert done.returncode == 0, f"pg_basebackup: {done.stderr}"
        standby = self._start_postgres(port, self.database.password)
        self.administer("alter system set synchronous_standby_names = '*'", "select pg_reload_conf()")
        wait_for(self._replicates, "the replica is not in step")
        return standby

    def fail_over(self, standby: postgres.Server) -> None:
        """The primary loses its power, the replica is promoted, and the link leads to it."""
        self.crash_database()
        self.database = standby
        self.administer("select pg_promote(true, 60)", "alter system reset synchronous_standby_names")
        self.administer("select pg_reload_conf()")
        self.database_link.upstream = standby.port
        self.database_link.cut()

    def administer(self, *statements: str) -> None:
        """Runs statements as the administrator, each by itself."""
        with psycopg.connect(self.database.dsn(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def keep_logs(self, directory: Path) -> None:
        """Copies what the servers have logged so far."""
        for log in self._paths.home.glob("*.log"):
            shutil.copy(log, directory)

    def close(self) -> None:
        """Stops everything; the directories belong to whoever made them."""
        self.kafka_link.close()
        self.database_link.close()
        kafka.stop(self.broker.process)
        postgres.stop(self.database.process)

    def _replicates(self) -> bool:
        with psycopg.connect(self.database.dsn()) as connection:
            row = connection.execute(
                "select count(*) from pg_stat_replication where sync_state = 'sync' and state = 'streaming'"
            ).fetchone()
        return row is not None and row[0] == 1

    def _directory(self) -> Path:
        return self._paths.home / f"postgres-{self._generation}"

    def _start_postgres(self, port: int, password: str | None) -> postgres.Server:
        return postgres.start(
            self._directory(),
            self._paths.home / "postgres.log",
            self._paths.cache,
            port,
            password,
            on_start=self._guardian.watch,
        )


def _end(process: Process, number: int) -> None:
    os.kill(process.pid, number)
    assert processes.wait_until(lambda: not processes.is_running(process), 60), f"{process.name} does not end"

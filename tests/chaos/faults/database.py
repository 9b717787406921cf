"""Faults of Postgres and of the way to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chaos.faults.base import Fault
from chaos.waiting import Broken, wait_for
from chaos.world import World
from pulse_local.services import system_user

SPACE = "chaos_full"
SPACE_MIB = 256
LEFT_KIB = 64
MILLISECOND = timedelta(milliseconds=1)


class Crashed(Fault):
    """Immediate shutdown of the server, which is started again and recovers."""

    name = "database-crashed"
    subject = "database"

    def inject(self, world: World) -> None:
        world.servers.crash_database()

    def heal(self, world: World) -> None:
        world.servers.start_database()


class FailedOver(Fault):
    """The primary loses its power for good; a streaming replica is promoted and the link leads to it.

    Replication is synchronous, so that no committed row is lost: with an asynchronous one Pulse could not help it.
    """

    name = "database-failed-over"
    subject = "database"

    def inject(self, world: World) -> None:
        standby = world.servers.start_standby()
        world.servers.fail_over(standby)

    def heal(self, world: World) -> None:
        world.follow_database()


class ReadOnly(Fault):
    """The database is set to default_transaction_read_only and its sessions are ended, as before a switch-over."""

    name = "database-read-only"
    subject = "database"

    def inject(self, world: World) -> None:
        self._set(world, "set default_transaction_read_only = on")

    def heal(self, world: World) -> None:
        self._set(world, "reset default_transaction_read_only")

    def _set(self, world: World, what: str) -> None:
        name = world.database.dsn.rsplit("/", 1)[1]
        world.servers.administer(
            f"alter database {name} {what}",
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'",
        )


class DiskFull(Fault):
    """raw.events lies on a file system of its own that has no space left: SQLSTATE 53100. Needs root, for a tmpfs."""

    name = "disk-full"
    subject = "database"
    alone = True

    @classmethod
    def impossible(cls) -> str:
        asked = ["unshare", "--mount", "true"]
        if shutil.which(asked[0]) and subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            return ""
        return "it needs Linux, and root that may mount a file system"

    def inject(self, world: World) -> None:
        self._mount = Path(tempfile.mkdtemp(prefix="pulse-chaos-disk-"))
        _run("mount", "-t", "tmpfs", "-o", f"size={SPACE_MIB}m", "tmpfs", str(self._mount))
        user = system_user.for_postgres()
        if user is not None:
            os.chown(self._mount, user.uid, user.gid)
        inside = self._mount / "space"
        inside.mkdir(0o700)
        if user is not None:
            os.chown(inside, user.uid, user.gid)
        world.servers.administer(f"create tablespace {SPACE} location '{inside}'")
        self._move(world, SPACE)
        marks = world.marks()
        self._fill()
        wait_for(lambda: world.said_since(marks, "53100"), "the full disk was not noticed")

    def heal(self, world: World) -> None:
        (self._mount / "ballast").unlink(missing_ok=True)
        self._move(world, "pg_default")
        world.servers.administer(f"drop tablespace {SPACE}")
        _run("umount", str(self._mount))
        self._mount.rmdir()

    def _move(self, world: World, space: str) -> None:
        with world.connect(autocommit=True) as connection:
            leaves = connection.execute(
                "select relid::regclass::text from pg_partition_tree('raw.events') where isleaf"
            ).fetchall()
            for (leaf,) in leaves:
                connection.execute(f"alter table {leaf} set tablespace {space}".encode())

    def _fill(self) -> None:
        """Leaves less free than the next few batches need."""
        free = os.statvfs(self._mount)
        size = free.f_bavail * free.f_frsize - LEFT_KIB * 1024
        with (self._mount / "ballast").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(size, 1))


class DatabaseCut(Fault):
    """Every connection of consumers to the database is reset, at the beginning and at the end."""

    name = "database-cut"
    subject = "database"

    def inject(self, world: World) -> None:
        world.servers.database_link.cut()

    def heal(self, world: World) -> None:
        world.servers.database_link.cut()


class DatabaseSlow(Fault):
    """A twentieth of a second, each way, on whatever goes between consumers and database."""

    name = "database-slow"
    subject = "database"

    def inject(self, world: World) -> None:
        world.servers.database_link.delay_seconds = 0.05

    def heal(self, world: World) -> None:
        world.servers.database_link.delay_seconds = 0.0


class DatabaseFrozen(Fault):
    """The way to the database carries nothing and closes nothing."""

    name = "database-frozen"
    subject = "database"

    def inject(self, world: World) -> None:
        world.servers.database_link.freeze()

    def heal(self, world: World) -> None:
        world.servers.database_link.thaw()


class Deadlock(Fault):
    """Another writer takes the same locks in the other order; Postgres ends the consumer's transaction with 40P01."""

    name = "deadlock"
    subject = "database"
    alone = True

    def inject(self, world: World) -> None:
        marks = world.marks()
        with world.connect() as other:
            # The consumer looks for a deadlock after the usual second, so it is the one to find and to end it.
            other.execute("set local deadlock_timeout = '60s'")
            other.execute("select from raw.consumer_offsets for update")
            wait_for(lambda: self._writer_waits(world), "no consumer came to the locked offsets")
            other.execute("lock table raw.events in share row exclusive mode")
            other.rollback()
        wait_for(lambda: world.said_since(marks, "40P01"), "no consumer was ended by a deadlock")

    def _writer_waits(self, world: World) -> bool:
        waiting = (
            "select count(*) from pg_locks held join pg_stat_activity using (pid) where held.granted "
            "and relation = 'raw.events'::regclass and mode = 'RowExclusiveLock' and wait_event_type = 'Lock'"
        )
        return world.pipeline.number(waiting) > 0


class Maintained(Fault):
    """Events of weeks without a partition gather in the DEFAULT one; `pulse maintain` makes those weeks meanwhile."""

    name = "maintained"
    subject = "database"

    def inject(self, world: World) -> None:
        self._back = timedelta(weeks=self._rng.randint(10, 100))
        world.traffic.clock_ahead_ms = -self._back // MILLISECOND
        wait_for(lambda: world.pipeline.number("select count(*) from raw.events_default") > 0, "none gathers")

    def heal(self, world: World) -> None:
        world.maintain((datetime.now(UTC) - self._back - timedelta(weeks=1)).date())
        world.traffic.clock_ahead_ms = 0


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Broken(f"`{' '.join(words)}` failed: {done.stderr.strip()}")


FAULTS: list[type[Fault]] = [
    Crashed,
    FailedOver,
    ReadOnly,
    DiskFull,
    DatabaseCut,
    DatabaseSlow,
    DatabaseFrozen,
    Deadlock,
    Maintained,
]

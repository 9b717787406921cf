"""Faults of Postgres and of the way to it."""

from __future__ import annotations

from datetime import timedelta

from kit import small_disk
from kit.small_disk import SmallDisk

from chaos.faults.base import Fault
from chaos.waiting import wait_for
from chaos.world import World

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
        return small_disk.impossible()

    def inject(self, world: World) -> None:
        self._disk = SmallDisk(world.database.dsn, SPACE, SPACE_MIB)
        self._disk.hold_events()
        marks = world.marks()
        self._disk.fill(LEFT_KIB * 1024)
        wait_for(lambda: world.said_since(marks, "53100"), "the full disk was not noticed")

    def heal(self, _world: World) -> None:
        self._disk.remove()


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
        # Further than before: a week that an earlier fault of this kind made has its partition.
        self._weeks = world.weeks_made + self._rng.randint(2, 12)
        world.traffic.clock_ahead_ms = -timedelta(weeks=self._weeks) // MILLISECOND
        wait_for(lambda: world.pipeline.number("select count(*) from raw.events_default") > 0, "none gathers")

    def heal(self, world: World) -> None:
        world.maintain(self._weeks + 1)
        world.traffic.clock_ahead_ms = 0


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

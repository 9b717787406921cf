"""The clients: one for all pipelines that share an access, one thread for each access that is asked.

Whatever is wrong with one pipeline or one access is in its own answer; the time a look takes is that of the slowest
access, and at most some seconds. Runs in the process of `worker`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import KafkaException

from pulse.facts import KafkaAccess
from pulse_operator.lag.answer import Answer, Unknown, Wanted, invalid_name
from pulse_operator.lag.connection import Connection
from pulse_operator.lag.look import look
from pulse_operator.lag.memory import Memory

UNUSED_SECONDS = 300.0

# They only wait. More accesses than this that are all silent would take turns, those that answered last time first.
_THREADS = 128

# One silent look may be the broker's; a client that is silent for so many in a row is replaced for the next.
_MUTE_LOOKS = 2

Groups = Mapping[KafkaAccess, Collection[Wanted]]
Settings = Mapping[str, Mapping[str, str] | Unknown]


class Accesses:
    """Admin clients shared by identical access (bootstrap + credentials), closed when unused for some minutes."""

    def __init__(self) -> None:
        self._accesses: dict[KafkaAccess, _Access] = {}
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="lag")

    def read(self, groups: Groups, now: float) -> dict[KafkaAccess, dict[Wanted, Answer]]:
        """The answer for each group of each access."""
        self._close_unused(now)
        asked = [(self._accesses.setdefault(access, _Access(access)), ones) for access, ones in groups.items()]
        asked.sort(key=lambda pair: pair[0].failed)
        futures = {one.access: self._pool.submit(one.look, ones, now) for one, ones in asked}
        return {access: future.result() for access, future in futures.items()}

    def settings(self, wanted: Mapping[Hashable, tuple[KafkaAccess, Collection[str]]]) -> dict[Hashable, Settings]:
        """The settings in force of the topics under each key, or why they are not known."""
        asked = {
            key: self._pool.submit(self._accesses.setdefault(access, _Access(access)).settings, topics)
            for key, (access, topics) in wanted.items()
        }
        return {key: future.result() for key, future in asked.items()}

    def _close_unused(self, now: float) -> None:
        for access, one in list(self._accesses.items()):
            if now - one.used >= UNUSED_SECONDS:
                del self._accesses[access]  # the client closes with its last reference


class _Access:
    """One access: its connection, once it could be made, and what its answers left to remember."""

    def __init__(self, access: KafkaAccess) -> None:
        self.access = access
        self.used = 0.0
        self.failed = False
        self._connection: Connection | None = None
        self._mute = 0
        self._memory = Memory()

    def look(self, wanted: Collection[Wanted], now: float) -> dict[Wanted, Answer]:
        """The answer for each; never raises for what a broker or a setting can do."""
        self.used = now
        self._memory.keep_only(wanted)
        answers: dict[Wanted, Answer] = {one: bad for one in wanted if (bad := invalid_name(one))}
        askable = [one for one in wanted if one not in answers]
        try:
            self._connection = self._connection or Connection(self.access)
        except (KafkaException, ValueError) as refused:
            invalid = self._invalid(refused)
            return answers | dict.fromkeys(askable, invalid)
        answers |= look(self._connection, self._memory, askable, now)
        self.failed = all(isinstance(told, Unknown) for told in answers.values())
        if not self.failed:
            self._connection.forget_errors()
        self._give_up_a_mute_client()
        return answers

    def _give_up_a_mute_client(self) -> None:
        """A client can lose its brokers for good, as when all come back under other addresses. A new one finds them."""
        if self._connection is None or not (self.failed and self._connection.silent):
            self._mute = 0
            return
        self._connection.silent = False
        self._mute += 1
        if self._mute >= _MUTE_LOOKS:
            self._connection, self._mute = None, 0

    def settings(self, topics: Collection[str]) -> dict[str, Mapping[str, str] | Unknown]:
        """The settings of these topics; never raises for what a broker or a setting can do."""
        try:
            self._connection = self._connection or Connection(self.access)
        except (KafkaException, ValueError) as refused:
            return dict.fromkeys(topics, self._invalid(refused))
        return self._connection.settings(topics)

    def _invalid(self, refused: Exception) -> Unknown:
        why = refused.args[0].str() if isinstance(refused, KafkaException) else refused
        return Unknown(
            "AccessInvalid",
            f"No client can be made for Kafka at {self.access.bootstrap_servers}: {why}. "
            "Mend the address, the CA or the credentials.",
        )

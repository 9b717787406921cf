"""Looks at everything once a second, and goes on with the rest where something fails."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from confluent_kafka.admin import AdminClient

from stand_in_operators import authority
from stand_in_operators.databases import FINALIZERS, Databases
from stand_in_operators.kafka import Brokers
from stand_in_operators.kubernetes import Kubernetes, Raw
from stand_in_operators.objects import CLUSTER_LABEL, KAFKA_API, POSTGRES_API
from stand_in_operators.postgres import Servers
from stand_in_operators.surviving import survive
from stand_in_operators.topics import Topics
from stand_in_operators.users import Users

PERIOD_SECONDS = 1.0


class StandIn:
    """Both operators."""

    def __init__(self, kubernetes: Kubernetes, kafka_image: str, postgres_image: str) -> None:
        self._kubernetes = kubernetes
        self._brokers, self._servers = Brokers(kubernetes, kafka_image), Servers(kubernetes, postgres_image)
        self._topics, self._users, self._databases = Topics(kubernetes), Users(kubernetes), Databases(kubernetes)

    def kafka(self) -> None:
        """One look at everything of Strimzi's."""
        admins = self._brokers.keep()
        for raw, admin in _answered(self._kubernetes.listed(f"{KAFKA_API}/kafkatopics"), admins):
            survive(partial(self._topics.keep, raw, admin))
        users = self._kubernetes.listed(f"{KAFKA_API}/kafkausers")
        for raw, admin in _answered(users, admins):
            survive(partial(self._users.keep, raw, admin))
        for admin in admins.values():
            named = {raw["metadata"]["name"] for raw, theirs in _answered(users, admins) if theirs is admin}
            survive(partial(self._users.forget, admin, named))

    def postgres(self) -> None:
        """One look at everything of CloudNativePG's."""
        servers = self._servers.keep()
        for plural in sorted(FINALIZERS, reverse=True):  # roles first, as a Database names its owner
            for raw in self._kubernetes.listed(f"{POSTGRES_API}/{plural}"):
                server = servers.get((raw["metadata"]["namespace"], raw["spec"]["cluster"]["name"]))
                if server:
                    survive(partial(self._databases.keep, plural, raw, server))


def _answered(found: list[Raw], admins: Mapping[tuple[str, str], AdminClient]) -> Iterator[tuple[Raw, AdminClient]]:
    """Those that carry the label of a Kafka in their own namespace; nobody answers the others."""
    for raw in found:
        metadata = raw["metadata"]
        admin = admins.get((metadata["namespace"], metadata.get("labels", {}).get(CLUSTER_LABEL, "")))
        if admin:
            yield raw, admin


def main() -> int:
    """Runs until it is ended."""
    kubernetes = Kubernetes()
    authority.serve(kubernetes)
    stand_in = StandIn(kubernetes, os.environ["KAFKA_IMAGE"], os.environ["POSTGRES_IMAGE"])
    print("stand-in operators of Strimzi and CloudNativePG: looking", flush=True)
    # Each in a thread of its own: a broker that does not answer must not keep a Postgres from failing over.
    threading.Thread(target=_forever, args=(stand_in.kafka,), daemon=True).start()
    _forever(stand_in.postgres)
    return 0


def _forever(look: Callable[[], None]) -> None:
    while True:
        survive(look)
        time.sleep(PERIOD_SECONDS)


if __name__ == "__main__":
    sys.exit(main())

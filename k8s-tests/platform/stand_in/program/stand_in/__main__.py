"""Looks at everything once a second, and goes on with the rest where something fails."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from confluent_kafka.admin import AdminClient

from stand_in.databases import FINALIZERS, Databases
from stand_in.kafka import Brokers
from stand_in.kubernetes import Kubernetes, Raw
from stand_in.objects import CLUSTER_LABEL, KAFKA_API, POSTGRES_API
from stand_in.postgres import Servers
from stand_in.topics import Topics
from stand_in.users import Users

PERIOD_SECONDS = 1.0


class StandIn:
    """Both operators."""

    def __init__(self, kubernetes: Kubernetes, kafka_image: str, postgres_image: str) -> None:
        self._kubernetes = kubernetes
        self._brokers, self._servers = Brokers(kubernetes, kafka_image), Servers(kubernetes, postgres_image)
        self._topics, self._users, self._databases = Topics(kubernetes), Users(kubernetes), Databases(kubernetes)

    def look(self) -> None:
        """One look at everything."""
        _survive(self._kafka)
        _survive(self._postgres)

    def _kafka(self) -> None:
        admins = self._brokers.keep()
        for raw, admin in _answered(self._kubernetes.listed(f"{KAFKA_API}/kafkatopics"), admins):
            _survive(partial(self._topics.keep, raw, admin))
        users = self._kubernetes.listed(f"{KAFKA_API}/kafkausers")
        for raw, admin in _answered(users, admins):
            _survive(partial(self._users.keep, raw, admin))
        for admin in admins.values():
            named = {raw["metadata"]["name"] for raw, theirs in _answered(users, admins) if theirs is admin}
            _survive(partial(self._users.forget, admin, named))

    def _postgres(self) -> None:
        servers = self._servers.keep()
        for plural in sorted(FINALIZERS, reverse=True):  # roles first, as a Database names its owner
            for raw in self._kubernetes.listed(f"{POSTGRES_API}/{plural}"):
                server = servers.get((raw["metadata"]["namespace"], raw["spec"]["cluster"]["name"]))
                if server:
                    _survive(partial(self._databases.keep, plural, raw, server))


def _answered(found: list[Raw], admins: Mapping[tuple[str, str], AdminClient]) -> Iterator[tuple[Raw, AdminClient]]:
    """Those that carry the label of a Kafka in their own namespace; nobody answers the others."""
    for raw in found:
        metadata = raw["metadata"]
        admin = admins.get((metadata["namespace"], metadata.get("labels", {}).get(CLUSTER_LABEL, "")))
        if admin:
            yield raw, admin


def _survive(what: Callable[[], None]) -> None:
    """One object that fails must not stop the others; what failed is tried again at the next look."""
    try:
        what()
    except Exception:  # noqa: BLE001
        traceback.print_exc()


def main() -> int:
    """Runs until it is ended."""
    stand_in = StandIn(Kubernetes(), os.environ["KAFKA_IMAGE"], os.environ["POSTGRES_IMAGE"])
    print("stand-in operators of Strimzi and CloudNativePG: looking", flush=True)
    while True:
        stand_in.look()
        time.sleep(PERIOD_SECONDS)


if __name__ == "__main__":
    sys.exit(main())

"""The part of the operator that kopf runs: it watches PulsePipelines and hands on what it hears, nothing else.

kopf stores nothing on the objects for handlers of raw events: no annotation, no finalizer of its own, no status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import kopf

from pulse.errors import Retry
from pulse_operator.connection import Connection
from pulse_operator.crd import GROUP, PLURAL, VERSION
from pulse_operator.keeper import Keeper
from pulse_operator.objects import FIELD_MANAGER


class WatchLost(Retry):
    """Nobody tells of pipelines any more; the process is meant to end with it, and to be started again."""


def registry(keeper: Keeper, connection: Connection) -> kopf.OperatorRegistry:
    """Every handler, bound to what it hands on to."""
    made = kopf.OperatorRegistry()

    @kopf.on.login(registry=made)
    def login(**_: Any) -> kopf.ConnectionInfo:
        configuration = connection.configuration
        return kopf.ConnectionInfo(
            server=connection.url,
            ca_path=configuration.ssl_ca_cert,
            insecure=not configuration.verify_ssl,
            token=connection.token(),
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
            proxy_url=connection.proxy,
        )

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=made)
    async def heard(event: Any, **_: Any) -> None:
        raw = event["object"]
        if event["type"] == "DELETED":
            keeper.vanished(raw)
        else:
            keeper.appeared(raw)

    return made


def settings() -> kopf.OperatorSettings:
    """kopf as this operator needs it: it lists no namespaces and definitions, which takes cluster-wide rights."""
    made = kopf.OperatorSettings()
    made.scanning.disabled = True
    made.posting.enabled = False
    # kopf takes its own finalizer off objects that it needs none for: it must not believe that ours is its own.
    made.persistence.finalizer = f"{GROUP}/kopf"
    made.networking.request_timeout = 30
    made.networking.connect_timeout = 10
    made.watching.connect_timeout = 10
    made.watching.server_timeout = 240
    made.posting.reporting_component = FIELD_MANAGER
    return made


async def watch(keeper: Keeper, connection: Connection, namespaces: Sequence[str], stop: asyncio.Event) -> None:
    """Runs kopf until `stop` is set. WatchLost if an answer of the API server made it give up before.

    It is not run a second time: as it ends it cancels every task of the loop that is younger than itself.
    """
    try:
        await kopf.operator(
            registry=registry(keeper, connection),
            settings=settings(),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=tuple(namespaces),
            stop_flag=stop,
            # Else kopf asks which user this is, and the user of a container often has no name.
            identity=cast(Any, FIELD_MANAGER),
        )
    except Exception as error:  # its errors have no public class
        raise WatchLost(
            f"The watch of PulsePipelines ended: {type(error).__name__}: {error}. The operator ends, and goes on once "
            "it is started again. If it ends again, look at what stands before the API server, such as a proxy."
        ) from error

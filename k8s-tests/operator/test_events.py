"""Events on a real API server."""

from __future__ import annotations

import asyncio
from pathlib import Path

from accounts import new_namespace
from apiserver import ApiServer

from pulse_operator import objects
from pulse_operator.api import Api
from pulse_operator.events import Events
from pulse_operator.objects import Identity, Manifest, Ref


def test_what_a_pipeline_leaves_is_said_once_though_its_last_pass_comes_again(
    api_server: ApiServer, tmp_path: Path
) -> None:
    namespace = new_namespace(api_server)
    pipelines = [Identity(namespace, "shop", f"00000000-0000-0000-0000-00000000000{number}") for number in (1, 2)]
    kept, unseen = [Ref(objects.KAFKA_TOPIC, namespace, "shop-events")], ["secrets in elsewhere"]

    async def posted() -> list[Manifest]:
        async with await Api.connect(str(api_server.kubeconfig(tmp_path / "kubeconfig"))) as api:
            events = Events(api, lambda: 1_800_000_000.0)
            for identity in pipelines:  # the second is made anew under the name of the first
                for _ in range(2):
                    await events.left(identity, kept, unseen)
            return await api.list(objects.EVENT, namespace, "")

    found = asyncio.run(posted())
    told = sorted((raw["involvedObject"]["uid"], raw["reason"]) for raw in found)
    assert told == [(identity.uid, reason) for identity in pipelines for reason in ("NotLookedAt", "Retained")]

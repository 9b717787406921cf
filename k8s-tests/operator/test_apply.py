"""Children written on a real API server while somebody else changes or deletes them."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any, cast

import pytest
from accounts import new_namespace
from apiserver import ApiServer

from pulse_operator import objects
from pulse_operator.api import Api
from pulse_operator.apply import Applier, Outcome
from pulse_operator.dependencies import Missing, Reason
from pulse_operator.index import Index
from pulse_operator.objects import Identity, Manifest, Ref
from pulse_operator.observe import Observer


def secret(identity: Identity, password: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "shop-db-reader",
            "namespace": identity.namespace,
            "labels": objects.labels(identity, "database"),
        },
        "data": {"password": base64.b64encode(password.encode()).decode()},
    }


@pytest.mark.parametrize("meanwhile", ["deleted", "changed", "made anew", "nothing"])
def test_a_password_that_was_read_does_not_come_back_over_what_somebody_did_since(
    api_server: ApiServer, tmp_path: Path, meanwhile: str
) -> None:
    identity = Identity(new_namespace(api_server), "shop", "00000000-0000-0000-0000-000000000001")
    wanted = secret(identity, "as-read")
    wanted["metadata"]["annotations"] = {"newer": "operator"}  # so that there is something to write
    ref = Ref.of(wanted)

    async def whole() -> tuple[Outcome, Manifest | None]:
        async with await Api.connect(str(api_server.kubeconfig(tmp_path / "kubeconfig"))) as api:
            observer = Observer(api, cast(Any, None), everywhere=False, clock=lambda: 0.0)
            read = await api.apply(secret(identity, "as-read"))
            if meanwhile == "changed":
                await api.merge_patch(ref, secret(identity, "by-hand"))
            elif meanwhile != "nothing":
                await api.delete(ref, read["metadata"]["uid"])
            if meanwhile == "made anew":
                await api.create(secret(identity, "by-hand"))
            outcome = await Applier(api, Index(), observer).apply(identity, [wanted], {ref: read})
            found = await observer.fetch(ref)
            return outcome, None if isinstance(found, Missing) else found

    outcome, found = asyncio.run(whole())
    if meanwhile == "nothing":
        assert not outcome.refusals
        assert found is not None
        assert found["metadata"]["annotations"]["newer"] == "operator"
        return
    assert outcome.refusals[ref].reason is Reason.PENDING, "the next pass decides anew"
    if meanwhile == "deleted":
        assert found is None
    else:
        assert found is not None
        assert found["data"] == secret(identity, "by-hand")["data"]

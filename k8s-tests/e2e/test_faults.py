"""What dies under load, and what two pipelines on one Kafka and one Postgres can do to each other.

`shop` lives beside Kafka and Postgres, `blog` in another namespace, and the operator in a third. Postgres has a replica
that confirms every commit, so a primary that is killed takes nothing along. One story: each test goes on where the one
before it ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from charts import CHART
from e2e import leftovers
from e2e.ledger import audit, events, flows, rest
from e2e.shop import EXAMPLES, SCRIPTS, Shop
from kind.cluster import Cluster
from kind.commands import run

OPERATOR, HOME, AWAY = "pulse-system", "north", "south"
RELEASE = "pulse"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
WATCHED = ("--set", f"namespaces={{{HOME},{AWAY}}}")
NEXT = "next"  # the tag of the consumer that an upgrade brings
BUSY = {"simulator": {"enabled": True, "eventsPerSecond": 400}}
BUSIER = {"simulator": {"eventsPerSecond": 500}}
REPLICATED = {
    "instances": 2,
    "postgresql": {"synchronous": {"method": "any", "number": 1, "dataDurability": "required"}},
}
BLOG = {
    "apiVersion": "pulse.dev/v1alpha1",
    "kind": "PulsePipeline",
    "metadata": {"name": "blog"},
    "spec": {
        "source": {"strimzi": {"cluster": "kafka", "namespace": HOME}},
        "sink": {"cloudNativePG": {"cluster": "postgres", "namespace": HOME}},
        "simulator": {"enabled": True},
    },
}


@pytest.fixture(scope="module")
def shop(platform: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The pipeline that is disturbed, busy; the other one runs beside it. Afterwards nothing of either is left."""
    shop = Shop(platform, HOME, operators=(OPERATOR,))
    files = tmp_path_factory.mktemp("manifests")
    leftovers.refuse(platform, (OPERATOR, HOME, AWAY))
    try:
        for namespace in (HOME, AWAY):
            platform.kubectl("create", "namespace", namespace)
            platform.kubectl("label", "namespace", namespace, RESTRICTED)
        platform.helm("install", RELEASE, CHART, "--namespace", OPERATOR, "--create-namespace", *WATCHED)
        shop.kubectl("apply", "-f", _replicated(files))
        shop.kubectl("apply", "-f", EXAMPLES / "minimal.yaml")
        (files / "blog.json").write_text(json.dumps(BLOG))
        platform.kubectl("apply", "--namespace", AWAY, "-f", files / "blog.json")
        shop.until_ready()
        shop.change(BUSY)
        yield shop
    finally:
        leftovers.remove(platform, (AWAY, HOME), {RELEASE: OPERATOR})


@pytest.fixture(scope="module")
def blog(shop: Shop) -> Shop:
    """The pipeline next door."""
    blog = Shop(shop.cluster, AWAY, "blog", HOME, (OPERATOR,))
    blog.until_ready()
    return blog


def _replicated(files: Path) -> Path:
    """The platform of the examples, with a replica of Postgres that confirms."""
    manifests = list(yaml.safe_load_all((EXAMPLES / "platform.yaml").read_bytes()))
    (postgres,) = (one for one in manifests if one["kind"] == "Cluster")
    postgres["spec"] |= REPLICATED
    file = files / "platform.yaml"
    file.write_text(yaml.safe_dump_all(manifests))
    return file


def _uids(pods: list[dict[str, Any]]) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods}


def test_a_broker_that_is_killed_under_load_costs_no_event(shop: Shop, blog: Shop) -> None:
    flows(shop, 1_000)
    broker = shop.broker()
    before = shop.kubectl("get", "pod", broker, "-o", "jsonpath={.metadata.uid}")
    shop.cluster.kill(HOME, broker)
    shop.until("pods", "another broker runs", lambda: _replaced(shop, before))
    flows(shop, 1_000)
    flows(blog)
    shop.until_ready()


def _replaced(shop: Shop, uid: str) -> bool:
    found = shop.got("pod", shop.broker())
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in found["status"].get("conditions", ()))
    return ready and found["metadata"]["uid"] != uid


def test_a_primary_that_is_killed_under_load_costs_no_event(shop: Shop, blog: Shop) -> None:
    flows(shop, 1_000)
    primary = shop.primary()
    # Not by SIGKILL: it would be back as the primary before anybody misses it.
    shop.kubectl("delete", "pod", primary, "--grace-period=0", "--force")
    shop.until("failover", "the replica is the primary", lambda: shop.primary() not in ("", primary))
    flows(shop, 1_000)
    flows(blog)
    shop.until_ready()
    dead = "select count(*) from raw.dead_letters where sqlstate is not null"
    assert shop.number(dead) == blog.number(dead) == 0, "an outage is no fault of a record"


def test_consumers_that_are_killed_under_load_cost_no_event(shop: Shop) -> None:
    flows(shop)
    before = _uids(shop.pods("consumer"))
    shop.cluster.kill(HOME, *shop.ready_pods("consumer"))
    shop.until(
        "pods", "other consumers run", lambda: shop.ready_pods("consumer") and not before & _uids(shop.pods("consumer"))
    )
    flows(shop, 1_000)


def test_an_upgrade_under_load_keeps_what_is_stored_and_brings_the_new_consumer(
    shop: Shop, pulse_images: dict[str, str]
) -> None:
    flows(shop)
    stored, before, secrets = events(shop), _uids(shop.pods("consumer")), shop.named("secrets")
    repository, _ = pulse_images["consumer"].rsplit(":", 1)
    run("docker", "tag", pulse_images["consumer"], f"{repository}:{NEXT}")
    shop.cluster.load([f"{repository}:{NEXT}"])
    values = (*WATCHED, "--set", f"images.consumer.tag={NEXT}", "--wait", "--timeout", "3m")
    shop.cluster.helm("upgrade", RELEASE, CHART, "--namespace", OPERATOR, *values)
    shop.until("pods", "every consumer is the new one", lambda: _all_new(shop, before))
    shop.change(BUSIER)
    shop.until_ready()
    flows(shop, 1_000)
    assert secrets <= shop.named("secrets")
    assert events(shop) > stored


def _all_new(shop: Shop, before: set[str]) -> bool:
    pods = shop.pods("consumer")
    images = {container["image"] for pod in pods for container in pod["spec"]["containers"]}
    return len(pods) == len(shop.ready_pods("consumer")) > 0 and not before & _uids(pods) and _tags(images) == {NEXT}


def _tags(images: set[str]) -> set[str]:
    return {image.rsplit(":", 1)[1] for image in images}


def test_each_event_of_either_pipeline_is_stored_once(shop: Shop, blog: Shop) -> None:
    assert audit(shop) > 4_000
    assert audit(blog) > 0


def test_neither_pipeline_can_read_what_the_other_has(shop: Shop, blog: Shop) -> None:
    for one, other in ((shop, blog), (blog, shop)):
        words = (f"{other.name}-events", other.name)
        answers = json.loads(one.python("consumer", SCRIPTS / "trespass.py", *words))
        assert answers["topic"] == "TOPIC_AUTHORIZATION_FAILED"
        assert answers["database"].startswith("42501: "), answers["database"]


def test_a_pipeline_that_rests_or_goes_leaves_the_other_alone(shop: Shop, blog: Shop) -> None:
    pods = _uids(shop.pods("consumer"))
    shop.change(BUSY)
    blog.pulse("suspend", "blog", "--wait")
    flows(shop)
    kept = events(blog)
    blog.kubectl("delete", "pp", "blog", "--timeout=120s")
    flows(shop)
    shop.until_ready()
    assert _uids(shop.pods("consumer")) == pods
    assert events(blog) == kept
    rest(shop)


def test_the_operator_reads_the_secrets_of_no_other_namespace(shop: Shop) -> None:
    watched, others = (HOME, AWAY), (OPERATOR, "default", "kube-system")
    command = ("python3", "-c", (SCRIPTS / "secrets.py").read_text(), *watched, *others)
    said = shop.cluster.kubectl("exec", "-n", OPERATOR, f"deploy/{RELEASE}-operator", "--", *command)
    assert json.loads(said) == {**dict.fromkeys(watched, 200), **dict.fromkeys(others, 403)}

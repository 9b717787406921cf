"""What the README promises under "In your cluster", from `helm install` to an uninstall and a new home, on a real node.

One story on one cluster: each test goes on where the one before it ended. Kafka and Postgres are real; who makes them,
in place of the operators of Strimzi and CloudNativePG, is `platform/stand_in`.
"""

from __future__ import annotations

import json
import uuid
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from charts import CHART
from e2e import leftovers
from e2e.ledger import account, audit, events, flows, rest
from e2e.shop import EXAMPLES, SCRIPTS, Shop
from kind.cluster import Cluster
from kind.commands import succeeds
from kind.images import PACKER

from pulse.spec import Metabase
from pulse_dashboards import load, template
from pulse_dashboards.model import Dashboard

# Where the operator runs, one after the other; each is the name of its release too.
RELEASES = FIRST, SECOND, THIRD = "pulse", "analytics", "clicks"
WAIT = ("--wait", "--timeout", "3m")
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
OWN = "deployments,jobs,cronjobs,services,ingresses,networkpolicies,poddisruptionbudgets,horizontalpodautoscalers"
DATA = "kafkatopics,databases.postgresql.cnpg.io,databaseroles.postgresql.cnpg.io"

COLLECTOR = {
    "enabled": True,
    "origins": ["https://shop.example"],
    "scaling": {"min": 1, "max": 1},
    "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
}
# Small transactions, so that one consumer cannot keep up with this many events and more consumers can.
BURST = {
    "simulator": {"enabled": True, "eventsPerSecond": 2000},
    "consumer": {"batch": {"rows": 5}, "scaling": {"targetLagPerReplica": 2000, "max": 3}},
}
CALM = {
    "simulator": {"enabled": True, "eventsPerSecond": 50},
    "consumer": {
        "batch": {"rows": 20_000},
        "scaling": {"targetLagPerReplica": 100_000, "max": 3, "scaleDownDelay": "20s"},
    },
}


@pytest.fixture(scope="module")
def shop(platform: Cluster) -> Iterator[Shop]:
    """The README's commands, on a cluster with both operators. Afterwards nothing of it is left."""
    shop = Shop(platform, FIRST, operators=RELEASES)
    leftovers.refuse(platform, RELEASES)
    try:
        platform.helm("install", FIRST, CHART, "--namespace", FIRST, "--create-namespace")
        platform.kubectl("label", "namespace", FIRST, RESTRICTED)
        shop.kubectl("apply", "-f", EXAMPLES / "platform.yaml")
        shop.kubectl("apply", "-f", EXAMPLES / "minimal.yaml")
        shop.until_ready()
        yield shop
    finally:
        leftovers.remove(platform, (FIRST,), {name: name for name in RELEASES})


def test_what_the_readme_says_makes_a_pipeline_that_is_ready(shop: Shop) -> None:
    head, row = (line.split() for line in shop.kubectl("get", "pp").splitlines())
    assert head == ["NAME", "READY", "REASON", "LAG", "REPLICAS", "LAST", "DBT", "AGE"]
    assert row[:3] == ["shop", "True", "Ready"]
    assert shop.ready_pods("consumer")
    shop.until("lag", "the lag is known", lambda: shop.condition("LagKnown")[0] == "True")
    shop.until("lag", "the list shows the lag", lambda: shop.kubectl("get", "pp").splitlines()[1].split()[3].isdigit())
    shop.until("drained", "events are stored", lambda: events(shop) > 100)


def test_the_consumers_image_packs_rows_as_it_was_built_to(shop: Shop) -> None:
    (pod, *_) = shop.ready_pods("consumer")
    lines = shop.kubectl("logs", pod).splitlines()
    started = next(json.loads(line) for line in lines if '"consumer_started"' in line)
    assert started["packer"] == PACKER


def test_an_event_of_ones_own_arrives(shop: Shop) -> None:
    """The commands of docs/sending.md."""
    shop.kubectl("create", "configmap", "shop-web", f"--from-file={EXAMPLES / 'producer.py'}")
    shop.kubectl("apply", "-f", EXAMPLES / "producer.yaml")
    shop.kubectl("wait", "--for=condition=Complete", "job/shop-web", "--timeout=120s")
    sent = shop.kubectl("logs", "job/shop-web").split()[-1]
    stored = f"select count(*) from raw.events where event_id = '{sent}' and user_id = 'u-1'"  # noqa: S608
    shop.until("drained", "the event is stored", lambda: shop.number(stored))
    shop.kubectl("delete", "-f", EXAMPLES / "producer.yaml", "--timeout=60s")


def test_an_event_that_is_sent_by_http_is_stored_once(shop: Shop) -> None:
    """As docs/collector.md says under "On Kubernetes"; sent twice, as by a page whose answer got lost."""
    shop.change({"collector": COLLECTOR})
    shop.until("pods", "it is available", lambda: shop.condition("CollectorAvailable") == ("True", "Available"))
    shop.until("pods", "the Service leads to it", lambda: posted(shop, str(uuid.uuid4())) == 202)
    event, later = str(uuid.uuid4()), str(uuid.uuid4())
    assert [posted(shop, one) for one in (event, event, later)] == [202, 202, 202]
    assert posted(shop, event, key="not-a-key-of-this-shop") == 401
    shop.until("drained", "the last of one user is stored", lambda: stored(shop, later))
    assert stored(shop, event) == 1
    shop.until_ready()


def posted(shop: Shop, event: str, key: str = "", component: str = "consumer") -> int:
    """The status of the answer, asked for by the address and with the key that the status of the pipeline names."""
    told = shop.status()["collector"]
    data = shop.got("secret", told["keysSecret"])["data"]
    key = key or b64decode(data["web"]).decode()
    said = shop.python(component, SCRIPTS / "post.py", told["service"], key, event)
    return int(said.split()[0])


def stored(shop: Shop, event: str) -> int:
    return shop.number(f"select count(*) from raw.events where event_id = '{event}'")  # noqa: S608


def test_the_commands_say_that_all_is_well(shop: Shop) -> None:
    told = shop.pulse("status", "shop")
    assert told.startswith(f"{FIRST}/shop: Ready\n")
    assert "LagKnown           True" in told
    shop.cluster.helm("test", FIRST, "--namespace", FIRST, "--timeout", "3m")
    shop.pulse("diff", EXAMPLES / "minimal.yaml")


def test_records_that_are_no_events_are_kept_and_hold_nothing_up(shop: Shop) -> None:
    sent = int(shop.python("simulator", SCRIPTS / "spoil.py"))
    assert sent > 0
    spoiled = "select count(*) from raw.dead_letters where key = 'spoiled'"
    shop.until("drained", "each is a dead letter", lambda: shop.number(spoiled) == sent)
    assert shop.number(f"{spoiled} and value = 'not JSON'") == 1
    flows(shop)
    rest(shop)
    dead = shop.number("select count(*) from raw.dead_letters")
    assert sum(shop.end_offsets("dlq").values()) >= dead, "each has its copy on the topic of dead letters"
    shop.change(CALM)


def test_dbt_fills_the_marts_on_its_schedule(shop: Shop) -> None:
    shop.change({"transform": {"schedule": "* * * * *"}})
    shop.until("dbt", "dbt has run", lambda: shop.condition("TransformFresh") == ("True", "Fresh"))
    shop.change({"transform": {"schedule": "0 3 * * *"}})
    assert shop.status()["transform"]["lastSuccessTime"]
    for mart in ("fct_sessions", "fct_funnel_daily", "fct_engagement_daily", "fct_data_quality_daily"):
        assert shop.number(f"select count(*) from marts.{mart}") > 0, mart  # noqa: S608


def test_the_live_page_shows_the_numbers_of_the_database(shop: Shop) -> None:
    """As its Service answers to a pod beside it; in a browser it is `tests/browser`."""
    shop.until("pods", "the page is there", lambda: shop.condition("DashboardReady") == ("True", "Available"))
    told = shop.status()["dashboard"]["live"]
    secret = shop.got("secret", told["secret"])["data"]
    token = b64decode(secret["token"]).decode()
    whole = [one for one in load.shipped().dashboards if one.slug in ("sessions", "funnel")]
    # A run of dbt that was due a moment ago may still be at work.
    shop.until("dbt", "the page shows what SQL gives", lambda: agrees(shop, told["url"], token, whole))
    answers = asked(shop, told["url"], token, "api/dashboards/live", "api/health")
    problems = {key: one["problem"] for key, one in answers["api/dashboards/live"]["tables"].items()}
    assert problems == dict.fromkeys(problems)
    lines = {line["key"]: line for line in answers["api/health"]["lines"]}
    assert lines["lag"]["state"] == "good", "it may ask Kafka how far the topic reaches"
    refused = json.loads(shop.python("simulator", SCRIPTS / "page.py", told["url"], "", "api/health"))
    assert refused["api/health"][0] == 401


def agrees(shop: Shop, address: str, token: str, dashboards: Sequence[Dashboard]) -> bool:
    """Whether every card with one number shows that which its statement gives in psql."""
    paths = [f"api/dashboards/{one.slug}?days=all" for one in dashboards]
    answers = asked(shop, address, token, *paths)
    shown, stored = {}, {}
    for dashboard, path in zip(dashboards, paths, strict=True):
        for card in dashboard.cards:
            if card.chart == "number":
                table = answers[path]["tables"][card.key]
                column = table["columns"].index(card.series[0].column)
                statement = template.bound(card.sql, {})[0].replace("%%", "%")
                shown[card.key] = table["rows"][0][column]
                said = shop.sql(statement)[0][column]
                stored[card.key] = float(said) if said else None
    assert shown["sessions"] > 0
    return shown == stored


def asked(shop: Shop, address: str, token: str, *paths: str) -> dict[str, Any]:
    said = json.loads(shop.python("simulator", SCRIPTS / "page.py", address, token, *paths))
    assert {path: status for path, (status, _) in said.items()} == dict.fromkeys(paths, 200), said
    return {path: json.loads(body) for path, (_, body) in said.items()}


def test_a_metabase_gets_the_dashboards_where_its_image_can_be_pulled(shop: Shop) -> None:
    image = Metabase().image
    if not succeeds("docker", "manifest", "inspect", image):
        pytest.skip(f"not tested here: {image} cannot be pulled, so no Metabase ran")
    shop.change({"dashboard": {"metabase": {"enabled": True}}})
    shop.until("metabase", "Metabase has them", lambda: shop.condition("DashboardReady") == ("True", "Available"))
    job = next(one for one in shop.named("jobs") if "-provision-" in one)
    assert '"metabase_provisioned"' in shop.kubectl("logs", job)
    stored = "select count(*) from report_dashboard where description like '%[pulse shop/%'"
    assert int(shop.sql(stored, "shop_metabase")[0][0]) == len(load.shipped().dashboards)
    shop.change({"dashboard": {"metabase": {"enabled": False}}})
    shop.until("gone", "its pod is gone", lambda: not shop.pods("metabase"))
    for kind in ("database.postgresql.cnpg.io", "databaserole.postgresql.cnpg.io"):
        shop.kubectl("delete", kind, "shop-metabase", "--timeout=60s")
    shop.kubectl("delete", "secret", "shop-metabase", "shop-db-metabase")


def test_a_run_of_dbt_that_fails_is_told_until_one_ends_well(shop: Shop) -> None:
    shop.sql("revoke select on raw.events from shop_transform")
    try:
        shop.kubectl("create", "job", "--from=cronjob/shop-transform", "in-vain")
        shop.until("dbt", "the failure shows", lambda: shop.condition("TransformFresh") == ("False", "RunFailed"))
    finally:
        shop.sql("grant select on raw.events to shop_transform")
    assert "source raw.events: " in shop.status()["transform"]["message"], "what failed is named"
    shop.kubectl("create", "job", "--from=cronjob/shop-transform", "again")
    shop.until("dbt", "it is over", lambda: shop.condition("TransformFresh") == ("True", "Fresh"))


def test_a_suspended_pipeline_rests_and_goes_on(shop: Shop) -> None:
    shop.pulse("suspend", "shop", "--wait")
    shop.until("gone", "the consumers are gone", lambda: not shop.pods("consumer"))
    assert shop.condition("ConsumerAvailable") == ("False", "Suspended")
    assert shop.got("cronjob", "shop-transform")["spec"]["suspend"] is True
    # Collectors go on: what they take is kept in Kafka. No consumer is there to send it from, but the simulator is.
    event = str(uuid.uuid4())
    assert posted(shop, event, component="simulator") == 202
    shop.pulse("resume", "shop")
    shop.until_ready()
    flows(shop)
    shop.until("drained", "it is stored", lambda: stored(shop, event))


def test_a_password_that_is_changed_reaches_database_and_pods(shop: Shop) -> None:
    before = {_uid(pod) for pod in shop.pods("consumer")}
    secret = {"stringData": {"password": "changed-by-hand"}}
    shop.kubectl("patch", "secret", "shop-db-ingest", "-p", json.dumps(secret))
    shop.until("pods", "other consumers run", lambda: _ready_but(shop, before))
    shop.until("gone", "the old consumers are gone", lambda: not before & {_uid(pod) for pod in shop.pods("consumer")})
    shop.until_ready()
    flows(shop)


def _ready_but(shop: Shop, before: set[str]) -> bool:
    ready = shop.ready_pods("consumer")
    return any(pod["metadata"]["name"] in ready and _uid(pod) not in before for pod in shop.pods("consumer"))


def _uid(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["uid"])


def test_a_backlog_brings_consumers_and_one_that_is_killed_loses_nothing(shop: Shop) -> None:
    shop.change(BURST)
    told = shop.until("scaling", "more consumers are wanted", lambda: _wants_more(shop))
    assert told["reason"] in ("LagAbove", "DrainTooSlow", "TrafficNearCapacity", "MaximumReached"), told
    shop.until("pods", "more than one consumer is ready", lambda: len(shop.ready_pods("consumer")) >= 2)
    scaled = shop.kubectl("get", "events", "--field-selector", "reason=Scaled", "-o", "jsonpath={.items[*].message}")
    assert told["message"] in scaled
    oldest, *_ = shop.ready_pods("consumer")  # one that has just come may have read nothing yet
    shop.cluster.kill(shop.namespace, oldest)
    shop.change(CALM)
    before = events(shop)
    assert rest(shop) >= before


def test_consumers_that_are_not_needed_any_more_go(shop: Shop) -> None:
    shop.change(CALM)
    shop.until("scaling", "one consumer is enough", lambda: shop.status()["replicas"]["desired"] == 1)
    shop.until("pods", "the others are gone", lambda: len(shop.pods("consumer")) == 1)
    flows(shop)


def _wants_more(shop: Shop) -> dict[str, Any] | None:
    """What the operator says of the consumers, once it is more than one."""
    told: dict[str, Any] = shop.status()["replicas"]
    return told if told["desired"] >= 2 else None


def test_a_deleted_pipeline_leaves_what_holds_data(shop: Shop) -> None:
    before = rest(shop)
    data, secrets = shop.named(DATA), {one for one in shop.named("secrets") if "-db-" in one}
    assert len(data) == 2 + 1 + 4
    assert len(secrets) == 4
    shop.kubectl("delete", "pp", "shop", "--timeout=120s")
    shop.until("gone", "its pods are gone", lambda: not shop.pods("consumer"))
    left = shop.named(OWN)
    assert not {one for one in left if "/shop" in one}, left
    assert shop.named(leftovers.LASTING) == data, "the users of Kafka go"
    assert {one for one in shop.named("secrets") if "-db-" in one} == secrets
    assert events(shop) == before
    shop.kubectl("apply", "-f", EXAMPLES / "minimal.yaml")
    shop.until_ready()
    assert rest(shop) >= before


def test_an_uninstall_stops_everything_and_keeps_the_pipeline(shop: Shop) -> None:
    before = account(shop)
    lasting = shop.named(leftovers.LASTING)
    shop.cluster.helm("uninstall", FIRST, "--namespace", FIRST, "--timeout", "5m")
    assert not {one for one in shop.named(OWN) if "shop" in one or "pulse-operator" in one}
    shop.until("gone", "its pods are gone", lambda: not shop.pods("consumer"))
    pipeline = shop.got("pp", "shop")
    assert "finalizers" not in pipeline["metadata"]
    assert shop.named(leftovers.LASTING) == lasting
    # What else the chart's page says that stays, and the Pod of a `helm test` that passed is not among it.
    assert shop.named("leases") == {"lease.coordination.k8s.io/pulse-operator"}
    assert {f"secret/shop-{part}-env" for part in ("consumer", "migrate", "transform")} <= shop.named("secrets")
    assert "pod/pulse-test" not in shop.named("pods")
    assert events(shop) == before


def test_another_release_elsewhere_goes_on_with_it(shop: Shop) -> None:
    before = events(shop)
    taken_over(shop, SECOND)
    assert rest(shop) > before


def taken_over(shop: Shop, release: str) -> None:
    """A release of this name, in a namespace of this name, keeps the pipeline, and events are stored again."""
    words = ("--namespace", release, "--create-namespace", "--set", f"namespaces={{{FIRST}}}")
    shop.cluster.helm("install", release, CHART, *words, *WAIT)
    shop.until_ready()
    shop.change(CALM)
    flows(shop)


def test_a_namespace_of_the_operator_that_ends_and_a_third_release_change_nothing(shop: Shop) -> None:
    before = events(shop)
    shop.cluster.helm("uninstall", SECOND, "--namespace", SECOND, "--timeout", "5m")
    shop.cluster.kubectl("delete", "namespace", SECOND, "--timeout=120s")
    assert "finalizers" not in shop.got("pp", "shop")["metadata"]
    taken_over(shop, THIRD)
    assert audit(shop) > before


def test_a_pipeline_that_says_so_takes_its_data_along(shop: Shop) -> None:
    shop.change({"deletionPolicy": "Delete"})
    shop.until_ready()
    shop.kubectl("delete", "pp", "shop", "--timeout=120s")
    assert not shop.named(leftovers.LASTING)
    assert not {one for one in shop.named(f"{OWN},secrets") if "/shop" in one}
    assert shop.sql("select datname from pg_database where datname = 'shop'", "postgres") == []
    assert shop.sql("select rolname from pg_roles where rolname like 'shop%'", "postgres") == []

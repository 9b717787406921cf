"""What a change of dashboards changes in the manifests, and what it must not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from kit import golden
from kit.golden import Golden

from pulse.spec import PipelineSpec
from pulse_operator import objects
from pulse_operator.dashboards import is_dashboards
from pulse_operator.objects import Manifest, Ref
from pulse_operator.render import Rendered


def only(rendered: Rendered, kind: str, name: str) -> Manifest:
    (found,) = [made for made in rendered.manifests if (made["kind"], made["metadata"]["name"]) == (kind, name)]
    return found


def with_facts(case: Golden, **facts: Any) -> Rendered:
    return replace(case, facts=replace(case.facts, **facts)).rendered


def changed(case: Golden, **parts: Any) -> Golden:
    return replace(case, spec=msgspec.convert({**case.pipeline["spec"], **parts}, PipelineSpec))


def credentials(rendered: Rendered, name: str) -> str:
    template = only(rendered, "Deployment", name)["spec"]["template"]
    return str(template["metadata"]["annotations"]["pulse.dev/credentials"])


DASHBOARDS = golden.case("dashboards")


def told_keys(**changes: Any) -> Rendered:
    facts = DASHBOARDS.facts.dashboards
    return with_facts(DASHBOARDS, dashboards=replace(facts, keys=replace(facts.keys, **changes)))


def provision_of(rendered: Rendered) -> Manifest:
    (job,) = (
        made for made in rendered.manifests if made["kind"] == "Job" and "-provision-" in made["metadata"]["name"]
    )
    return job


def test_dashboards_that_are_switched_off_leave_nothing_but_what_people_made_in_metabase() -> None:
    rendered = changed(DASHBOARDS, dashboard={}).rendered
    left = [Ref.of(made) for made in rendered.manifests if is_dashboards(Ref.of(made), "shop")]
    assert {str(ref) for ref in left} == {
        "Secret dashboards/shop-db-metabase",
        "DatabaseRole dashboards/shop-metabase",
        "Database dashboards/shop-metabase",
    }
    assert rendered.withheld == frozenset()
    never = replace(DASHBOARDS.facts.dashboards, database_kept=False)
    nothing = with_facts(changed(DASHBOARDS, dashboard={}), dashboards=never)
    assert not [made for made in nothing.manifests if is_dashboards(Ref.of(made), "shop")]


def test_the_database_of_a_metabase_that_is_gone_goes_with_its_pipeline_if_that_says_so() -> None:
    rendered = changed(DASHBOARDS, dashboard={}, deletionPolicy="Delete").rendered
    assert only(rendered, "Database", "shop-metabase")["spec"]["databaseReclaimPolicy"] == "delete"
    assert only(rendered, "DatabaseRole", "shop-metabase")["spec"]["databaseRoleReclaimPolicy"] == "delete"


def test_a_suspended_pipeline_goes_on_to_show_its_numbers() -> None:
    rendered = replace(DASHBOARDS, decision=replace(DASHBOARDS.decision, suspended=True)).rendered
    for name in ("shop-dashboards", "shop-metabase"):
        assert only(rendered, "Deployment", name) == only(DASHBOARDS.rendered, "Deployment", name)


def test_dashboards_wait_for_the_schema() -> None:
    rendered = with_facts(DASHBOARDS, migrated=False)
    assert {"shop-dashboards", "shop-metabase"} <= {ref.name for ref in rendered.withheld}
    assert any(ref.name.startswith("shop-provision-") for ref in rendered.withheld)


@pytest.mark.parametrize("lost", ["email", "password", "encryption_key"])
def test_without_what_metabase_was_begun_with_it_is_left_as_it_is(lost: str) -> None:
    rendered = told_keys(**{lost: ""})
    secret = Ref(objects.SECRET, "dashboards", "shop-metabase")
    left = {Ref(kind, "dashboards", "shop-metabase") for kind in (objects.DEPLOYMENT, objects.NETWORK_POLICY)}
    assert {secret, *left} <= rendered.withheld


def test_without_a_token_nobody_is_let_in_by_a_page_that_asks_for_none() -> None:
    rendered = told_keys(token="")
    assert Ref(objects.DEPLOYMENT, "dashboards", "shop-dashboards") in rendered.withheld
    assert Ref(objects.SECRET, "dashboards", "shop-dashboards") in rendered.withheld


def test_a_page_behind_a_proxy_gets_no_token_and_needs_none() -> None:
    live = {"enabled": True, "auth": "proxy", "allowFrom": ["login"]}
    rendered = changed(DASHBOARDS, dashboard={"live": live}).rendered
    page = only(rendered, "Deployment", "shop-dashboards")
    assert "PULSE_DASHBOARD_TOKEN" not in str(page)
    names = {made["metadata"]["name"] for made in rendered.manifests if made["kind"] == "Secret"}
    assert "shop-dashboards" not in names


def test_another_token_rolls_the_page() -> None:
    assert credentials(told_keys(token="another"), "shop-dashboards") != credentials(
        DASHBOARDS.rendered, "shop-dashboards"
    )


def test_a_metabase_that_was_opened_once_stays_open_while_other_dashboards_are_put_into_it() -> None:
    facts = replace(DASHBOARDS.facts.dashboards, provisioned=False)
    closed = with_facts(DASHBOARDS, dashboards=facts)
    assert Ref(objects.INGRESS, "dashboards", "shop-metabase") in closed.withheld
    assert "opened" not in only(closed, "Secret", "shop-metabase")["data"]
    stays = with_facts(DASHBOARDS, dashboards=replace(facts, keys=replace(facts.keys, opened=True)))
    assert stays.withheld == frozenset()
    assert only(stays, "Secret", "shop-metabase") == only(DASHBOARDS.rendered, "Secret", "shop-metabase")
    assert only(stays, "NetworkPolicy", "shop-metabase") == only(DASHBOARDS.rendered, "NetworkPolicy", "shop-metabase")


def test_other_definitions_another_password_and_another_metabase_are_provisioned_anew() -> None:
    before = provision_of(DASHBOARDS.rendered)["metadata"]["name"]
    reader = DASHBOARDS.facts.databases["reader"]
    renewed = replace(reader, dsn=reader.dsn.replace("postgres-password-of-reader", "another"))
    others = [
        with_facts(DASHBOARDS, images=replace(DASHBOARDS.facts.images, dashboards="pulse/dashboards:0.2.0")),
        with_facts(DASHBOARDS, databases={**DASHBOARDS.facts.databases, "reader": renewed}),
        changed(DASHBOARDS, dashboard={"metabase": {"enabled": True, "image": "metabase/metabase:v0.61.0"}}).rendered,
        changed(DASHBOARDS, dashboard={"metabase": {"enabled": True, "edited": "keep"}}).rendered,
    ]
    names = {provision_of(rendered)["metadata"]["name"] for rendered in others}
    assert len(names) == len(others)
    assert before not in names
    other = with_facts(DASHBOARDS, images=replace(DASHBOARDS.facts.images, consumer="pulse/consumer:0.2.0"))
    assert provision_of(other)["metadata"]["name"] == before


@pytest.mark.parametrize(
    ("transform", "warns_after"),
    [
        ({"schedule": "*/15 * * * *"}, "1h"),
        ({"schedule": "0 3 * * *"}, "48h"),
        ({"schedule": "0 3 * * 1-5"}, "144h"),
        ({"enabled": False, "schedule": "0 3 * * *"}, "1h"),
    ],
)
def test_the_page_warns_when_two_runs_of_dbt_were_missed(transform: dict[str, Any], warns_after: str) -> None:
    page = only(changed(DASHBOARDS, transform=transform).rendered, "Deployment", "shop-dashboards")
    env = {one["name"]: one.get("value") for one in page["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["PULSE_DASHBOARD_STALE_AFTER"] == warns_after

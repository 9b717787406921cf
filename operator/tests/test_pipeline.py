"""A PulsePipeline as the API server holds it, parsed; and the settings that say which ones are kept."""

from __future__ import annotations

from typing import Any

import pytest
from kit.evidence import EXTERNAL, SPEC, raw_pipeline
from kit.golden import UID

from pulse.settings import LogSettings, OperatorSettings
from pulse_operator.objects import FINALIZER, Identity
from pulse_operator.pipeline import SpecInvalid, identity_of, parsed, parsed_to_go
from pulse_operator.scope import images, listed
from pulse_operator.wants import wants

NEWER: dict[str, Any] = {**SPEC, "mirrors": 2, "deletionPolicy": "Delete"}


def test_what_its_metadata_says() -> None:
    found = parsed(raw_pipeline(finalizers=[FINALIZER, "other"], annotations={"pulse.dev/paused": "true"}))
    assert (found.identity, found.key) == (Identity("web", "shop", UID), ("web", "shop"))
    assert (found.generation, found.version, found.status) == (4, "70", {})
    assert (found.finalizers, found.deleting, found.paused) == ((FINALIZER, "other"), False, True)


@pytest.mark.parametrize("annotations", [{}, {"pulse.dev/paused": "false"}, {"pulse.dev/paused": "True"}])
def test_only_the_word_true_pauses(annotations: dict[str, str]) -> None:
    assert not parsed(raw_pipeline(annotations=annotations)).paused


def test_what_the_spec_leaves_out_has_its_default() -> None:
    spec = parsed(raw_pipeline()).spec
    assert (spec.suspend, spec.deletion_policy, spec.consumer.scaling.max) == (False, "Retain", 3)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"mirrors": 2}, "spec.mirrors: there is no such field"),
        ({"suspend": "yes"}, "spec.suspend: must be true or false"),
        ({"deletionPolicy": "Keep"}, "'Keep'"),
    ],
)
def test_a_spec_that_is_not_read_says_which_field_and_who_it_is_stays_known(change: dict[str, Any], named: str) -> None:
    raw = raw_pipeline({**SPEC, **change})
    with pytest.raises(SpecInvalid) as wrong:
        parsed(raw)
    assert "PulsePipeline web/shop" in str(wrong.value)
    assert named in str(wrong.value)
    assert identity_of(raw) == Identity("web", "shop", UID)


def test_a_pipeline_goes_also_where_its_spec_is_not_read() -> None:
    found = parsed_to_go(raw_pipeline(NEWER, deletionTimestamp="2026-03-01T12:00:00Z"))
    assert (found.deleting, found.spec.deletion_policy) == (True, "Delete")
    assert wants(found) == wants(parsed(raw_pipeline()))


def test_of_such_a_spec_the_policy_is_to_keep_unless_it_says_otherwise() -> None:
    without = {name: value for name, value in NEWER.items() if name != "deletionPolicy"}
    assert parsed_to_go(raw_pipeline(without)).spec.deletion_policy == "Retain"
    foreign = parsed_to_go(raw_pipeline({**EXTERNAL, "mirrors": 2}))
    assert (wants(foreign).topics, wants(foreign).roles) == ({}, {})


def test_a_spec_that_is_read_goes_as_it_is() -> None:
    assert parsed_to_go(raw_pipeline(EXTERNAL)) == parsed(raw_pipeline(EXTERNAL))


@pytest.mark.parametrize(
    ("text", "names"), [("", ()), ("web", ("web",)), (" web , shop,,blog ", ("web", "shop", "blog")), (" , ", ())]
)
def test_names_are_listed_with_commas(text: str, names: tuple[str, ...]) -> None:
    assert listed(text) == names


def test_pipelines_are_made_of_the_images_that_the_settings_name() -> None:
    named = {f"{name}_image": f"{name}:1" for name in ("consumer", "simulator", "transform", "dashboards", "collector")}
    settings = OperatorSettings(
        log=LogSettings(), own_namespace="pulse", **named, pull_policy="Always", pull_secrets="a, b"
    )
    made = images(settings)
    assert {name: getattr(made, name.removesuffix("_image")) for name in named} == named
    assert (made.pull_policy, made.pull_secrets) == ("Always", ("a", "b"))

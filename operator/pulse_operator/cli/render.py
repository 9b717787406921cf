"""`pulse render FILE`: the manifests that the operator would make of a pipeline, without asking any cluster."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any

import yaml

from pulse.cli import OK, Command
from pulse_operator.cli import assumed
from pulse_operator.cli.files import pipelines
from pulse_operator.decide import shall_be
from pulse_operator.objects import Manifest
from pulse_operator.pipeline import parsed
from pulse_operator.render import render
from pulse_operator.seen import secret_text

# An object that nobody stored has no uid; this one is seen at once to be nobody's.
NO_UID = "00000000-0000-0000-0000-000000000000"


def _words(parser: ArgumentParser) -> None:
    parser.add_argument("file", help="file with PulsePipelines, - for standard input")
    parser.add_argument(
        "-n", "--namespace", default="default", help="namespace of those that name none (default default)"
    )
    parser.add_argument(
        "--authentication",
        choices=assumed.AUTHENTICATIONS,
        default="scram-sha-512",
        help="how clients log in to the listener of a Kafka run by Strimzi (default scram-sha-512)",
    )
    parser.add_argument("--registry", default="", help="registry and path in front of the names of images")


def _run(words: Namespace, _: Mapping[str, str]) -> int:
    made = [
        _readable(manifest)
        for raw in pipelines(words.file, words.namespace)
        for manifest in rendered(raw, words.authentication, words.registry)
    ]
    yaml.safe_dump_all(made, sys.stdout, sort_keys=True, width=120)
    return OK


def rendered(raw: Mapping[str, Any], authentication: str, registry: str) -> tuple[Manifest, ...]:
    """The manifests of one pipeline. SpecInvalid names the field that is wrong."""
    pipeline = parsed({**raw, "metadata": {"uid": NO_UID, **raw["metadata"]}})
    facts = assumed.facts(pipeline, authentication, assumed.images(registry))
    return render(pipeline.identity, pipeline.spec, facts, shall_be(pipeline, None, None)).manifests


def _readable(manifest: Manifest) -> Manifest:
    """A Secret with its values as text, which here are words in brackets."""
    if manifest["kind"] != "Secret":
        return manifest
    values = {name: secret_text(manifest, name) for name in manifest.get("data", {})}
    return {**{name: value for name, value in manifest.items() if name != "data"}, "stringData": values}


RENDER = Command("print the manifests that a pipeline is made of, without asking a cluster", _words, _run)

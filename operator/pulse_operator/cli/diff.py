"""`pulse diff FILE`: what applying a pipeline would change in the cluster, by the API server's own dry run."""

from __future__ import annotations

import asyncio
import difflib
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from pulse.cli import FAILED, OK, Command
from pulse.facts import Images
from pulse_operator import deduce
from pulse_operator.api import Api
from pulse_operator.apply import PRUNED
from pulse_operator.cli import assumed
from pulse_operator.cli.files import pipelines
from pulse_operator.cli.operators import operators
from pulse_operator.cli.target import target_of, target_words
from pulse_operator.decide import shall_be
from pulse_operator.dependencies import Missing
from pulse_operator.objects import JOB, Manifest, Ref
from pulse_operator.observe import OWN_JOBS, Observer
from pulse_operator.patches import fingerprint, with_fingerprint
from pulse_operator.pipeline import parsed
from pulse_operator.refusals import ApiError, NotFound
from pulse_operator.render import Rendered, migration_job, provision_job, render
from pulse_operator.scope import images
from pulse_operator.seen import Seen
from pulse_operator.wants import Wants
from pulse_operator.watch import Watches

_MASK = "<not shown>"


@dataclass(frozen=True, slots=True)
class Change:
    """One object before and after; None where it is not there."""

    ref: Ref
    before: Manifest | None
    after: Manifest | None


def _words(parser: ArgumentParser) -> None:
    parser.add_argument("file", help="file with PulsePipelines, - for standard input")
    target_words(parser)
    parser.add_argument(
        "--registry", help="registry and path in front of the names of images (default: the images of the operator)"
    )


def _run(words: Namespace, _: Mapping[str, str]) -> int:
    target = target_of(words)
    different = False
    for raw in pipelines(words.file, target.namespace):
        for text in target.ask(lambda api, raw=raw: changes(api, raw, words.registry)):  # type: ignore[misc]
            different = True
            sys.stdout.write(text)
    return FAILED if different else OK


async def changes(api: Api, raw: Mapping[str, Any], registry: str | None) -> list[str]:
    """A unified diff for the pipeline itself and each of its children that would change.

    Without a registry the images are those of the operator that keeps the pipeline.
    """
    pipeline_raw = {
        "apiVersion": raw["apiVersion"],
        "kind": raw["kind"],
        "metadata": raw["metadata"],
        "spec": raw["spec"],
    }
    ref = Ref.of(pipeline_raw)
    before = await _live(api, ref)
    after = await api.apply(pipeline_raw, dry_run=True)
    made_of = assumed.images(registry) if registry is not None else await _given_out(api, ref.namespace)
    found = [Change(ref, before, after), *await _children(api, after, made_of)]
    return [text for change in found if (text := _told(change))]


async def _children(api: Api, raw: Manifest, made_of: Images | None) -> list[Change]:
    pipeline = parsed(raw)
    async with asyncio.TaskGroup() as tasks:
        watches = Watches(api, tasks, lambda _ref, _meta: None)
        observer = Observer(api, watches, everywhere=False, clock=time.time)
        wanted, seen = await observer.observe(pipeline)
        facts = deduce.facts(
            pipeline,
            wanted,
            seen,
            made_of or _running(wanted, seen),
            deduce.kept_passwords(wanted, seen),
            dashboards=assumed.keys(deduce.kept_keys(wanted, seen)),
        )
        facts = deduce.with_provisioned(facts, seen, provision_job(pipeline.identity, pipeline.spec, facts))
        if "owner" in facts.databases:
            job = migration_job(pipeline.identity, pipeline.spec, facts)
            facts = replace(facts, migrated=deduce.succeeded(seen, job))
        rendered = render(
            pipeline.identity, pipeline.spec, facts, shall_be(pipeline, seen.there(wanted.consumer), None)
        )
        found = [await _change(api, observer, manifest) for manifest in rendered.manifests]
        found += [Change(ref, await _live(api, ref), None) for ref in _superfluous(watches, pipeline.key, rendered)]
        watches.close()
    return found


async def _given_out(api: Api, namespace: str) -> Images | None:
    """The images that the operator of a namespace gives out; None, which is told, if that cannot be read."""
    for operator in await operators(api, namespace) or ():
        if operator.keeps(namespace) and operator.settings:
            return images(operator.settings)
    sys.stderr.write(
        f"No operator of namespace {namespace} could be read, so the images that run count as its own. "
        "Say --registry if they come from elsewhere.\n"
    )
    return None


def _running(wanted: Wants, seen: Seen) -> Images:
    """The images that run now, and where none does, those of this version."""
    consumer, transform = seen.there(wanted.consumer), seen.there(wanted.transform)
    found = assumed.images("")
    if consumer is not None:
        found = replace(found, consumer=_image(consumer["spec"]["template"]))
    collector = seen.there(wanted.collector)
    if collector is not None:
        found = replace(found, collector=_image(collector["spec"]["template"]))
    if transform is not None:
        found = replace(found, transform=_image(transform["spec"]["jobTemplate"]["spec"]["template"]))
    return found


def _image(template: Mapping[str, Any]) -> str:
    return str(template["spec"]["containers"][0]["image"])


def _superfluous(watches: Watches, key: tuple[str, str], rendered: Rendered) -> list[Ref]:
    """Children that would be removed."""
    kept = {Ref.of(manifest) for manifest in rendered.manifests} | rendered.withheld
    found = [
        ref
        for ref in watches.index.owned_by(*key) - kept
        if ref.kind in PRUNED and not (ref.kind is JOB and not any(f"-{one}-" in ref.name for one in OWN_JOBS))
    ]
    return sorted(found, key=str)


async def _change(api: Api, observer: Observer, manifest: Manifest) -> Change:
    ref = Ref.of(manifest)
    before = await observer.fetch(ref)
    try:
        after = await api.apply(with_fingerprint(manifest), dry_run=True)
    except ApiError as refused:
        after = {"refused": str(refused)}
    return Change(ref, None if isinstance(before, Missing) else dict(before), after)


async def _live(api: Api, ref: Ref) -> Manifest | None:
    try:
        return await api.get(ref)
    except NotFound:
        return None


def _told(change: Change) -> str:
    """A unified diff; "" where nothing would change."""
    before, after = _lines(change.before), _lines(change.after)
    return "".join(difflib.unified_diff(before, after, f"live {change.ref}", f"wanted {change.ref}"))


def _lines(manifest: Manifest | None) -> list[str]:
    """What a person compares: without what the API server keeps for itself, and without secrets."""
    if manifest is None:
        return []
    kept = {name: value for name, value in manifest.items() if name not in ("status", "data", "stringData")}
    metadata = manifest.get("metadata", {})
    kept["metadata"] = {
        name: metadata[name] for name in ("name", "namespace", "labels", "annotations") if name in metadata
    }
    secret = {**manifest.get("data", {}), **manifest.get("stringData", {})}
    if secret:
        kept["data"] = {name: f"{_MASK}, {fingerprint({'value': value})[:8]}" for name, value in secret.items()}
    return yaml.safe_dump(kept, sort_keys=True, width=120).splitlines(keepends=True)


DIFF = Command("show what applying a pipeline would change in the cluster; exit code 1 if anything", _words, _run)

"""The whole spec, its name, and the rules that compare one part with another."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from pulse.rules import Rule, has
from pulse.spec.collector import Collector
from pulse.spec.consumer import Consumer, Contract
from pulse.spec.dashboard import Dashboard
from pulse.spec.part import RESERVED, Part, text
from pulse.spec.simulator import Simulator
from pulse.spec.sink import Sink
from pulse.spec.source import Source
from pulse.spec.transform import Maintenance, Transform

PipelineName = Annotated[
    str,
    text(
        "Name of the pipeline; names of topics, roles and children are derived from it, within 63 characters.",
        r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
        40,
    ),
]
NAME_RULE = Rule(
    "!self.metadata.name.matches('^(pg|cnpg)(-|$)')",
    "metadata.name must not be or begin with pg or cnpg: Postgres and CloudNativePG keep such names for roles of "
    "their own",
    lambda name: not RESERVED.match(name),
)


class PipelineSpec(Part, frozen=True):
    """What a pipeline should be."""

    source: Annotated[Source, Meta(description="Where events come from.")]
    sink: Annotated[Sink, Meta(description="Where events go.")]
    contract: Annotated[Contract, Meta(description="What is accepted as an event.")] = Contract()
    consumer: Annotated[Consumer, Meta(description="The consumers.")] = Consumer()
    simulator: Annotated[Simulator, Meta(description="Simulated visitors.")] = Simulator()
    collector: Annotated[Collector, Meta(description="The collectors, which take events by HTTP.")] = Collector()
    transform: Annotated[Transform, Meta(description="The runs of dbt.")] = Transform()
    maintenance: Annotated[Maintenance, Meta(description="The upkeep of the raw events.")] = Maintenance()
    dashboard: Annotated[Dashboard, Meta(description="What shows the numbers.")] = Dashboard()
    suspend: Annotated[
        bool,
        Meta(
            description="Stop the consumers after their last commit, dbt and the upkeep; everything else stays, and "
            "collectors go on taking events."
        ),
    ] = False
    deletion_policy: Annotated[
        Literal["Retain", "Delete"],
        Meta(description="Whether topics and database stay or go when the pipeline is deleted."),
    ] = "Retain"

    rules = (
        Rule(
            "!has(self.source.strimzi) || self.consumer.scaling.max <= self.source.strimzi.partitions",
            "consumer.scaling.max must not be larger than source.strimzi.partitions: further consumers would idle",
            lambda spec: not has(spec.source.strimzi) or spec.consumer.scaling.max <= spec.source.strimzi.partitions,
        ),
        Rule(
            "has(self.source.strimzi) == has(oldSelf.source.strimzi)",
            "source cannot change between strimzi and external: make a new pipeline",
        ),
        Rule(
            "has(self.sink.cloudNativePG) == has(oldSelf.sink.cloudNativePG)",
            "sink cannot change between cloudNativePG and external: make a new pipeline",
        ),
        Rule(
            "!has(self.source.strimzi) || !has(oldSelf.source.strimzi)"
            " || self.source.strimzi.partitions >= oldSelf.source.strimzi.partitions",
            "source.strimzi.partitions cannot shrink: Kafka cannot take partitions away",
        ),
        Rule(
            "!has(self.source.strimzi) || !has(oldSelf.source.strimzi)"
            " || (self.source.strimzi.cluster == oldSelf.source.strimzi.cluster"
            " && has(self.source.strimzi.__namespace__) == has(oldSelf.source.strimzi.__namespace__)"
            " && (!has(self.source.strimzi.__namespace__)"
            " || self.source.strimzi.__namespace__ == oldSelf.source.strimzi.__namespace__))",
            "source.strimzi cluster and namespace cannot change: the stored offsets belong to them",
        ),
        Rule(
            "!has(self.sink.cloudNativePG) || !has(oldSelf.sink.cloudNativePG)"
            " || (self.sink.cloudNativePG.cluster == oldSelf.sink.cloudNativePG.cluster"
            " && has(self.sink.cloudNativePG.__namespace__) == has(oldSelf.sink.cloudNativePG.__namespace__)"
            " && (!has(self.sink.cloudNativePG.__namespace__)"
            " || self.sink.cloudNativePG.__namespace__ == oldSelf.sink.cloudNativePG.__namespace__)"
            " && has(self.sink.cloudNativePG.database) == has(oldSelf.sink.cloudNativePG.database)"
            " && (!has(self.sink.cloudNativePG.database)"
            " || self.sink.cloudNativePG.database == oldSelf.sink.cloudNativePG.database))",
            "sink.cloudNativePG cluster, namespace and database cannot change: the events are there",
        ),
    )

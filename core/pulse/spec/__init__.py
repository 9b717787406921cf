"""The spec of a PulsePipeline, as types: the one source of the CRD's schema, its page and what the operator reads.

Every field says its meaning, its default and its limits here and nowhere else. Every text and list has a maximum,
because the API server budgets the cost of the rules by it. Rules that compare fields stand beside the types they
compare, in CEL and in Python; a rule that looks at `oldSelf` stands at the spec itself, where removing a part cannot
step around it.
"""

from pulse.spec.collector import Collector
from pulse.spec.consumer import Batch, Consumer, Contract, Scaling
from pulse.spec.dashboard import Dashboard, Live, Metabase
from pulse.spec.ingress import Annotation, Ingress
from pulse.spec.part import Amounts, Part, Resources, SecretRef
from pulse.spec.pipeline import NAME_RULE, PipelineName, PipelineSpec
from pulse.spec.simulator import Simulator
from pulse.spec.sink import CloudNativePGSink, ExternalSink, Sink
from pulse.spec.source import ExternalSource, KafkaAuth, Source, StrimziSource
from pulse.spec.transform import Maintenance, Transform

__all__ = [
    "NAME_RULE",
    "Amounts",
    "Annotation",
    "Batch",
    "CloudNativePGSink",
    "Collector",
    "Consumer",
    "Contract",
    "Dashboard",
    "ExternalSink",
    "ExternalSource",
    "Ingress",
    "KafkaAuth",
    "Live",
    "Maintenance",
    "Metabase",
    "Part",
    "PipelineName",
    "PipelineSpec",
    "Resources",
    "Scaling",
    "SecretRef",
    "Simulator",
    "Sink",
    "Source",
    "StrimziSource",
    "Transform",
]

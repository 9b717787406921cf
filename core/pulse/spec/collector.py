"""Who takes events by HTTP, from whom, and where it is reached."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from pulse.rules import Rule, has
from pulse.senders import ORIGIN
from pulse.spec.ingress import Ingress
from pulse.spec.part import Amounts, Part, Resources, SecretRef, text

_DOMAIN = r"^[a-z0-9-]+(\.[a-z0-9-]+)+$"

_MOST_BYTES = 16 * 1024 * 1024


class Rate(Part, frozen=True):
    """How much one write key may send to one collector."""

    events_per_second: Annotated[int, Meta(description="Events a second; 0 sets no limit.", ge=0, le=1_000_000)] = 5_000
    rejected_per_second: Annotated[
        int,
        Meta(
            description="Rejected events a second that become dead letters; more are counted only. 0 sets no limit.",
            ge=0,
            le=1_000_000,
        ),
    ] = 100


class Limits(Part, frozen=True):
    """How much a request may hold, and how much a collector holds at the same time."""

    request_bytes: Annotated[int, Meta(description="Longest body of a request.", ge=1024, le=_MOST_BYTES)] = 1_048_576
    unpacked_bytes: Annotated[int, Meta(description="Longest body once gzip is undone.", ge=1024, le=67_108_864)] = (
        4_194_304
    )
    event_bytes: Annotated[int, Meta(description="Longest event.", ge=256, le=524_288)] = 32_768
    batch_events: Annotated[int, Meta(description="Most events in one request.", ge=1, le=10_000)] = 500
    held_bytes: Annotated[
        int,
        Meta(description="Most bytes of bodies held at the same time.", ge=1_048_576, le=1_073_741_824),
    ] = 67_108_864
    connections: Annotated[int, Meta(description="Most connections at the same time.", ge=10, le=100_000)] = 5_000

    rules = (
        Rule(
            "self.eventBytes <= self.unpackedBytes",
            "eventBytes must not be larger than unpackedBytes: no body would hold such an event",
            lambda limits: limits.event_bytes <= limits.unpacked_bytes,
        ),
        Rule(
            "self.requestBytes <= self.heldBytes",
            "requestBytes must not be larger than heldBytes: such a request would always be refused",
            lambda limits: limits.request_bytes <= limits.held_bytes,
        ),
    )


class Replicas(Part, frozen=True):
    """How many collectors run. A HorizontalPodAutoscaler keeps them between min and max, by their use of CPU."""

    min: Annotated[int, Meta(description="Fewest collectors.", ge=1, le=1000)] = 2
    max: Annotated[int, Meta(description="Most collectors.", ge=1, le=1000)] = 4
    target_cpu_percent: Annotated[
        int,
        Meta(description="Use of CPU, in percent of what is requested, above which more are started.", ge=1, le=1000),
    ] = 80

    rules = (
        Rule("self.min <= self.max", "min must not be larger than max", lambda scaling: scaling.min <= scaling.max),
    )


class Cookie(Part, frozen=True):
    """The cookie that knows visitors again, set for pages that ask for it."""

    kind: Annotated[
        Literal["None", "Readable", "HttpOnly"],
        Meta(
            description="None sets none; Readable is the tracker's own; HttpOnly is for pages that have but the pixel."
        ),
    ] = "None"
    domain: (
        Annotated[
            str,
            text(
                "What the names of pages and collector have in common, such as shop.example; the collector's own name "
                "if absent.",
                _DOMAIN,
                253,
            ),
        ]
        | UnsetType
    ) = UNSET

    rules = (
        Rule(
            "self.kind != 'None' || !has(self.domain)",
            "domain needs a kind other than None: else there is no cookie",
            lambda cookie: cookie.kind != "None" or not has(cookie.domain),
        ),
    )


class Collector(Part, frozen=True):
    """The collectors, which take events by HTTP and write them to Kafka."""

    enabled: Annotated[bool, Meta(description="Whether collectors run.")] = False
    origins: Annotated[
        tuple[Annotated[str, text("An origin: scheme, host and port, as the browser writes it.", ORIGIN, 255)], ...],
        Meta(
            description="Origins of the pages that may send from a browser, such as https://shop.example.",
            max_length=100,
        ),
    ] = ()
    write_keys: (
        Annotated[
            SecretRef,
            Meta(
                description="Secret whose keys are the names of senders and whose values are their write keys. If "
                "absent, one with a key for the sender web is made."
            ),
        ]
        | UnsetType
    ) = UNSET
    address: Annotated[
        Literal["Drop", "Truncate"],
        Meta(description="What becomes of a client's address: nothing is kept, or an IPv4 /24 or IPv6 /48."),
    ] = "Drop"
    cookie: Annotated[Cookie, Meta(description="The cookie that knows visitors again.")] = Cookie()
    proxies: (
        Annotated[
            int,
            Meta(
                description="Proxies of your own before the collectors, which write X-Forwarded-For; if absent, 1 with "
                "an ingress and else 0.",
                ge=0,
                le=10,
            ),
        ]
        | UnsetType
    ) = UNSET
    rate: Annotated[Rate, Meta(description="How much one write key may send.")] = Rate()
    limits: Annotated[Limits, Meta(description="How much a request may hold.")] = Limits()
    scaling: Annotated[Replicas, Meta(description="How many collectors run.")] = Replicas()
    resources: Annotated[Resources, Meta(description="What each collector pod asks for.")] = Resources(
        requests=Amounts(cpu="250m", memory="128Mi")
    )
    ingress: Annotated[Ingress, Meta(description="The way in from outside of the cluster.")] | UnsetType = UNSET

    rules = (
        Rule(
            "has(self.resources.requests.cpu) || has(self.resources.limits.cpu)",
            "resources need an amount of cpu: the number of collectors follows its use",
            lambda collector: has(collector.resources.requests.cpu) or has(collector.resources.limits.cpu),
        ),
    )

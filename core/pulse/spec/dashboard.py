"""What shows the numbers: the live page that comes with Pulse, and a Metabase."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from pulse.rules import Rule
from pulse.spec.ingress import Ingress
from pulse.spec.part import DNS_LABEL, Amounts, Part, Resources, text

_BASE_PATH = r"^(/[A-Za-z0-9._~-]+)*$"
_IMAGE = r"^[a-z0-9]([-a-z0-9._:/]*[a-z0-9])?(:[A-Za-z0-9_][A-Za-z0-9._-]*)?(@sha256:[0-9a-f]{64})?$"
_MAIL = r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"

AllowFrom = Annotated[
    tuple[Annotated[str, text("Name of a namespace.", DNS_LABEL, 63)], ...],
    Meta(
        description="Namespaces whose pods may connect to it, such as that of the ingress controller; all if empty.",
        max_length=16,
    ),
]


class Live(Part, frozen=True):
    """The live page: every dashboard, and how the pipeline is."""

    enabled: Annotated[bool, Meta(description="Whether the page runs.")] = False
    replicas: Annotated[int, Meta(description="How many pods serve it.", ge=1, le=10)] = 1
    auth: Annotated[
        Literal["token", "proxy"],
        Meta(
            description="Who lets people in: token is the page itself, by the token in Secret <pipeline>-dashboards; "
            "proxy is what stands before it, and the page lets everybody in who reaches it."
        ),
    ] = "token"
    base_path: Annotated[
        str,
        Meta(
            description="Path of the page on its host name, such as /numbers; empty is the root.",
            pattern=_BASE_PATH,
            max_length=200,
        ),
    ] = ""
    allow_from: AllowFrom = ()
    ingress: Annotated[Ingress, Meta(description="An Ingress to the page; none if absent.")] | UnsetType = UNSET
    resources: Annotated[Resources, Meta(description="What each of its pods asks for.")] = Resources(
        requests=Amounts(cpu="50m", memory="96Mi"), limits=Amounts(memory="384Mi")
    )

    rules = (
        Rule(
            "self.auth != 'proxy' || size(self.allowFrom) > 0",
            "auth proxy needs allowFrom, the namespace of the proxy: the page lets everybody in who reaches it",
            lambda live: live.auth != "proxy" or len(live.allow_from) > 0,
        ),
    )


class Metabase(Part, frozen=True):
    """A Metabase with the same dashboards. Its own database is beside the events, with a role of its own."""

    enabled: Annotated[bool, Meta(description="Whether it runs; its own database stays when it does not any more.")] = (
        False
    )
    image: Annotated[str, text("Image of Metabase.", _IMAGE, 300)] = "metabase/metabase:v0.60.1"
    site_url: (
        Annotated[
            str,
            text("Address that people open; that of the ingress if absent.", r"^https?://[A-Za-z0-9.:\[\]/_~-]+$", 300),
        ]
        | UnsetType
    ) = UNSET
    admin_email: Annotated[
        str,
        text(
            "Mail address of the administrator that Pulse makes and works as. It is kept in Secret <pipeline>-metabase "
            "from then on, beside the password: another one here changes nothing.",
            _MAIL,
            200,
        ),
    ] = "pulse@example.com"
    edited: Annotated[
        Literal["keep", "overwrite"],
        Meta(
            description="What becomes of a card or dashboard of Pulse that a person has changed: keep leaves it, "
            "overwrite sets it back."
        ),
    ] = "keep"
    allow_from: AllowFrom = ()
    ingress: (
        Annotated[Ingress, Meta(description="An Ingress to it, once Pulse has made its administrator; none if absent.")]
        | UnsetType
    ) = UNSET
    resources: Annotated[Resources, Meta(description="What its pod asks for.")] = Resources(
        requests=Amounts(cpu="250m", memory="1Gi"), limits=Amounts(memory="2Gi")
    )


class Dashboard(Part, frozen=True):
    """What shows the numbers."""

    live: Annotated[Live, Meta(description="The live page.")] = Live()
    metabase: Annotated[Metabase, Meta(description="A Metabase with the same dashboards.")] = Metabase()

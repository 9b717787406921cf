"""What the parts of the spec are made of: texts with their limits, amounts, references."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, Struct, UnsetType

from pulse.rules import Rule


def text(description: str, pattern: str, most: int, least: int = 1) -> Meta:
    """A text that matches the pattern and has from `least` to `most` characters."""
    return Meta(description=description, pattern=pattern, max_length=most, min_length=least)


DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
DURATION = r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"
DAYS = r"^[1-9][0-9]*[dh]$"
YEARS = r"^[1-9][0-9]{0,3}d$"
_CRON_FIELD = r"(\*|[0-9A-Za-z,*/-]+)"
CRON = rf"^({_CRON_FIELD}( +{_CRON_FIELD}){{4}}|@(hourly|daily|weekly|monthly|yearly|annually|midnight))$"
QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"

# Postgres and CloudNativePG keep such names for roles of their own.
RESERVED = re.compile(r"(pg|cnpg)([-_]|\Z)")


class Part(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What every part of the spec is: frozen, its names in camel case, an unknown name refused."""

    rules: ClassVar[tuple[Rule, ...]] = ()


class SecretRef(Part, frozen=True):
    """A Secret in the pipeline's namespace."""

    name: Annotated[str, text("Name of the Secret.", DNS_NAME, 253)]


class Amounts(Part, frozen=True):
    """Amounts of CPU and memory."""

    cpu: Annotated[str, text("CPU, such as 250m or 1.", QUANTITY, 20)] | UnsetType = UNSET
    memory: Annotated[str, text("Memory, such as 256Mi.", QUANTITY, 20)] | UnsetType = UNSET


class Resources(Part, frozen=True):
    """What a container asks for and what it may use."""

    requests: Annotated[Amounts, Meta(description="What the container is guaranteed.")] = Amounts(
        cpu="100m", memory="256Mi"
    )
    limits: Annotated[Amounts, Meta(description="What the container may use at most.")] = Amounts(memory="1Gi")

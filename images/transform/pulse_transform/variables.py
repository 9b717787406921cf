"""What the dbt project is told: its vars, made from the settings, and the hash that tells one set from another.

Pure. The names are those of dbt_project.yml.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

from pulse.settings import TransformSettings


def project_vars(settings: TransformSettings) -> dict[str, object]:
    """The vars of dbt_project.yml that settings decide."""
    return {
        "session_gap_seconds": settings.session_gap.total_seconds(),
        "late_after_seconds": settings.late_after.total_seconds(),
        "time_zone": settings.time_zone,
        "include_custom_events": settings.include_custom_events,
        "exclude_bots": settings.exclude_bots,
    }


def canonical(variables: Mapping[str, object]) -> str:
    """The same text for the same vars, whatever their order."""
    return json.dumps(variables, sort_keys=True, separators=(",", ":"))


def vars_hash(variables: Mapping[str, object]) -> str:
    """Differs when the marts of two runs would."""
    return sha256(canonical(variables).encode()).hexdigest()

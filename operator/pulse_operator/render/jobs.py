"""What a Job is, whether it runs once or by a schedule. Pure."""

from __future__ import annotations

from pulse_operator.objects import Manifest


def job(template: Manifest, *, retries: int, deadline_seconds: int, final_codes: tuple[int, ...] = ()) -> Manifest:
    """The spec of a Job. A pod that ends with one of `final_codes` fails it at once: trying again would not help."""
    rules: list[Manifest] = [
        # A drained node is no failure of the work.
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]
    if final_codes:
        (container,) = template["spec"]["containers"]
        codes = {"containerName": container["name"], "operator": "In", "values": sorted(final_codes)}
        rules.append({"action": "FailJob", "onExitCodes": codes})
    return {
        "backoffLimit": retries,
        "activeDeadlineSeconds": deadline_seconds,
        "podFailurePolicy": {"rules": rules},
        "template": template,
    }

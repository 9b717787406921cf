"""What a Job is, and what a CronJob is around it. Pure."""

from __future__ import annotations

from pulse_operator.objects import Manifest, labels
from pulse_operator.render.inputs import Inputs


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


def cron(
    inputs: Inputs, component: str, spec: Manifest, *, schedule: str, zone: str, latest_start_seconds: int
) -> Manifest:
    """The spec of a CronJob. Its Jobs run one at a time, and none while the pipeline is suspended."""
    return {
        "schedule": schedule,
        # Days begin where the zone says, not where the control plane happens to stand.
        "timeZone": zone,
        "suspend": inputs.decision.suspended,
        "concurrencyPolicy": "Forbid",
        # Without one, a control plane that was away for a hundred runs would never start another.
        "startingDeadlineSeconds": latest_start_seconds,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {"metadata": {"labels": labels(inputs.identity, component)}, "spec": spec},
    }

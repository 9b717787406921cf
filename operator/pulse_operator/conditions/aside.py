"""Ready of a pipeline that is not looked into any further: it is set aside, going, or not to be read."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_operator.dependencies import Reason, Verdict
from pulse_operator.dependencies.verdict import false, unknown
from pulse_operator.objects import PAUSED_ANNOTATION, Ref
from pulse_operator.pipeline import SpecInvalid

_SHOWN = 5


def invalid(wrong: SpecInvalid) -> Verdict:
    """Nothing is known of what it wants; what runs goes on running."""
    return false(Reason.INVALID_SPEC, str(wrong))


def paused() -> Verdict:
    """Somebody wants it left alone."""
    return unknown(Reason.PAUSED, f"Pulse keeps its hands off. Remove the annotation {PAUSED_ANNOTATION} to go on.")


def deleting(awaited: Sequence[Ref]) -> Verdict:
    """It goes once its children did."""
    more = f" and {len(awaited) - _SHOWN} more" if len(awaited) > _SHOWN else ""
    left = ", ".join(str(ref) for ref in awaited[:_SHOWN])
    return false(Reason.DELETING, f"The pipeline goes once these are gone: {left}{more}.")

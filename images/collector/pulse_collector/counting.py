"""What the collector counts, bound once to the metrics, so that a request pays little for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pulse.adapters import metrics
from pulse_collector.accept import Sorted
from pulse_collector.refusals import REFUSALS

OK, OPTED_OUT = "ok", "opted_out"


class Counts:
    """The metrics of this process."""

    def __init__(self, senders: Iterable[str]) -> None:
        self._requests = {code: metrics.COLLECTOR_REQUESTS.labels(code) for code in (OK, OPTED_OUT, *REFUSALS)}
        self._accepted = {name: metrics.COLLECTOR_EVENTS.labels(name, "accepted") for name in senders}
        self._seconds = metrics.COLLECTOR_REQUEST_SECONDS

    def request(self, code: str, seconds: float) -> None:
        """A request was answered; `code` is `ok`, `opted_out` or that of its refusal."""
        self._requests[code].inc()
        self._seconds.observe(seconds)

    def events(self, sender: str, found: Sorted, unrecorded: int) -> None:
        """The events of a request were stored; `unrecorded` of the rejected ones were not."""
        if found.accepted:
            self._accepted[sender].inc(len(found.accepted))
            flagged = [one.bot_reason for one in found.accepted if one.bot_reason]
            for reason, count in Counter(flagged).items() if flagged else ():
                metrics.COLLECTOR_BOTS.labels(reason).inc(count)
        if found.rejected:
            metrics.COLLECTOR_EVENTS.labels(sender, "rejected").inc(len(found.rejected) - unrecorded)
            metrics.COLLECTOR_EVENTS.labels(sender, "unrecorded").inc(unrecorded)
            for code, count in Counter(one.code for one in found.rejected).items():
                metrics.COLLECTOR_REJECTED.labels(code).inc(count)

    @staticmethod
    def kafka(problem: str | None) -> None:
        """Whether Kafka can be reached."""
        metrics.COLLECTOR_KAFKA_UP.set(problem is None)

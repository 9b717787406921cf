"""Events from a server to a Pulse collector. Standard library only.

    from pulse_client import Client, event

    with Client("https://events.shop.example", key="a-write-key") as pulse:
        pulse.track(event("payment", user_id="u-1", metadata={"product_id": "7", "price": 9.5}))

`send` returns once the collector has the events, `track` at once. Both keep an event's id across every retry, so that
it is stored once. What is only in this process's memory goes with it: whoever must not lose a payment calls `send`, and
calls it again with the same event until it returns.
"""

from pulse_client.client import Client
from pulse_client.errors import CollectorUnavailable, EventsRefused, PulseClientError, QueueFull
from pulse_client.events import event, uuid7

__all__ = ["Client", "CollectorUnavailable", "EventsRefused", "PulseClientError", "QueueFull", "event", "uuid7"]

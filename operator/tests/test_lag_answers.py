"""What is told of a broker that cannot be reached."""

from __future__ import annotations

from confluent_kafka import KafkaError

from pulse_operator.lag.answer import of_connection


def test_how_long_a_connection_took_to_fail_is_no_news() -> None:
    told = {
        of_connection(
            "k:1",
            "user shop",
            KafkaError(KafkaError._TRANSPORT, f"k:1: Connect failed (after {ms}ms in state CONNECT{more})"),
        )
        for ms, more in ((4004, ""), (7, ", 3 identical error(s) suppressed"))
    }
    assert [one.reason for one in told] == [
        "Kafka at k:1 cannot be reached: k:1: Connect failed. Check address and network."
    ]

"""What is told of a broker that cannot be reached."""

from __future__ import annotations

from confluent_kafka import KafkaError

from pulse_operator.lag.answer import of_connection, of_silence


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
        "Kafka at k:1 cannot be reached: k:1: Connect failed. Check the listener's address, its namespace and its "
        "port, and that no NetworkPolicy keeps the operator away."
    ]


def test_silence_names_the_address_and_what_to_check() -> None:
    told = of_silence("events-kafka-bootstrap.kafka.svc:9092", 2.0)
    assert told.kind == "TimedOut"
    assert told.reason.startswith("Kafka at events-kafka-bootstrap.kafka.svc:9092 did not answer within 2 s. Check ")
    for what in ("listener", "namespace", "port", "NetworkPolicy"):
        assert what in told.reason
    assert of_silence("", 2.0).reason.startswith("No address of Kafka is given. Check ")

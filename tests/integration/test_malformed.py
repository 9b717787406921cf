"""Bad input is refused by name and never loses good data."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Consumer
from kit import corpus
from kit.pipeline import PATIENCE_SECONDS, Pipeline

from pulse.adapters import kafka

pytestmark = pytest.mark.integration

TEN_MEGABYTES = 10 * 1024 * 1024


def dlq_records(pipeline: Pipeline, count: int) -> list[tuple[bytes | None, dict[str, bytes | None]]]:
    """So many records of the DLQ topic: value and headers."""
    reader = Consumer(
        kafka.client_config(
            pipeline.kafka,
            group_id="dlq-reader",
            auto_offset_reset="earliest",
            fetch_message_max_bytes=2 * TEN_MEGABYTES,
        )
    )
    reader.subscribe([pipeline.plan.dlq.name])
    found: list[tuple[bytes | None, dict[str, bytes | None]]] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found) < count and time.monotonic() < deadline:
        for message in reader.consume(count, 0.5):
            assert message.error() is None
            found.append((message.value(), dict(message.headers() or [])))  # type: ignore[arg-type]
    reader.close()
    return found


def test_every_document_of_the_corpus_ends_in_the_events_or_in_the_dead_letters(pipeline: Pipeline) -> None:
    good, bad = corpus.good(), corpus.bad()
    huge = b'{"event_type":"page_view","user_id":"' + b"x" * TEN_MEGABYTES + b'"}'
    pipeline.send({"value": case.value, "headers": [("case", case.name.encode())]} for case in good + bad)
    pipeline.produce([huge], key=b"someone", headers=[("case", b"ten megabytes"), ("empty", None)])
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()

    assert pipeline.number("select count(*) from raw.events") == len(good) - 1  # one id stands in the corpus twice
    assert pipeline.number("select count(*) from raw.event_conflicts") == 1
    dead = pipeline.rows(
        "select convert_from(decode(headers -> 0 ->> 1, 'base64'), 'utf8'), class, coalesce(field, ''), value, key,"
        " headers from raw.dead_letters"
    )
    expected = {case.name: (case.line["code"], case.line["field"], case.value) for case in bad}
    expected["ten megabytes"] = ("out_of_range", "user_id", huge)
    assert {name: (code, field, value) for name, code, field, value, _, _ in dead} == expected
    assert next((key, headers[1]) for name, _, _, _, key, headers in dead if name == "ten megabytes") == (
        b"someone",
        ["empty", None],
    )

    read, inserted, duplicate, conflict, lost = pipeline.rows(
        "select sum(read), sum(inserted), sum(duplicate), sum(conflict), sum(dead) from raw.batches"
    )[0]
    assert read == len(good) + len(bad) + 1
    assert (inserted, duplicate, conflict, lost) == (len(good) - 1, 0, 1, len(bad) + 1)

    copies = dlq_records(pipeline, len(expected))
    assert sorted((value or b"") for value, _ in copies) == sorted((value or b"") for _, _, value in expected.values())
    for _, headers in copies:
        code, field, _ = expected[(headers["case"] or b"").decode()]
        assert headers["pulse.dlq.class"] == code.encode()
        assert headers["pulse.dlq.field"] == field.encode()
        assert headers["pulse.dlq.topic"] == pipeline.plan.events.name.encode()


def test_what_the_database_alone_refuses_is_found_and_the_rest_of_its_batch_is_stored(pipeline: Pipeline) -> None:
    pipeline.execute("alter table raw.events add constraint not_these check (user_id not in ('u-7', 'u-500'))")
    template = '{{"event_type":"page_view","user_id":"u-{0}","timestamp":"2026-01-02T03:04:05Z"}}'
    pipeline.produce(template.format(number).encode() for number in range(1000))
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()

    assert pipeline.number("select count(distinct user_id) from raw.events") == 998
    assert pipeline.rows("select class, sqlstate, value from raw.dead_letters order by value") == [
        ("database_refused", "23514", template.format(500).encode()),
        ("database_refused", "23514", template.format(7).encode()),
    ]


def test_what_a_collector_refused_is_a_dead_letter_whatever_it_says(pipeline: Pipeline) -> None:
    value = b'{"event_type":"page_view","user_id":"u","timestamp":"2026-01-02T03:04:05Z"}'
    pipeline.produce([value], headers=[("pulse.reject.code", b"invalid_json")])
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()

    assert pipeline.rows("select class, reason, value from raw.dead_letters") == [
        ("rejected_by_collector", "invalid_json", value)
    ]
    assert pipeline.number("select count(*) from raw.events") == 0

"""What the packed rows say is what Postgres stores, value by value."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.pipeline import Pipeline

from pulse.events import Event
from pulse_consumer import statements
from pulse_consumer.rows import COLUMNS, packed, stream

pytestmark = pytest.mark.integration

TOPIC_ID = bytes(range(16))

# Postgres holds every character but NUL.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
maybe_text = st.none() | texts
moments_us = st.integers(946_684_800_000_000, 4_000_000_000_000_000)

partitions = st.integers(0, 2**31 - 1)
offsets = st.integers(0, 2**63 - 1)
documents = st.dictionaries(texts, texts | st.integers() | st.none(), max_size=4)

events = st.builds(
    Event,
    event_id=st.uuids().map(lambda value: value.bytes),
    event_type=texts,
    user_id=texts,
    event_us=moments_us,
    page=maybe_text,
    product_id=maybe_text,
    category=maybe_text,
    price_cents=st.none() | st.integers(0, 999_999_999_999),
    search_query=maybe_text,
    funnel_step_index=st.none() | st.integers(0, 4),
    funnel_complete=st.none() | st.booleans(),
    session_id=maybe_text,
    anonymous_id=maybe_text,
    properties=st.none() | documents.map(lambda value: json.dumps(value).encode()),
    fingerprint=st.binary(min_size=16, max_size=16),
    received_us=st.none() | moments_us,
)


def moment(microseconds: int | None) -> dt.datetime | None:
    return (
        None
        if microseconds is None
        else dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=microseconds)
    )


def expected(event: Event, kafka_us: int, partition: int, offset: int) -> tuple[Any, ...]:
    return (
        uuid.UUID(bytes=event.event_id),
        event.event_type,
        event.user_id,
        moment(event.event_us),
        event.page,
        event.product_id,
        event.category,
        None if event.price_cents is None else Decimal(event.price_cents) / 100,
        event.search_query,
        event.funnel_step_index,
        event.funnel_complete,
        event.session_id,
        event.anonymous_id,
        None if event.properties is None else json.loads(event.properties),
        event.fingerprint,
        moment(event.received_us),
        moment(kafka_us),
        True,
        uuid.UUID(bytes=TOPIC_ID),
        partition,
        offset,
    )


def test_every_column_arrives_as_it_was_packed(pipeline: Pipeline) -> None:
    names = ", ".join(name for name, _ in COLUMNS)
    with psycopg.connect(pipeline.ingest.dsn) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(statements.CREATE_STAGE)

        @settings(max_examples=150)
        @given(
            st.lists(st.tuples(events, moments_us, st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1)), max_size=5)
        )
        def round_trip(rows: list[tuple[Event, int, int, int]]) -> None:
            connection.execute(statements.EMPTY_STAGE)
            with connection.cursor() as cursor:
                with cursor.copy(statements.COPY_STAGE) as copy:
                    copy.write(
                        stream(packed(event, us, True, TOPIC_ID, part, offset) for event, us, part, offset in rows)
                    )
                stored = cursor.execute(f"select {names} from stage".encode()).fetchall()
            assert stored == [expected(*row) for row in rows]

        round_trip()

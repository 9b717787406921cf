"""Which offsets of a log hold a record that the consumer would be given. Joins no group, commits nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from pulse.adapters import kafka
from pulse.errors import KafkaUnavailable
from pulse.settings import KafkaSettings, TopicSettings
from pulse_consumer import subscription
from pulse_consumer.chain import Span

_ASKED = 10_000
_PATIENCE_SECONDS = 30.0


def runs(
    settings: KafkaSettings, topics: TopicSettings, partition: int, low: int, end: int, progress: Callable[[int], None]
) -> Iterator[Span]:
    """The runs of offsets from `low` up to `end` that hold a record each. `progress` hears how far it is, often.

    Where retention cuts the log while it is read, the runs go on at its new beginning. KafkaUnavailable if nothing
    comes for half a minute, Stop if the topic may not be read.
    """
    config = kafka.client_config(
        settings,
        group_id=topics.group,  # never joined; it only has to be named
        enable_auto_commit=False,
        enable_auto_offset_store=False,
        auto_offset_reset="error",
        isolation_level="read_committed",
        enable_partition_eof=True,
    )
    reader = Consumer({**config, **kafka.QUIET})
    try:
        place = low
        reader.assign([TopicPartition(topics.events, partition, place)])
        heard = time.monotonic()
        progress(place)
        while place < end:
            messages = reader.consume(_ASKED, timeout=1.0)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > _PATIENCE_SECONDS:
                raise KafkaUnavailable(
                    f"Reading the log of {topics.events}, partition {partition}: nothing came for "
                    f"{_PATIENCE_SECONDS:.0f} s at offset {place}"
                )
            is_over, is_cut = _ended(messages)
            for first, following in spans(_offsets(messages), end):
                yield first, following
                place = following
            if is_over:
                return
            if is_cut:
                place = max(place, subscription.bounds(settings, topics.events, [partition])[partition].low)
                reader.assign([TopicPartition(topics.events, partition, place)])
            progress(place)
    finally:
        reader.close()


def spans(offsets: Iterable[int], end: int) -> Iterator[Span]:
    """Offsets in order, each run of neighbours as one; nothing from `end` on."""
    first = following = -1
    for offset in offsets:
        if offset >= end:
            break
        if offset != following:
            if following > first:
                yield first, following
            first = offset
        following = offset + 1
    if following > first:
        yield first, following


def _offsets(messages: Iterable[Message[Any, Any]]) -> Iterator[int]:
    for message in messages:
        offset = message.offset()
        if message.error() is None and offset is not None:
            yield offset


def _ended(messages: Iterable[Message[Any, Any]]) -> tuple[bool, bool]:
    """Whether the log's end was met, and whether its beginning has moved past what was asked for."""
    is_over = is_cut = False
    for message in messages:
        error = message.error()
        if error is None:
            continue
        is_over |= error.code() == KafkaError._PARTITION_EOF
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            is_cut = True
        else:
            subscription.raise_for(error)
    return is_over, is_cut

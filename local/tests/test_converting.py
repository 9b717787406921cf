"""A row becomes a document that the contract accepts, the same each time, or says why it cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulse.events import EventDecoder
from pulse_local.importing.converting import BadRow, Record, Row, converted
from pulse_local.importing.mapping import parsed_mapping

SHOP = parsed_mapping(
    """
    event:
      event_type: {column: kind, values: {seen: product_view}}
      user_id: who
      timestamp: {column: at, zone: Europe/Berlin}
      page: url
      funnel_step_index: step
      funnel_complete: done
      metadata: {product_id: item, price: cost}
    properties: {channel: channel, city: geo.city}
    """,
    "shop.yaml",
)
ROW = {"kind": "seen", "who": "ada", "at": "2024-01-02T03:04:05Z"}


def record(values: dict[str, Any], mapping: Any = SHOP) -> Record:
    result = converted(Row("line 2", values), mapping)
    assert isinstance(result, Record), result
    return result


def document(values: dict[str, Any], mapping: Any = SHOP) -> dict[str, Any]:
    return dict(json.loads(record(values, mapping).value))


def refusal(values: dict[str, Any], mapping: Any = SHOP) -> str:
    result = converted(Row("line 2", values), mapping)
    assert isinstance(result, BadRow), result
    return result.reason


def with_time(time_format: str) -> Any:
    text = f"event: {{event_type: kind, user_id: who, timestamp: {{column: at, format: {time_format}}}}}"
    return parsed_mapping(text, "times.yaml")


def test_every_field_takes_its_place_and_its_type() -> None:
    full = {
        "url": "/p/1",
        "step": "1",
        "done": "TRUE",
        "item": 77,
        "cost": "9.50",
        "channel": "ad",
        "geo": {"city": "Ulm"},
    }
    made = document({**ROW, **full})
    del made["event_id"]
    assert made == {
        "event_type": "product_view",
        "user_id": "ada",
        "timestamp": "2024-01-02T03:04:05Z",
        "received_at": "2024-01-02T03:04:05Z",
        "page": "/p/1",
        "funnel_step_index": 1,
        "funnel_complete": True,
        "metadata": {"product_id": "77", "price": 9.5},
        "properties": {"channel": "ad", "city": "Ulm"},
    }


def test_the_consumer_accepts_what_is_made_and_finds_it_on_time() -> None:
    event = EventDecoder().decode(record({**ROW, "cost": "9.50"}).value, 1_800_000_000_000_000, b"t" * 16, 0, 0)
    assert (event.user_id, event.event_type, event.price_cents) == ("ada", "product_view", 950)
    assert event.received_us == event.event_us


def test_empty_values_are_absent() -> None:
    assert set(document({**ROW, "url": "", "cost": "", "channel": ""})) == {
        "event_type", "user_id", "timestamp", "received_at", "event_id",
    }  # fmt: skip


def test_a_type_that_the_mapping_does_not_name_keeps_its_name() -> None:
    assert document({**ROW, "kind": "wishlist_add"})["event_type"] == "wishlist_add"


@pytest.mark.parametrize(
    ("time_format", "written", "moment"),
    [
        ("iso", "2024-01-02 03:04:05", "2024-01-02T03:04:05Z"),
        ("iso", "2024-01-02T03:04:05.25+02:00", "2024-01-02T01:04:05.250000Z"),
        ("epoch_s", "1704164645", "2024-01-02T03:04:05Z"),
        ("epoch_s", 1704164645.5, "2024-01-02T03:04:05.500000Z"),
        ("epoch_ms", 1704164645123, "2024-01-02T03:04:05.123000Z"),
        ("'%d/%m/%Y %H:%M'", "02/01/2024 03:04", "2024-01-02T03:04:00Z"),
        ("'%d.%m.%y %H:%M %z'", "02.01.24 03:04 +0200", "2024-01-02T01:04:00Z"),
    ],
)
def test_times_are_read_in_the_format_of_the_mapping(time_format: str, written: Any, moment: str) -> None:
    made = document({**ROW, "kind": "page_view", "at": written}, with_time(time_format))
    assert (made["timestamp"], made["received_at"]) == (moment, moment)


def test_a_time_without_a_zone_is_of_the_mappings_zone() -> None:
    assert document({**ROW, "at": "2024-07-01 12:00:00"})["timestamp"] == "2024-07-01T10:00:00Z"


def test_a_time_of_a_pattern_without_a_zone_is_of_the_mappings_zone() -> None:
    text = (
        "event: {event_type: kind, user_id: who,"
        " timestamp: {column: at, format: '%d/%m/%Y %H:%M', zone: Europe/Berlin}}"
    )
    made = document({**ROW, "at": "01/07/2024 12:00"}, parsed_mapping(text, "times.yaml"))
    assert made["timestamp"] == "2024-07-01T10:00:00Z"


def test_the_id_is_of_the_content_with_the_time_in_front() -> None:
    first = document(ROW)["event_id"]
    assert first == document(dict(reversed(ROW.items())))["event_id"]
    assert first != document({**ROW, "unmapped": "another"})["event_id"]
    assert int(first.replace("-", "")[:12], 16) == 1_704_164_645_000


def test_an_id_column_is_used_as_it_is() -> None:
    mapping = parsed_mapping("event: {event_type: kind, user_id: who, timestamp: at, event_id: id}", "ids.yaml")
    own = "0190a6c8-0000-7000-8000-000000000001"
    assert document({**ROW, "id": own}, mapping)["event_id"] == own


def test_the_key_is_the_user() -> None:
    assert record(ROW).key == b"ada"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"who": ""}, "user_id: column 'who' is empty or absent"),
        ({"at": "yesterday"}, "timestamp: 'yesterday' in column 'at' is no time of the format iso"),
        (
            {"at": "0001-01-01T00:00+14:00"},
            "timestamp: '0001-01-01T00:00+14:00' in column 'at' is no time of the format iso",
        ),
        ({"cost": "cheap"}, "metadata.price: 'cheap' in column 'cost' is no number"),
        ({"cost": "nan"}, "metadata.price: 'nan' in column 'cost' is no number"),
        ({"step": "1.5"}, "funnel_step_index: '1.5' in column 'step' is no whole number"),
        ({"done": "maybe"}, "funnel_complete: 'maybe' in column 'done' is neither true nor false"),
        ({"who": ["a"]}, "user_id: ['a'] in column 'who' is no single value"),
        ({"channel": "\udcff"}, "holds bytes that are not UTF-8"),
    ],
)
def test_a_row_that_cannot_be_an_event_says_why(change: dict[str, Any], reason: str) -> None:
    assert refusal({**ROW, **change}) == reason


@pytest.mark.parametrize("written", ["1e400", "999999999999999999", "NaN", "Infinity"])
def test_a_number_that_is_no_time_is_refused(written: str) -> None:
    assert "is no time of the format epoch_s" in refusal({**ROW, "at": written}, with_time("epoch_s"))

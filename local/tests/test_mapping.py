"""A mapping is either understood whole or refused with the key that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pulse.errors import SettingsError
from pulse_local.importing.converting import Record, Row, converted
from pulse_local.importing.mapping import FIELDS, SOURCE_KEYS, TIME_FORMATS, TOP_KEYS, parsed_mapping

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("import-*.yaml"))
LEAST = "event: {event_type: kind, user_id: who, timestamp: at}\n"


def test_a_short_mapping_names_columns_alone() -> None:
    mapping = parsed_mapping(LEAST, "m.yaml")
    assert mapping.columns() == {"kind": "event.event_type", "who": "event.user_id", "at": "event.timestamp"}


def test_a_full_mapping_is_understood() -> None:
    mapping = parsed_mapping(
        """
        format: jsonl
        each: events
        event:
          event_type: {column: kind, values: {seen: product_view}}
          user_id: {constant: somebody}
          timestamp: {column: at, format: epoch_s}
          metadata: {price: cost}
        properties: {channel: utm.source}
        """,
        "m.yaml",
    )
    by_name = {source.name: source for source in mapping.sources}
    assert mapping.each == "events"
    assert by_name["event_type"].values == {"seen": "product_view"}
    assert by_name["user_id"].constant == "somebody"
    assert by_name["timestamp"].time_format == "epoch_s"
    assert by_name["metadata.price"].column == "cost"
    assert mapping.properties == {"channel": "utm.source"}


def test_a_time_without_a_zone_can_be_local() -> None:
    mapping = parsed_mapping(
        "event: {event_type: a, user_id: b, timestamp: {column: c, zone: Europe/Berlin}}", "m.yaml"
    )
    assert mapping.sources[2].zone == ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- a", "^m.yaml: the mapping has to be a block"),
        ("a: [", r"m.yaml line \d is not YAML"),
        ("format: xml\n" + LEAST, "format: 'xml' is neither csv nor jsonl"),
        ("delimiter: tab\n" + LEAST, "delimiter: 'tab' is not one character"),
        ("format: csv\neach: rows\n" + LEAST, "each: only rows of JSON hold lists"),
        ("delimiter: \"\\n\"\n" + LEAST, "delimiter: .* is not one character"),
        ("events: {}\n", r"events: is not known here, did you mean event\?$"),
        ("properties: [a]", "event: is missing"),
        ("event: {event_type: a, user_id: b}", "event.timestamp: is missing"),
        ("event: {event_type: a, usr_id: b, timestamp: c}", "event.usr_id: .* did you mean user_id.$"),
        ("event: {event_type: a, user_id: b, timestamp: c, received_at: d}", "event.received_at: is not a field"),
        ("event: {event_type: a, user_id: 7, timestamp: c}", "event.user_id: has to be a block"),
        ("event: {event_type: {}, user_id: b, timestamp: c}", "event.event_type: needs either `column` or `constant`"),
        ("event: {event_type: a, user_id: {column: ''}, timestamp: c}", "event.user_id.column: '' has to be a text"),
        ("event: {event_type: a, user_id: {colum: b}, timestamp: c}", "event.user_id.colum: .* did you mean column?"),
        ("event: {event_type: a, user_id: b, timestamp: {column: c, format: us}}", "event.timestamp.format: 'us'"),
        ("event: {event_type: a, user_id: b, timestamp: {column: c, format: '%H:%M'}}", "'%H:%M' is neither one of"),
        ("event: {event_type: a, user_id: b, timestamp: {column: c, format: '%d/%m/%Y %Q'}}", "'%d/%m/%Y %Q' is"),
        ("event: {event_type: a, user_id: b, timestamp: {column: c, zone: Mars}}", "event.timestamp.zone: 'Mars'"),
        ("event: {event_type: a, user_id: b, timestamp: {constant: now}}", "event.timestamp.constant: a time has to"),
        ("event: {event_type: a, user_id: {column: b, zone: UTC}, timestamp: c}", "event.user_id: `format` and `zone`"),
        ("event: {event_type: {column: a, values: {x: 1}}, user_id: b, timestamp: c}", "event.event_type.values.x: 1"),
        ("event: {event_type: {column: a, values: {1: x}}, user_id: b, timestamp: c}", "event_type.values.1: .*quotes"),
        (LEAST + "properties: 5", "properties: has to be a block"),
        (LEAST + "properties: {a: 5}", "properties.a: 5 has to be the name of a column"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_refused_by_its_key(text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        parsed_mapping(text, "m.yaml")


def test_a_key_written_twice_is_refused_by_its_name_and_line() -> None:
    twice = "event:\n  event_type: a\n  user_id: b\n  timestamp: c\n  user_id: d\n"
    with pytest.raises(SettingsError, match=r"^m.yaml line 5: user_id is written twice: keep one of them\.$"):
        parsed_mapping(twice, "m.yaml")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_a_mapping(path: Path) -> None:
    mapping = parsed_mapping(path.read_text(), path.name)
    assert {source.name for source in mapping.sources} <= set(FIELDS)


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} == {"import-shop-ecom", "import-otto", "import-otto-csv"}


@pytest.mark.parametrize(
    ("example", "values", "event_type", "moment"),
    [
        ("import-shop-ecom", {"event": "catalog"}, "page_view", "2024-03-13T10:21:14Z"),
        ("import-shop-ecom", {"event": "purchase"}, "payment", "2024-03-13T10:21:14Z"),
        ("import-shop-ecom", {"event": "payment_details"}, "payment_details", "2024-03-13T10:21:14Z"),
        ("import-otto", {"type": "carts", "ts": 1659304800025}, "add_to_cart", "2022-07-31T22:00:00.025000Z"),
        ("import-otto-csv", {"type": "orders", "ts_ms": "1659304800025"}, "payment", "2022-07-31T22:00:00.025000Z"),
    ],
)
def test_the_examples_make_the_events_that_they_promise(
    example: str, values: dict[str, object], event_type: str, moment: str
) -> None:
    mapping = parsed_mapping((EXAMPLES[0].parent / f"{example}.yaml").read_text(), example)
    shop = {"user_id": "user_0000", "session_id": "sess_000001", "timestamp": "2024-03-13 10:21:14"}
    beside = shop if "shop" in example else {"session": 12, "aid": 1517085}
    made = converted(Row("line 2", {**beside, **values}), mapping)
    assert isinstance(made, Record)
    document = json.loads(made.value)
    assert (document["event_type"], document["timestamp"]) == (event_type, moment)
    assert document["user_id"] == ("user_0000" if "shop" in example else "12")


def test_every_key_of_a_mapping_is_documented() -> None:
    page = (EXAMPLES[0].parents[1] / "docs" / "reference" / "import.md").read_text()
    missing = [key for key in (*TOP_KEYS, *SOURCE_KEYS, *TIME_FORMATS, *FIELDS) if f"`{key}`" not in page]
    assert missing == []

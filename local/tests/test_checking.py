"""What an import promises before it sends: the contract's own decoder is asked, and its words reach the person."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulse_local.importing.checking import Checker, Tally, records
from pulse_local.importing.converting import BadRow, Record, Row
from pulse_local.importing.mapping import parsed_mapping

MAPPING = parsed_mapping(
    "event: {event_type: kind, user_id: who, timestamp: at, event_id: id, metadata: {price: cost}}", "m.yaml"
)
ROW = {"kind": "page_view", "who": "ada", "at": "2024-01-02T03:04:05Z"}


def checker(limit: int = 1_048_576) -> Checker:
    return Checker(MAPPING, limit)


def test_a_row_that_is_an_event_passes() -> None:
    assert isinstance(checker().checked(Row("line 2", ROW)), Record)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kind": "Not A Type"}, "event_type: not of the form [a-z][a-z0-9_]{0,63}"),
        ({"at": "1999-12-31"}, "timestamp: before 2000-01-01 or over 24 h after the record"),
        ({"at": "2999-12-31"}, "timestamp: before 2000-01-01 or over 24 h after the record"),
        ({"who": "a" * 201}, "user_id: Expected `str` of length <= 200"),
        ({"id": "17"}, "event_id: not a UUID in its 36-character form"),
        ({"cost": "-1"}, "metadata.price: Expected `float` >= 0.0"),
        ({"who": "a\x00"}, "user_id: a text holds U+0000"),
    ],
)
def test_a_row_that_the_contract_refuses_is_bad_by_field_and_reason(change: dict[str, str], reason: str) -> None:
    assert checker().checked(Row("line 2", {**ROW, **change})) == BadRow("line 2", reason)


def test_a_row_too_large_for_the_topic_is_bad() -> None:
    bad = checker(limit=600).checked(Row("line 2", {**ROW, "who": "a" * 90}))
    assert bad == BadRow("line 2", "is larger than the topic allows, 600 bytes")


def test_every_row_is_counted_and_only_the_first_bad_ones_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("kind,who,at,id,cost\n" + "page_view,ada,2024-01-02,,\n" * 3 + "No,ada,2024-01-02,,\n" * 12)
    tally = Tally(path)
    good = list(records(path, MAPPING, checker(), tally, lambda *_: None))
    tally.show_bad_rows()
    assert (len(good), tally.read, tally.bad) == (3, 15, 12)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"{path} line 5: event_type: ")
    assert said[-1] == "... and 2 more bad rows"

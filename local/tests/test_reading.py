"""Every row of a file is handed on in its place, the bad ones too, and a file that is something else is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pulse.errors import SettingsError
from pulse_local.importing import reading
from pulse_local.importing.converting import BadRow, Row
from pulse_local.importing.mapping import parsed_mapping

CSV = parsed_mapping("event: {event_type: kind, user_id: who, timestamp: at}", "m.yaml")
NESTED = parsed_mapping("each: events\nevent: {event_type: kind, user_id: who, timestamp: at}", "m.yaml")
HEADER = "kind,who,at\n"


def rows(path: Path, mapping: object = CSV) -> list[Row | BadRow]:
    with reading.opened(path, mapping) as source:  # type: ignore[arg-type]
        return list(source.rows())


def written(tmp_path: Path, name: str, content: bytes | str) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_csv_rows_carry_their_line(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", HEADER + 'x,ada,1\n"two\nlines",bob,2\n\ny,eve,3\n')
    assert rows(path) == [
        Row("line 2", {"kind": "x", "who": "ada", "at": "1"}),
        Row("line 4", {"kind": "two\nlines", "who": "bob", "at": "2"}),
        Row("line 6", {"kind": "y", "who": "eve", "at": "3"}),
    ]


def test_compression_is_seen_by_content_and_a_byte_order_mark_is_no_name(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", gzip.compress(b"\xef\xbb\xbf" + HEADER.encode() + b"x,ada,1\n"))
    assert rows(path) == [Row("line 2", {"kind": "x", "who": "ada", "at": "1"})]


def test_a_row_with_the_wrong_number_of_values_is_bad_and_the_next_one_is_good(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", HEADER + "x,ada\nx,ada,1,more\nx,ada,1\n")
    assert rows(path)[:2] == [
        BadRow("line 2", "has 2 values where the header names 3 columns"),
        BadRow("line 3", "has 4 values where the header names 3 columns"),
    ]
    assert isinstance(rows(path)[2], Row)


def test_bytes_that_are_no_text_spoil_their_row_alone(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", HEADER.encode() + b"x,\xff\xfe,1\nx,ada,1\n")
    assert rows(path) == [
        BadRow("line 2", "holds bytes that are not UTF-8"),
        Row("line 3", {"kind": "x", "who": "ada", "at": "1"}),
    ]
    lines = written(tmp_path, "a.jsonl", b'{"who": "\xff"}\n{"who": "ada"}\n')
    assert rows(lines) == [BadRow("line 1", "holds bytes that are not UTF-8"), Row("line 2", {"who": "ada"})]


@pytest.mark.parametrize(
    "content", ["käse,who,at\n".encode("latin-1"), HEADER.encode("utf-16"), b"PK\x03\x04\xff\x00\n"]
)
def test_a_file_that_is_no_text_is_refused_in_words_that_can_be_printed(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SettingsError, match=r"a.csv is (not UTF-8|no CSV), its first line shows") as refused:
        rows(written(tmp_path, "a.csv", content))
    str(refused.value).encode()


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_delimiter_of_the_mapping_parts_the_values(tmp_path: Path, delimiter: str) -> None:
    mapping = parsed_mapping(
        f"{{delimiter: {json.dumps(delimiter)}, event: {{event_type: kind, user_id: who, timestamp: at}}}}", "m.yaml"
    )
    path = written(tmp_path, "a.csv", delimiter.join(["kind", "who", "at\nx", "a,b", "1\n"]))
    assert rows(path, mapping) == [Row("line 2", {"kind": "x", "who": "a,b", "at": "1"})]


def test_a_column_that_the_file_lacks_is_named_before_anything_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "kind,user,at\nx,ada,1\n")
    with pytest.raises(SettingsError, match=r"event.user_id: .*a.csv has no column 'who'; it has kind, user, at\."):
        rows(path)


def test_a_header_with_a_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="names the column 'who' twice"):
        rows(written(tmp_path, "a.csv", "kind,who,who,at\n"))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="has no header line"):
        rows(written(tmp_path, "a.csv", ""))


def test_items_of_a_list_become_rows_with_the_fields_beside_it(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"who": 7, "events": [{"kind": "x", "at": 1}, {"kind": "y", "at": 2}]}\n')
    assert rows(path, NESTED) == [
        Row("line 1, item 1 of events", {"who": 7, "kind": "x", "at": 1}),
        Row("line 1, item 2 of events", {"who": 7, "kind": "y", "at": 2}),
    ]


def test_bad_json_is_bad_in_its_line_alone(tmp_path: Path) -> None:
    lines = ['{"who": ', "[]", '{"events": 5}', '{"events": [1]}', "", '{"events": []}', '{"who": "\\ud800"}']
    bad = rows(written(tmp_path, "a.jsonl", "\n".join(lines)), NESTED)
    assert [row.place for row in bad] == ["line 1", "line 2", "line 3", "line 4, item 1 of events", "line 7"]
    assert all(isinstance(row, BadRow) for row in bad)


def test_a_file_that_was_cut_off_gives_its_rows_and_says_so(tmp_path: Path) -> None:
    whole = gzip.compress("".join([HEADER, *(f"x,user{n},{n}\n" for n in range(20_000))]).encode())
    found = rows(written(tmp_path, "a.csv.gz", whole[: len(whole) // 2]))
    assert sum(isinstance(row, Row) for row in found) > 1_000
    assert isinstance(found[-1], BadRow)
    assert "the compressed file is damaged or cut off" in found[-1].reason


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none.csv cannot be read: No such file"):
        rows(tmp_path / "none.csv")


def test_a_name_that_says_nothing_needs_a_format(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="set `format` to csv or jsonl"):
        reading.file_format(tmp_path / "events.dat.gz", CSV)

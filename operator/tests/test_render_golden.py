"""The manifests of every case, byte for byte."""

from __future__ import annotations

import pytest
from kit import golden


@pytest.mark.parametrize("name", golden.names())
def test_manifests_are_those_that_were_read_and_agreed_to(name: str) -> None:
    case = golden.case(name)
    assert case.text == case.file.read_text(encoding="utf-8"), "make golden writes them anew; read the diff"

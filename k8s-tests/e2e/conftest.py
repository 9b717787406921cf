"""Each file is one story: its tests run in the order in which they are written. The files run in any order."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(trylast=True)  # after the plugin that shuffles
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = [place for place, item in enumerate(items) if item.path.parent == HERE]
    files = list(dict.fromkeys(items[place].path for place in places))
    told = sorted(
        (items[place] for place in places), key=lambda item: (files.index(item.path), item.reportinfo()[1] or 0)
    )
    for place, item in zip(places, told, strict=True):
        items[place] = item

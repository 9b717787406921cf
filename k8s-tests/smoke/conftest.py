"""The order of the one story; everything else runs in any order."""

from __future__ import annotations

import pytest

STORY = "test_install.py"


@pytest.hookimpl(trylast=True)  # after the plugin that shuffles
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = [place for place, item in enumerate(items) if item.path.name == STORY]
    told = sorted((items[place] for place in places), key=lambda item: item.reportinfo()[1] or 0)
    for place, item in zip(places, told, strict=True):
        items[place] = item

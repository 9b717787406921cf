"""Each file is one story: its tests run in the order in which they are written. The files run in any order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.shop import Shop

HERE = Path(__file__).parent
BROKEN_OFF = pytest.StashKey[dict[Path, str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[BROKEN_OFF] = {}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What comes after a failure would only wait in vain for what that one left out, minutes each."""
    failed = item.config.stash[BROKEN_OFF].get(item.path)
    if failed:
        pytest.fail(f"Not run: this story ended with {failed}.", pytrace=False)


@pytest.hookimpl(trylast=True)  # after the plugin that shuffles
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = [place for place, item in enumerate(items) if item.path.parent == HERE]
    files = list(dict.fromkeys(items[place].path for place in places))
    told = sorted(
        (items[place] for place in places), key=lambda item: (files.index(item.path), item.reportinfo()[1] or 0)
    )
    for place, item in zip(places, told, strict=True):
        items[place] = item


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test that fails shows pods, events, logs and the pipelines as they were then."""
    report = yield
    shop = getattr(item, "funcargs", {}).get("shop")
    if report.failed:
        item.config.stash[BROKEN_OFF].setdefault(item.path, item.name)
    if report.failed and isinstance(shop, Shop) and "$ kubectl get pods" not in report.longreprtext:
        report.sections.append(("the cluster", shop.dump()))
    return report

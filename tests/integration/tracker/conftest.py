"""A shop on a street of its own, one browser for all tests of a file, and a visitor."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from kit import browser
from kit.pipeline import Pipeline
from kit.street import PERSON, Street, visiting
from playwright.sync_api import Browser, BrowserContext, sync_playwright


@pytest.fixture
def street(pipeline: Pipeline) -> Iterator[Street]:
    made = Street(pipeline)
    yield made
    made.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # For the whole browser, as a beacon is not sent under the name that a context was given.
    arguments = [f"--user-agent={PERSON}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=browser.program(), args=arguments)
        yield running
        running.close()


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[BrowserContext]:
    made = visiting(chromium)
    yield made
    made.close()

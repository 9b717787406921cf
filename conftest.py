"""Makes the fixtures of tests/kit known to every test of the workspace."""

import operator
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

# Tests in operator/tests are modules `operator.tests.…` to pytest. As the stdlib's `operator` is no package, pytest
# would put a namespace of that name in its place, and whatever imports `operator` later would break.
operator.__path__ = [str(Path(__file__).parent / "operator")]  # type: ignore[attr-defined]

# How fast a busy machine runs or makes up an example says nothing about the code.
settings.register_profile("pulse", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pulse")

pytest_plugins = ["kit.servers", "kit.secured", "kit.stack"]


@pytest.fixture(autouse=True)
def log_of_its_own() -> Iterator[None]:
    """What a test sets the log up to write to is closed after it; the next one must not write there."""
    yield
    structlog.reset_defaults()

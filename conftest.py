"""Makes the fixtures of tests/kit known to every test of the workspace."""

import operator
from pathlib import Path

# Tests in operator/tests are modules `operator.tests.…` to pytest. As the stdlib's `operator` is no package, pytest
# would put a namespace of that name in its place, and whatever imports `operator` later would break.
operator.__path__ = [str(Path(__file__).parent / "operator")]  # type: ignore[attr-defined]

pytest_plugins = ["kit.servers", "kit.secured", "kit.stack"]

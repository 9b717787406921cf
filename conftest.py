"""Makes the fixtures of tests/kit known to every test of the workspace."""

pytest_plugins = ["kit.servers", "kit.stack"]

"""The commands of this component."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pulse import cli
from pulse.settings import DashboardSettings
from pulse_dashboards.web import server


def _no_words(_: ArgumentParser) -> None:
    """No words of its own."""


def _serve(_: Namespace, env: Mapping[str, str]) -> int:
    server.serve(DashboardSettings.from_env(env))
    return cli.OK


SERVE = cli.Command("Serve the dashboards as a page that draws them from Postgres.", _no_words, _serve)

"""The commands of this component."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pulse import cli
from pulse.adapters import logs
from pulse.settings import DashboardSettings, MetabaseSettings
from pulse_dashboards import load
from pulse_dashboards.metabase.provision import provision
from pulse_dashboards.web import server


def _no_words(_: ArgumentParser) -> None:
    """No words of its own."""


def _serve(_: Namespace, env: Mapping[str, str]) -> int:
    server.serve(DashboardSettings.from_env(env))
    return cli.OK


SERVE = cli.Command("Serve the dashboards as a page that draws them from Postgres.", _no_words, _serve)


def _provision(_: Namespace, env: Mapping[str, str]) -> int:
    settings = MetabaseSettings.from_env(env)
    provision(settings, load.shipped(), logs.configure(settings.log, "metabase"))
    return cli.OK


METABASE = cli.Command(
    "Put the dashboards into a Metabase: set it up if it is new, mend what differs, archive what is gone.",
    _no_words,
    _provision,
)

"""The live page as a process: what it is made of, and uvicorn around it until SIGTERM or SIGINT."""

from __future__ import annotations

import uvicorn

from pulse.adapters import logs, metrics
from pulse.adapters.health import HealthServer
from pulse.adapters.lifecycle import stop_requested
from pulse.errors import SettingsError, Stop
from pulse.settings import DashboardSettings
from pulse_dashboards import load
from pulse_dashboards.web.app import application
from pulse_dashboards.web.guard import Guard
from pulse_dashboards.web.lag import LagWatch
from pulse_dashboards.web.warehouse import Warehouse

MINIMUM_TOKEN = 16
GRACE_SECONDS = 5


def serve(settings: DashboardSettings) -> None:
    """Serves until it is told to stop. SettingsError if anybody at all would be let in; Stop if it cannot listen."""
    log = logs.configure(settings.log, "dashboard")
    guard = Guard(_token(settings))
    lag = LagWatch(settings.kafka, settings.topics, log)
    health = HealthServer(settings.health_port, _well, _well, metrics.DASHBOARD_REGISTRY)
    app = application(load.shipped(), Warehouse(settings, log), lag, guard, settings)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            # What stands before the page says by which scheme people came to it. Only a flag of the cookie hangs on it.
            forwarded_allow_ips="*",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    stop_requested()  # uvicorn, when it is done, passes the signal on to whoever was there before it
    log.info(
        "dashboard_started",
        host=settings.host,
        port=settings.port,
        auth=settings.auth,
        base_path=settings.base_path,
        health_port=health.port,
    )
    lag.start()
    try:
        server.run()
    except SystemExit as failed:  # uvicorn's way to say that it could not listen
        raise Stop(
            f"The page cannot listen on {settings.host}:{settings.port}: set PULSE_DASHBOARD_HOST and "
            "PULSE_DASHBOARD_PORT to an address of this machine and a port that is free."
        ) from failed
    finally:
        lag.stop()
        health.close()
    log.info("dashboard_stopped")


def _well() -> str | None:
    """While the process answers at all; a database that is away is told by the page itself."""
    return None


def _token(settings: DashboardSettings) -> str | None:
    if settings.auth == "proxy":
        return None
    if len(settings.token) < MINIMUM_TOKEN:
        raise SettingsError(
            f"PULSE_DASHBOARD_TOKEN has {len(settings.token)} characters, it takes {MINIMUM_TOKEN} at least: people "
            "need it to be let in. Where something else lets them in, such as an ingress, set "
            "PULSE_DASHBOARD_AUTH=proxy."
        )
    return settings.token

"""The addresses of the live page, and what each answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp

from pulse.adapters import metrics
from pulse.errors import PulseError
from pulse.settings import DashboardSettings
from pulse_dashboards import template
from pulse_dashboards.model import Catalogue, Dashboard
from pulse_dashboards.web import health
from pulse_dashboards.web.gate import Gate, with_cookie
from pulse_dashboards.web.guard import Guard
from pulse_dashboards.web.lag import LagWatch
from pulse_dashboards.web.memo import Memo
from pulse_dashboards.web.question import DEFAULT_DAYS, Question, WrongQuestion, asked
from pulse_dashboards.web.under import Under
from pulse_dashboards.web.warehouse import Choices, Problem, Table, Warehouse, away

HERE = Path(__file__).parent
# Answers are given again for so long.
TABLES_SECONDS, CHOICES_SECONDS, HEALTH_SECONDS = 3.0, 60.0, 2.0
LONGEST_FORM = 4_096

_ENCODER = msgspec.json.Encoder(decimal_format="number")
Answer = Callable[["Pages", Request], Response]


def application(
    catalogue: Catalogue, warehouse: Warehouse, lag: LagWatch, guard: Guard, settings: DashboardSettings
) -> ASGIApp:
    """The page as an ASGI application. Nothing is asked of Postgres before a request comes.

    SettingsError if the path that it is to be at is none.
    """
    pages = Pages(catalogue, warehouse, lag, guard, settings)
    app = Starlette(
        routes=[
            Route("/", pages.first),
            Route("/dashboards/{slug}", pages.dashboard),
            Route("/api/dashboards/{slug}", pages.tables),
            Route("/api/filters", pages.choices),
            Route("/api/health", pages.health),
            Route("/login", pages.login_form),
            Route("/login", pages.login, methods=["POST"]),
            Route("/livez", pages.alive),
            Route("/readyz", pages.ready),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(Gate, guard=guard), Middleware(GZipMiddleware, minimum_size=1_000)],
        exception_handlers={404: pages.missing},
    )
    return Under(app, settings.base_path)


def _answering(answer: Answer) -> Answer:
    """Turns what can go wrong while Postgres is asked into an answer that says so."""

    @wraps(answer)
    def guarded(pages: Pages, request: Request) -> Response:
        try:
            return answer(pages, request)
        except WrongQuestion as wrong:
            return _json({"problem": Problem(str(wrong), "Take the filters back, or correct them.")}, 400)
        except PulseError as failed:
            metrics.DASHBOARD_DATABASE_FAILURES.inc()
            return _json({"problem": away(failed)}, 503)

    return guarded


class Pages:
    """One function an address."""

    def __init__(
        self, catalogue: Catalogue, warehouse: Warehouse, lag: LagWatch, guard: Guard, settings: DashboardSettings
    ) -> None:
        self._catalogue = catalogue
        self._warehouse = warehouse
        self._lag = lag
        self._guard = guard
        self._settings = settings
        self._templates = Jinja2Templates(directory=HERE / "templates")
        self._tables: Memo[tuple[datetime, dict[str, Table]]] = Memo(TABLES_SECONDS)
        self._choices: Memo[Choices] = Memo(CHOICES_SECONDS)
        self._health: Memo[list[health.Line]] = Memo(HEALTH_SECONDS)
        self._base = settings.base_path
        self._templates.env.globals.update(
            base=self._base,
            static=lambda name: self._base + _static(name),
            catalogue=catalogue,
            tags=template.tags,
        )

    def first(self, _: Request) -> Response:
        """To the first dashboard."""
        return RedirectResponse(f"{self._base}/dashboards/{self._catalogue.dashboards[0].slug}", 303)

    def dashboard(self, request: Request) -> Response:
        """The page, without numbers: they follow, so that it is there at once and also when the database is not."""
        found = self._found(request)
        if found is None:
            return self.missing(request, None)
        described = msgspec.json.encode(_described(found, self._base)).decode().replace("<", "\\u003c")
        words = {"dashboard": found, "described": described, "default_days": DEFAULT_DAYS}
        return self._templates.TemplateResponse(request, "dashboard.html", words)

    @_answering
    def tables(self, request: Request) -> Response:
        """What every card of a dashboard shows."""
        found = self._found(request)
        if found is None:
            return _json({"problem": Problem("There is no such dashboard.", "Choose one from the menu.")}, 404)
        choices = self._all_choices() if found.filters else None
        question = asked(request.query_params, found, self._catalogue, choices)
        key = (found.slug, frozenset(question.values.items()))
        as_of, tables = self._tables.get(key, lambda: self._read(found, question))
        return _json({"as_of": as_of, "applied": {"days": question.days, **question.values}, "tables": tables})

    def _read(self, dashboard: Dashboard, question: Question) -> tuple[datetime, dict[str, Table]]:
        began = datetime.now(UTC)
        with metrics.DASHBOARD_READING_SECONDS.labels(dashboard.slug).time():
            tables = self._warehouse.tables(dashboard.cards, question.values)
        for table in tables.values():
            metrics.DASHBOARD_CARDS.labels(dashboard.slug, "failed" if table.problem else "shown").inc()
        return began, tables

    @_answering
    def choices(self, _: Request) -> Response:
        """What the filters offer."""
        return _json(self._all_choices())

    @_answering
    def health(self, _: Request) -> Response:
        """How the pipeline is."""
        limit = self._settings.stale_after.total_seconds()
        return _json(
            {"lines": self._health.get("", lambda: health.judged(health.facts(self._warehouse, self._lag), limit))}
        )

    def login_form(self, request: Request) -> Response:
        """The form that asks for the token."""
        if self._guard.lets_in(request.cookies):
            return RedirectResponse(f"{self._base}/", 303)
        return self._templates.TemplateResponse(request, "login.html", {"wrong": False})

    async def login(self, request: Request) -> Response:
        """The cookie for whoever knows the token."""
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_FORM:
                return PlainTextResponse("A token is shorter than this.", 413)
        token = parse_qs(body.decode(errors="replace")).get("token", [""])[0].strip()
        right = self._guard.knows(token)
        metrics.DASHBOARD_SIGN_INS.labels("right" if right else "wrong").inc()
        if right:
            return with_cookie(RedirectResponse(f"{self._base}/", 303), self._guard, request)
        return self._templates.TemplateResponse(request, "login.html", {"wrong": True}, status_code=403)

    def alive(self, _: Request) -> Response:
        """The process answers."""
        return PlainTextResponse("ok\n")

    def ready(self, _: Request) -> Response:
        """It has something to show also while the database is away: a page that says so."""
        return PlainTextResponse("ok\n")

    def missing(self, request: Request, _: Exception | None) -> Response:
        """An address that leads nowhere."""
        return self._templates.TemplateResponse(request, "missing.html", {}, status_code=404)

    def _found(self, request: Request) -> Dashboard | None:
        return self._catalogue.dashboard(request.path_params["slug"])

    def _all_choices(self) -> Choices:
        return self._choices.get("", lambda: self._warehouse.choices(self._catalogue))


def _described(dashboard: Dashboard, base: str) -> dict[str, Any]:
    """What the browser needs to draw the cards. Never their statements: those stay here."""
    return {
        "base": base,
        "slug": dashboard.slug,
        "filters": dashboard.filters,
        "refresh_seconds": dashboard.refresh_seconds,
        "cards": [
            {
                **{name: getattr(card, name) for name in ("key", "title", "chart", "x", "row", "stacked")},
                "series": [msgspec.to_builtins(series) for series in card.series],
                "marks": [msgspec.to_builtins(mark) for mark in card.marks],
            }
            for card in dashboard.cards
        ],
    }


def _static(name: str) -> str:
    """The address of a file, which changes with its content: a browser may keep it for ever."""
    digest = hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?{digest}"


def _json(content: object, status: int = 200) -> Response:
    return Response(_ENCODER.encode(content), status, media_type="application/json")

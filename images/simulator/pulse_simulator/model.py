"""Pure visitors: who comes, what a visit consists of, and how long people think between two moments.

Draws only from the random source that it is given, so the same source gives the same visits. It knows neither
clocks nor Kafka nor JSON.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import accumulate
from operator import mul
from random import Random
from typing import Any

from pulse_simulator import catalogue

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

# Of those who reach a funnel step, the share that goes on to the next: product, cart, checkout, payment.
CONTINUATION = (0.62, 0.34, 0.55, 0.68)
# Chance of one more moment of looking around after each funnel step.
LINGER = (0.72, 0.74, 0.60, 0.45, 0.35)
UNSTEPPED_VISITS = 0.2  # from a front end that sends no funnel_step_index
APP_VISITS = 0.03
THINKING_CHOICES = 4096
MARATHON_MS = (26 * HOUR_MS, 50 * HOUR_MS)


class Kind(IntEnum):
    """What a visitor can do."""

    HOME = 0
    CATEGORY = 1
    PRODUCT_PAGE = 2
    SEARCH = 3
    VIEW = 4
    CART = 5
    REMOVE = 6
    CHECKOUT = 7
    PAY = 8
    CLICK = 9
    FORM = 10
    VIDEO = 11
    CUSTOM = 12
    APP_OPENED = 13


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that a visitor does, without who and when. `number` is its place in Shop.moments."""

    number: int
    event_type: str
    page: str | None = None
    sent_step: int | None = None
    complete: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)


def _palette(weights: dict[Kind, int]) -> tuple[int, ...]:
    return tuple(int(kind) for kind, weight in weights.items() for _ in range(weight))


_FUNNEL = (int(Kind.HOME), int(Kind.VIEW), int(Kind.CART), int(Kind.CHECKOUT), int(Kind.PAY))
_REACH = sorted(accumulate(CONTINUATION, mul))  # share of visits that get to step 4, 3, 2, 1
# A visit starts where a link leads: mostly to a page, sometimes straight to a product or into a filled basket, so
# that sessions exist whose furthest step is beyond what they reached in order.
_LANDINGS = _palette({Kind.HOME: 45, Kind.CATEGORY: 20, Kind.PRODUCT_PAGE: 22, Kind.VIEW: 10, Kind.CHECKOUT: 3})
_LOOKING = (
    _palette({Kind.HOME: 12, Kind.CATEGORY: 30, Kind.SEARCH: 20, Kind.CLICK: 14, Kind.VIDEO: 9, Kind.CUSTOM: 15}),
    _palette({Kind.VIEW: 45, Kind.CATEGORY: 16, Kind.SEARCH: 12, Kind.CLICK: 6, Kind.VIDEO: 8, Kind.CUSTOM: 13}),
    _palette({Kind.VIEW: 30, Kind.CART: 22, Kind.REMOVE: 22, Kind.HOME: 12, Kind.CUSTOM: 14}),
    _palette({Kind.FORM: 60, Kind.CLICK: 25, Kind.CUSTOM: 15}),
    _palette({Kind.HOME: 60, Kind.CLICK: 20, Kind.CUSTOM: 20}),
)


class Shop:
    """Every moment that can happen, made once. One table by kind per front end: with and without steps sent."""

    def __init__(self, seed: int) -> None:
        self.moments: list[Moment] = []
        self.products = catalogue.products(Random(f"{seed}:catalogue"))  # noqa: S311 - a simulation, not a secret
        self.tables = tuple(self._table(sends_steps) for sends_steps in (True, False))

    def _table(self, sends_steps: bool) -> tuple[tuple[Moment, ...], ...]:
        def made(event_type: str, page: str | None, step: int | None = None, **more: Any) -> Moment:
            moment = Moment(len(self.moments), event_type, page, step if sends_steps else None, **more)
            self.moments.append(moment)
            return moment

        pages = [f"/category/{name}" for name in catalogue.CATEGORIES]
        table: dict[Kind, Iterable[Moment]] = {
            Kind.HOME: [made("page_view", page, 0) for page in ("/", "/", "/sale", "/help")],
            Kind.CATEGORY: [made("page_view", page, 0) for page in pages],
            Kind.CLICK: [made("button_click", page) for page in ("/", "/cart", "/help", None)],
            # A producer may give a step to an event whose type has none; the step counts as it was sent.
            Kind.FORM: [
                made("form_submit", "/checkout", 3),
                made("form_submit", "/checkout"),
                made("form_submit", "/"),
            ],
            Kind.SEARCH: [made("search", "/search", metadata={"search_query": words}) for words in catalogue.SEARCHES],
            Kind.CUSTOM: list(_custom_moments(made)),
            Kind.APP_OPENED: [made("app_opened", None, properties=more) for more in catalogue.APP_OPENED],
            **self._product_moments(made),
        }
        return tuple(tuple(table[kind]) for kind in Kind)

    def _product_moments(self, made: Callable[..., Moment]) -> dict[Kind, Iterable[Moment]]:
        out: dict[Kind, Iterable[Moment]] = {}
        for kind, event_type, page, step in (
            (Kind.PRODUCT_PAGE, "page_view", None, 0),
            (Kind.VIEW, "product_view", None, 1),
            (Kind.CART, "add_to_cart", None, 2),
            (Kind.REMOVE, "remove_from_cart", "/cart", None),
            (Kind.CHECKOUT, "checkout", "/checkout", 3),
            (Kind.PAY, "payment", "/checkout/payment", 4),
            (Kind.VIDEO, "video_play", None, None),
        ):
            out[kind] = [
                made(
                    event_type,
                    page or item.page,
                    step,
                    complete=kind is Kind.PAY,
                    metadata={"product_id": f"P{item.number:04d}", "category": item.category, "price": item.price},
                )
                for item in self.products
            ]
        return out


def _custom_moments(made: Callable[..., Moment]) -> Iterable[Moment]:
    for event_type, variants in catalogue.CUSTOM_EVENTS.items():
        # The coupon sends a step although a custom event is never part of the funnel, whatever it sends.
        step = 3 if event_type == "coupon_applied" else None
        for place, more in enumerate(variants):
            yield made(event_type, "/account" if place else None, step, properties=more)


def visitor(rng: Random, users: int) -> int:
    """Who comes next. Heavy-tailed: the keenest come about fifty times as often as the rarest."""
    return int(users * 0.02 * (51 ** rng.random() - 1))


def visit(rng: Random, shop: Shop) -> list[Moment]:
    """What one visitor does, in order; at least one moment."""
    random = rng.random
    table = shop.tables[random() < UNSTEPPED_VISITS]
    product = int(len(shop.products) * random() ** 2)
    kind = int(Kind.APP_OPENED) if random() < APP_VISITS else _LANDINGS[int(random() * len(_LANDINGS))]
    choices = table[kind]
    moments = [choices[int(random() * len(choices))]]
    for stage in range(5 - bisect_right(_REACH, random())):
        if stage:
            moments.append(table[_FUNNEL[stage]][product])
        palette, linger = _LOOKING[stage], LINGER[stage]
        while random() < linger:
            choices = table[palette[int(random() * len(palette))]]
            moments.append(choices[int(random() ** 2 * len(choices))])
    return moments


def thinking(rng: Random) -> list[int]:
    """Milliseconds between two moments, to draw from: mostly seconds, with the cases on which counts can break.

    Those are two moments in one millisecond, a pause of exactly half an hour, which continues a session, and one of
    a millisecond more, which ends it.
    """
    out = [1 + int(1000 * rng.lognormvariate(3.0, 1.1)) for _ in range(THINKING_CHOICES)]
    return [min(gap, 25 * MINUTE_MS) for gap in out[56:]] + [0] * 24 + [30 * MINUTE_MS] * 16 + [30 * MINUTE_MS + 1] * 16


def marathon(rng: Random, shop: Shop) -> list[tuple[int, Moment]]:
    """A visit without a long pause for more than a day, as (milliseconds after its start, moment).

    One moment falls exactly 24 hours after the start, where one piece of a session ends and the next begins.
    """
    low, high = MARATHON_MS
    length = low + int((high - low) * rng.random())
    out: list[tuple[int, Moment]] = []
    at = 0
    while at < length:
        choices = shop.tables[0][Kind.VIEW if rng.random() < 0.5 else Kind.CATEGORY]
        out.append((at, choices[int(rng.random() * len(choices))]))
        following = at + int((4 + 25 * rng.random()) * MINUTE_MS)
        at = DAY_MS if at < DAY_MS < following else following
    return out

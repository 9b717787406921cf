"""What the shop sells and says: products, searches, campaigns and the custom events of its front end.

Data only; nothing here knows of visitors, time or JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

PRODUCTS = 400

# Category: cheapest and dearest price in whole units of money.
CATEGORIES: dict[str, tuple[int, int]] = {
    "shoes": (35, 180),
    "jackets": (60, 420),
    "shirts": (12, 70),
    "bags": (20, 260),
    "watches": (45, 900),
    "books": (6, 45),
    "kitchen": (8, 240),
    "garden": (5, 310),
    "toys": (7, 95),
    "music": (9, 1500),
}

# Accents, quotes, other scripts and an emoji: what people type reaches the dashboards as they typed it.
SEARCHES = (
    "running shoes",
    "rain jacket",
    "crème brûlée set",
    'tablet 10"',
    "back\\pack",
    "Gießkanne",
    "ギター",
    "подарок",
    "🎁 gift",
    "red dress size 38",
    "lego",
    "watch strap 20mm",
    "usb-c <cable>",
    "O'Reilly python",
    "coffee & tea",
    "50% off",
)

# Custom event: the properties of each of its variants.
CUSTOM_EVENTS: dict[str, tuple[dict[str, Any], ...]] = {
    "wishlist_add": ({"list": "birthday"}, {"list": "default", "position": 1}, {"list": "default", "shared": True}),
    "review_read": ({"stars": 5, "helpful": True}, {"stars": 2, "helpful": False}, {"stars": 4.5, "language": "de"}),
    "chat_opened": ({"topic": "delivery"}, {"topic": "returns", "agent": None}),
    "newsletter_signup": ({"source": "footer"}, {"source": "popup", "consent": {"terms": True, "ads": False}}),
    "size_guide_opened": ({"unit": "cm"}, {"unit": "inch"}),
    "filter_applied": ({"filters": ["price", "colour"]}, {"filters": []}),
    "coupon_applied": ({"code": "WELCOME10", "discount": 0.1}, {"code": "SPRING", "discount": 0.05}),
}

# The app reports its start before it shows a page: such a visit has no landing page.
APP_OPENED: tuple[dict[str, Any], ...] = ({"app": "ios", "build": 412}, {"app": "android", "build": 398})

# Where a visit came from; goes to properties.context of its first event.
ORIGINS: tuple[dict[str, Any], ...] = (
    {"referrer": "https://www.google.com/"},
    {"referrer": "https://duckduckgo.com/"},
    {"referrer": "https://news.example.org/best-shoes"},
    {"referrer": "", "utm": {"source": "newsletter", "medium": "email", "campaign": "spring"}},
    {"referrer": "", "utm": {"source": "newsletter", "medium": "email", "campaign": "basket-reminder"}},
    {"referrer": "https://l.instagram.com/", "utm": {"source": "instagram", "medium": "social", "campaign": "summer"}},
    {"referrer": "https://www.google.com/", "utm": {"source": "google", "medium": "cpc", "campaign": "brand"}},
    {"referrer": "https://partner.example.com/", "utm": {"source": "partner", "medium": "affiliate"}},
)


@dataclass(frozen=True, slots=True)
class Product:
    """One thing that is sold."""

    number: int
    category: str
    price: float

    @property
    def page(self) -> str:
        return f"/product/{self.number}"


def products(rng: Random, count: int = PRODUCTS) -> tuple[Product, ...]:
    """The products, most popular first."""
    names = tuple(CATEGORIES)
    out = []
    for number in range(1, count + 1):
        category = names[int(rng.random() * len(names))]
        low, high = CATEGORIES[category]
        cents = int(100 * (low + (high - low) * rng.random() ** 2))
        out.append(Product(number, category, cents / 100))
    return tuple(out)

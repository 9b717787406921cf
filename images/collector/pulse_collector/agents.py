"""What kind of program a User-Agent text speaks of: a class of few values in place of the text. Pure.

The text itself tells people apart; the class does not, and is what reports group by.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# The first that is found names the part; browsers claim to be the ones below them.
_BROWSERS = (
    ("pulse", re.compile(r"^pulse-")),
    ("edge", re.compile(r"\bEdg(?:e|A|iOS)?/")),
    ("opera", re.compile(r"\bOPR/|\bOpera\b")),
    ("samsung", re.compile(r"\bSamsungBrowser/")),
    ("firefox", re.compile(r"\bFirefox/|\bFxiOS/")),
    ("chrome", re.compile(r"\b(?:Headless)?Chrome/|\bCriOS/|\bChromium/")),
    ("safari", re.compile(r"\bSafari/|\bAppleWebKit/")),
)
_SYSTEMS = (
    ("android", re.compile(r"\bAndroid\b")),
    ("ios", re.compile(r"\biPhone\b|\biPad\b|\biPod\b")),
    ("windows", re.compile(r"\bWindows\b")),
    ("macos", re.compile(r"\bMacintosh\b|\bMac OS X\b")),
    ("chromeos", re.compile(r"\bCrOS\b")),
    ("linux", re.compile(r"\bLinux\b|\bX11\b")),
)
_TABLET = re.compile(r"\biPad\b|\bTablet\b")
_PHONE = re.compile(r"\biPhone\b|\biPod\b|\bMobile\b|\bMobi\b")
OTHER = "other"


class Agent(NamedTuple):
    """The class of a program. Each part is one of a few words, `other` where none fits."""

    browser: str
    system: str
    device: str


def agent(text: str) -> Agent:
    """The class that the text of a User-Agent header belongs to."""
    browser = next((name for name, pattern in _BROWSERS if pattern.search(text)), OTHER)
    system = next((name for name, pattern in _SYSTEMS if pattern.search(text)), OTHER)
    return Agent(browser, system, _device(text, browser, system))


def _device(text: str, browser: str, system: str) -> str:
    if browser == "pulse":
        return "server"
    if _TABLET.search(text) or (system == "android" and not _PHONE.search(text)):
        return "tablet"
    if _PHONE.search(text):
        return "phone"
    return "desktop" if browser != OTHER and system != OTHER else OTHER

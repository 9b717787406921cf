"""What kind of program made an event, and whether a person was behind it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_collector.agents import agent
from pulse_collector.bots import REASONS, bot_reason

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPAD = "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
PEOPLE = {
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/130.0.0.0 Safari/537.36": "chrome windows desktop",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.2849.68": (
        "edge windows desktop"
    ),
    f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/129.0.0.0 Safari/537.36 OPR/115.0.0.0": "opera windows desktop",
    f"{MAC} Version/18.1 Safari/605.1.15": "safari macos desktop",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0": "firefox linux desktop",
    f"{IPHONE} Version/18.1 Mobile/15E148 Safari/604.1": ("safari ios phone"),
    f"{IPHONE} CriOS/130.0.6723.90 Mobile/15E148 Safari/604.1": ("chrome ios phone"),
    f"{IPAD} Version/17.7 Mobile/15E148 Safari/604.1": ("safari ios tablet"),
    f"Mozilla/5.0 (Linux; Android 14; SM-S928B) {WEBKIT} SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36": (
        "samsung android phone"
    ),
    f"Mozilla/5.0 (Linux; Android 13; SM-X700) {WEBKIT} Chrome/130.0.0.0 Safari/537.36": "chrome android tablet",
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/130.0.0.0 Safari/537.36": "chrome chromeos desktop",
    f"Mozilla/5.0 (Linux; Android 10; CUBOT X30) {WEBKIT} Chrome/120.0 Mobile Safari/537.36": "chrome android phone",
}
BOTS = {
    "": "no_user_agent",
    "  ": "no_user_agent",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": "declared",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)": "declared",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)": "declared",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)": "declared",
    "Mozilla/5.0 AppleWebKit/537.36 (compatible; GPTBot/1.2; +https://openai.com/gptbot)": "declared",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)": "declared",
    f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/130.0.0.0 Safari/537.36": "headless",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)": "preview",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)": "preview",
    "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)": "monitor",
    f"Mozilla/5.0 (Macintosh) {WEBKIT} Chrome/130.0.0.0 Safari/537.36 Chrome-Lighthouse": "monitor",
    "curl/8.9.1": "library",
    "python-requests/2.32.3": "library",
    "Go-http-client/2.0": "library",
    "Wget/1.24.5": "library",
    "axios/1.7.7": "library",
}


@pytest.mark.parametrize("text", PEOPLE)
def test_a_browser_is_named_and_is_no_bot(text: str) -> None:
    assert " ".join(agent(text)) == PEOPLE[text]
    assert bot_reason(text) is None


@pytest.mark.parametrize("text", BOTS)
def test_a_bot_is_flagged_with_the_reason(text: str) -> None:
    assert bot_reason(text) == BOTS[text]
    assert BOTS[text] in REASONS


def test_a_browser_without_a_window_is_the_browser_that_it_is() -> None:
    assert agent(f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/130.0 Safari/537.36").browser == "chrome"


def test_signs_beside_the_name() -> None:
    person = next(iter(PEOPLE))
    assert bot_reason(person, prefetch=True) == "prefetch"
    assert bot_reason(person, webdriver=True) == "webdriver"
    assert bot_reason("pulse-python/0.1.0") is None


@given(st.text())
def test_any_text_has_a_class(text: str) -> None:
    assert all(agent(text))
    assert bot_reason(text) in {None, *REASONS}

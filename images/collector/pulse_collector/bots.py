"""Whether a program, and not a person, made an event, and by which sign. Pure.

Nothing is dropped for it: the event is flagged with the reason, and the marts leave it out unless they are told not to.
"""

from __future__ import annotations

import re

REASONS = {
    "no_user_agent": "The request has no User-Agent.",
    "declared": "The User-Agent calls itself a bot, a crawler, a spider or the like.",
    "headless": "The User-Agent is that of a browser without a window.",
    "library": "The User-Agent is that of a program's HTTP library or of a command-line tool.",
    "preview": "A service that shows previews of links in messages.",
    "monitor": "A service that watches whether sites are up and fast.",
    "prefetch": "The browser loaded the page before anybody asked for it.",
    "webdriver": "The browser said in `properties.context.webdriver` that a program drives it.",
}

_SIGNS = (
    ("headless", re.compile(r"headless|phantomjs|slimerjs|puppeteer|playwright|electron/|cypress", re.IGNORECASE)),
    (
        "monitor",
        re.compile(
            r"pingdom|uptime|statuscake|site24x7|lighthouse|pagespeed|gtmetrix|datadog|newrelic|catchpoint|nagios|"
            r"zabbix|checkly|webpagetest|ptst/|monitoring|chrome-lighthouse|dareboost|freshping",
            re.IGNORECASE,
        ),
    ),
    (
        "preview",
        re.compile(
            r"facebookexternalhit|facebookcatalog|whatsapp/|telegrambot|slackbot|slack-imgproxy|discordbot|twitterbot|"
            r"linkedinbot|skypeuripreview|embedly|pinterest/|vkshare|redditbot|bitlybot|iframely|snap url preview|"
            r"google-pagerenderer|mattermost|viber",
            re.IGNORECASE,
        ),
    ),
    (
        "declared",
        re.compile(
            # Cubot is a maker of phones.
            r"(?<!cu)bots?(?![a-z])|crawl|spider|slurp|scrap|archiver|transcoder|validator|fetcher|"
            r"mediapartners|apis-google|feedfetcher|google-read-aloud|googleother|googleweblight|bingpreview|"
            r"yandex(?:images|media|video|favicons|webmaster|metrika|direct)|baiduspider|duckduckgo-favicons|ia_archiver|"
            r"(?:ahrefs|semrush|majestic|moz)\b|gptbot|chatgpt-user|claudebot|anthropic|perplexity|ccbot|"
            r"https?://|\+http|@[a-z0-9-]+\.[a-z]{2,}|search(?:engine)?\b.{0,20}\bindex",
            re.IGNORECASE,
        ),
    ),
    (
        "library",
        re.compile(
            r"^(?:curl|wget|libcurl|lwp|libwww|python|aiohttp|httpx|urllib|requests|go-http|java|jakarta|apache-http|"
            r"axios|node|undici|got|ruby|faraday|php|guzzle|postman|insomnia|httpie|rest-client|scrapy|perl|okhttp/?$|"
            r"winhttp|dart|reqwest|hyper|powershell|wp-|wordpress|k6/|jmeter|locust|vegeta|ab/|siege)|"
            r"python-requests|python-urllib|java/1|httpclient|http_request|http-client|www-mechanize",
            re.IGNORECASE,
        ),
    ),
)


def bot_reason(user_agent: str, *, prefetch: bool = False, webdriver: bool = False) -> str | None:
    """One of REASONS, or None where nothing speaks against a person.

    Pulse's own clients on servers send what people did, and are none.
    """
    if webdriver:
        return "webdriver"
    if prefetch:
        return "prefetch"
    if not user_agent.strip():
        return "no_user_agent"
    if user_agent.startswith("pulse-"):
        return None
    return next((reason for reason, pattern in _SIGNS if pattern.search(user_agent)), None)

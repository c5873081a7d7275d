"""Whether what calls itself a browser names a program; knows no event."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# Programs that say so: the words that crawlers, checkers and libraries use for themselves. A telephone called CUBOT is none.
_PROGRAM: Final = re.compile(
    r"(?<!cu)bot(?![a-z])|crawl|spider|slurp|scrap|headless|phantomjs|selenium|puppeteer|playwright|lighthouse|monitor|"
    r"preview|facebookexternalhit|feedfetcher|mediapartners|archiver|\b(?:curl|wget|httpie|axios|okhttp|scrapy)\b|"
    r"python-(?:requests|urllib|httpx)|aiohttp|go-http-client|apache-httpclient|java/|libwww|node-fetch|postman",
    re.IGNORECASE,
)


@lru_cache(maxsize=10_000)
def names_a_program(agent: str) -> bool:
    """Whether the agent is a program's, in its own words."""
    return _PROGRAM.search(agent) is not None

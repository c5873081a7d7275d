"""Pages beside the calls: whether the gateway lives and is ready, its OpenAPI document, and a list of its calls for people."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from html import escape
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fieldwise_gateway.http import openapi
from fieldwise_gateway.http.methods import Method
from fieldwise_gateway.http.resources import Resource

Ready = Callable[[], Awaitable[Mapping[str, bool]]]

# Nothing is loaded from anywhere: the page works where there is no internet, and tells nobody that it was read.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c}"
    "code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{background:#f4f4f4;padding:.8rem;overflow-x:auto}"
    "h2{margin-top:2.5rem;border-bottom:1px solid #ccc}summary{cursor:pointer}td{padding:.15rem .8rem .15rem 0;vertical-align:top}"
)


class Pages:
    """The pages' routes.

    Args:
        methods: Those that are served, by path.
        ready: The dependencies and whether each is there; the one named "" decides.
        resources: Short paths of some of them.
    """

    def __init__(
        self, methods: Mapping[str, Method], ready: Ready, resources: Sequence[Resource] = ()
    ) -> None:
        self._resources = resources
        self._methods = methods
        self._ready = ready
        self._document: dict[str, Any] | None = None
        self._bodies: dict[str, bytes] = {}
        self._making = asyncio.Lock()

    def routes(self) -> list[BaseRoute]:
        """Where each page stands."""
        return [
            Route("/healthz", self.lives),
            Route("/readyz", self.is_ready),
            Route("/openapi.json", self.openapi),
            Route("/docs", self.listing),
        ]

    async def lives(self, request: Request) -> Response:
        """200 as long as the event loop turns."""
        return _json({"alive": True})

    async def is_ready(self, request: Request) -> Response:
        """200 when calls can be answered, else 503; with each dependency, of which some may be away (decisions go on)."""
        told = dict(await self._ready())
        is_ready = told.pop("", True)
        body = {"ready": is_ready, "dependencies": told}
        return _json(body, 200 if is_ready else 503)

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI document."""
        return Response(await self._body("openapi"), media_type="application/json")

    async def listing(self, request: Request) -> Response:
        """The calls for people, with an example of each."""
        headers = {"content-security-policy": _POLICY, "x-content-type-options": "nosniff"}
        return Response(await self._body("docs"), media_type="text/html; charset=utf-8", headers=headers)

    async def _body(self, name: str) -> bytes:
        # Made when first asked for, beside the event loop: it takes a second, and most processes are never asked.
        async with self._making:
            if not self._bodies:
                self._bodies = await asyncio.to_thread(self._made)
        return self._bodies[name]

    def _made(self) -> dict[str, bytes]:
        document = openapi.document(self._methods.values(), self._resources)
        return {
            "openapi": json.dumps(document, ensure_ascii=False).encode(),
            "docs": _page(document).encode(),
        }


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body).encode(), status, media_type="application/json")


def _page(document: Mapping[str, Any]) -> str:
    info = document["info"]
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}</title><style>{_STYLE}</style>",
        f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>",
        "<p>Machine-readable: <a href=/openapi.json>/openapi.json</a> (OpenAPI 3.1).</p>",
    ]
    for tag in document["tags"]:
        parts.append(
            f"<h2 id='{escape(tag['name'])}'>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>"
        )
        parts += [
            _method(path, item["post"])
            for path, item in document["paths"].items()
            if tag["name"] in item.get("post", {}).get("tags", ()) and path.startswith("/" + tag["name"])
        ]
    return "".join(parts)


def _method(path: str, told: Mapping[str, Any]) -> str:
    content = told["requestBody"]["content"]
    example = json.dumps(next(iter(content.values())).get("example", {}), ensure_ascii=False)
    kind = next(iter(content))
    scope = told.get("x-fieldwise-scope", "")
    needs = f"<p>Scope: <code>{escape(scope)}</code></p>" if scope else ""
    return (
        f"<details><summary><code>{escape(path)}</code> {escape(told['summary'])}</summary>"
        f"<p>{escape(told['description'])}</p>{needs}<pre>POST {escape(path)}\nContent-Type: {escape(kind)}\n\n"
        f"{escape(example)}</pre></details>"
    )

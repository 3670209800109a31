"""The emulator's API without its socket: requests go to a router, replies come back decoded."""

import decimal
import json
from types import SimpleNamespace
from typing import Any

from multidict import CIMultiDict

from partnercenter_async.emulator import Records, nouns
from partnercenter_async.emulator.api import Api, ApiSettings, Call, Router
from partnercenter_async.emulator.faults import encode

SETTINGS: dict[str, Any] = {
    "page_size": 200,
    "customers_page_size": 500,
    "paging": "seek",
    "link_style": "root",
    "last_links": "missing",
    "require_mfa": False,
    "events_content_type": None,
    "paths": "tolerant",
    "drift": False,
}
RESOURCES = {"graph": "https://graph.microsoft.com", "partner": "https://api.partner.microsoft.com"}


class Tokens:
    """Tokens by their names: "user" and "app" are the API's, those of RESOURCES another service's, all else is bad."""

    def state(self, token: str) -> str:
        return "valid" if token in {"user", "app", "no mfa", *RESOURCES} else "unknown"

    def facts(self, token: str) -> Any:
        resource = RESOURCES.get(token, "https://api.partnercenter.microsoft.com")
        return SimpleNamespace(
            user=token in {"user", "no mfa"}, mfa=token == "user", resource=resource, audience=resource
        )


class Answer(SimpleNamespace):
    """A status, headers, and a document as a client reads it, with exact numbers."""

    status: int
    document: Any
    headers: dict[str, str]


class Unplugged:
    """The API over some records, with some routes."""

    def __init__(self, data: Records | None = None, routes: Any = nouns.ROUTES, **settings: Any) -> None:
        self.data = Records() if data is None else data
        self.settings = ApiSettings(**(SETTINGS | settings))
        self.router = Router(routes, self.settings.paths)
        self.api = Api(self.data, Tokens(), self.settings, "https://localhost:1")  # type: ignore[arg-type]

    def ask(
        self, method: str, address: str, body: Any = None, token: str | None = "user", headers: Any = None
    ) -> Answer:
        path, _, query = address.partition("?")
        route, ids = self.router.find(method, path)
        sent = body if isinstance(body, bytes) else b"" if body is None else encode(body)
        given = CIMultiDict(headers or {})
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        reply = self.api.answer(Call(method, path, query, given, sent, route, ids))
        text = b"null" if reply.document is None else encode(reply.document)
        document = json.loads(text, parse_float=decimal.Decimal)
        return Answer(status=reply.status, document=document, headers=dict(reply.headers))

    def get(self, address: str, **options: Any) -> Answer:
        return self.ask("GET", address, **options)

    def follow(self, link: dict[str, Any], **options: Any) -> Answer:
        """Follow a link of a collection that is written from the root of the API."""
        headers = {each["key"]: each["value"] for each in link["headers"]}
        return self.ask(link["method"], "/v1" + link["uri"], headers=headers, **options)

    def pages(self, address: str, direction: str = "next") -> list[list[dict[str, Any]]]:
        """Walk a listing to its end."""
        answer = self.get(address)
        found = [answer.document["items"]]
        while link := answer.document.get("links", {}).get(direction):
            answer = self.follow(link)
            found.append(answer.document["items"])
        return found


def links_of(document: object) -> list[dict[str, Any]]:
    """All links that stand anywhere in a document."""
    if isinstance(document, list):
        return [link for each in document for link in links_of(each)]
    if not isinstance(document, dict):
        return []
    own = [document] if {"uri", "method"} <= document.keys() else []
    return own + [link for each in document.values() for link in links_of(each)]

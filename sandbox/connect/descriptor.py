"""Parses an app's descriptor; refuses it for the same reasons as Jira."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.connect.tokens import Address

if TYPE_CHECKING:
    from sandbox.shapes import JsonObject

SCOPES = frozenset(
    {"READ", "WRITE", "DELETE", "PROJECT_ADMIN", "ADMIN", "ACT_AS_USER", "ACCESS_EMAIL_ADDRESSES", "NONE"}
)
_SCOPE_ORDER = ("READ", "WRITE", "DELETE", "PROJECT_ADMIN", "ADMIN")
_KEY = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
_PAGE_LISTS = ("generalPages", "adminPages")
_SINGLE_PAGES = ("configurePage", "postInstallPage")


class InstallRefusedError(Exception):
    """The site refuses to install the app. The message is the one for administrators."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A valid descriptor."""

    json: JsonObject

    @property
    def key(self) -> str:
        """The app's key."""
        return str(self.json["key"])

    @property
    def address(self) -> Address:
        """The app's address."""
        return Address(self.json["baseUrl"])

    @property
    def modules(self) -> JsonObject:
        """The declared modules."""
        modules: JsonObject = self.json.get("modules") or {}
        return modules

    @property
    def scopes(self) -> frozenset[str]:
        """The declared scopes and the lower ones that they imply."""
        scopes = {scope.upper() for scope in self.json.get("scopes", [])}
        highest = max((_SCOPE_ORDER.index(scope) for scope in scopes if scope in _SCOPE_ORDER), default=-1)
        return frozenset(scopes | set(_SCOPE_ORDER[: highest + 1]))

    @property
    def webhooks(self) -> list[JsonObject]:
        """The declared webhooks."""
        webhooks: list[JsonObject] = self.modules.get("webhooks") or []
        return webhooks

    def lifecycle(self, event: str) -> str | None:
        """Return the absolute URL of a hook; None if it is not declared."""
        relative = (self.json.get("lifecycle") or {}).get(event)
        return None if relative is None else self.address.url(relative)

    def pages(self) -> list[JsonObject]:
        """Return every page module."""
        pages = [page for name in _PAGE_LISTS for page in self.modules.get(name) or []]
        return pages + [self.modules[name] for name in _SINGLE_PAGES if name in self.modules]

    def page(self, key: str) -> JsonObject | None:
        """Return the page module with that key."""
        return next((page for page in self.pages() if page.get("key") == key), None)


def check_descriptor(body: Any, fetched_base: str) -> Descriptor:  # noqa: ANN401 - a stranger's JSON
    """Return the descriptor. Raises InstallRefusedError with Jira's reasons."""
    if not isinstance(body, dict):
        raise InstallRefusedError("The app descriptor is not a JSON object.")
    problems = [*_head_problems(body, fetched_base), *_module_problems(body)]
    if problems:
        raise InstallRefusedError("The app could not be installed: " + " ".join(problems))
    return Descriptor(body)


def _head_problems(body: JsonObject, fetched_base: str) -> list[str]:
    problems = []
    if not isinstance(body.get("key"), str) or not _KEY.match(body["key"]):
        problems.append("'key' must have 1 to 64 characters of A-Z a-z 0-9 . _ -")
    if str(body.get("baseUrl", "")).rstrip("/") != fetched_base.rstrip("/"):
        problems.append(f"'baseUrl' is {body.get('baseUrl')!r}, but the descriptor was fetched from {fetched_base!r}.")
    kind = (body.get("authentication") or {}).get("type", "")
    if str(kind).lower() != "jwt":
        problems.append("'authentication.type' must be 'jwt'.")
    lifecycle = body.get("lifecycle") or {}
    if "installed" not in lifecycle:
        problems.append("authentication type 'jwt' requires a lifecycle 'installed' hook.")
    problems += [
        f"lifecycle '{name}' must be a relative URL." for name, url in lifecycle.items() if not _is_relative(url)
    ]
    unknown_scopes = [scope for scope in body.get("scopes", []) if str(scope).upper() not in SCOPES]
    if unknown_scopes:
        problems.append(f"unknown scopes {unknown_scopes}.")
    return problems


def _module_problems(body: JsonObject) -> list[str]:
    modules = body.get("modules") or {}
    descriptor = Descriptor(body)
    problems = []
    hooks = modules.get("webhooks") or []
    if hooks and "READ" not in descriptor.scopes:
        problems.append("module 'webhooks' requires scope READ.")
    problems += [
        "each webhook needs 'event' and 'url'."
        for hook in hooks
        if not (hook.get("event") and _is_relative(hook.get("url")))
    ]
    keys = []
    for page in descriptor.pages():
        keys.append(page.get("key"))
        if not page.get("key") or not (page.get("name") or {}).get("value") or not _is_relative(page.get("url")):
            problems.append(f"page {page.get('key')!r} needs 'key', 'name.value' and a relative 'url'.")
    if len(keys) != len(set(keys)):
        problems.append("module keys must be unique.")
    return problems


def _is_relative(url: object) -> bool:
    return isinstance(url, str) and url.startswith("/") and "//" not in url.split("?")[0]

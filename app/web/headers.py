"""Response headers by class of response."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import g, request

if TYPE_CHECKING:
    from flask import Flask, Response

    from app.tenants.model import Tenant

ATLASSIAN_SCRIPTS = "https://connect-cdn.atl-paas.net"
_YEAR = 31_536_000
_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_EVERYWHERE = {
    "Strict-Transport-Security": f"max-age={_YEAR}; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_NOT_KEPT = {"Cache-Control": "no-store, no-cache"}
_NOT_FRAMED = {"X-Frame-Options": "DENY"}
BARE = {**_EVERYWHERE, **_NOT_KEPT, **_NOT_FRAMED, "Content-Security-Policy": _NOTHING}
"""Of an answer that is about nobody."""
_CONSOLE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def register(app: Flask) -> None:
    """Put the right headers on every response, errors included."""

    @app.after_request
    def add(response: Response) -> Response:
        headers = response.headers
        headers.update(_EVERYWHERE)
        if request.blueprint == "static_files" and response.status_code == 200:  # noqa: PLR2004 - HTTP's OK
            headers["Cache-Control"] = "public, max-age=300"
            return response
        headers.update(_NOT_KEPT)
        if request.blueprint == "jira_pages":
            headers["Content-Security-Policy"] = page_policy(getattr(g, "caller", None) and g.caller.tenant)
        else:
            headers.update(_NOT_FRAMED)
            is_console = request.blueprint in {"console", "console_sign_in"}
            headers["Content-Security-Policy"] = _CONSOLE if is_console else _NOTHING
        return response


def scripts_of(tenant: Tenant | None) -> str:
    """Where Atlassian's client library comes from: the CDN, or the site itself where it is no site of Atlassian's cloud."""
    if tenant is None or tenant.base_url.startswith("https://"):
        return f"{ATLASSIAN_SCRIPTS}/all.js"
    return f"{tenant.base_url}/atlassian-connect/all.js"


def page_policy(tenant: Tenant | None) -> str:
    """What a page in the frame may do; framed by its own site only, or by nobody while the site is not proven."""
    if tenant is None:
        return _NOTHING.replace("default-src 'none'", "default-src 'none'; style-src 'self'")
    scripts = _origin(scripts_of(tenant))
    ancestors = " ".join(dict.fromkeys((_origin(tenant.base_url), _origin(tenant.site_url))))
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' {scripts}; img-src 'self' data:;"
        f" connect-src 'self'; frame-ancestors {ancestors}; base-uri 'none'; form-action 'none'; object-src 'none'"
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"

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
_EMPTY_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_COMMON = {
    "Strict-Transport-Security": f"max-age={_YEAR}; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_NO_STORE = {"Cache-Control": "no-store, no-cache"}
_NO_FRAME = {"X-Frame-Options": "DENY"}
BARE = {**_COMMON, **_NO_STORE, **_NO_FRAME, "Content-Security-Policy": _EMPTY_POLICY}
"""The headers of an answer without a tenant."""
_CONSOLE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def register(app: Flask) -> None:
    """Set the security headers of every response, errors included."""

    @app.after_request
    def add(response: Response) -> Response:
        headers = response.headers
        headers.update(_COMMON)
        if request.blueprint == "static_files" and response.status_code == 200:  # noqa: PLR2004 - HTTP's OK
            headers["Cache-Control"] = "public, max-age=300"
            return response
        headers.update(_NO_STORE)
        if request.blueprint == "jira_pages":
            headers["Content-Security-Policy"] = page_policy(getattr(g, "caller", None) and g.caller.tenant)
        else:
            headers.update(_NO_FRAME)
            is_console = request.blueprint in {"console", "console_sign_in"}
            headers["Content-Security-Policy"] = _CONSOLE if is_console else _EMPTY_POLICY
        return response


def scripts_of(tenant: Tenant | None) -> str:
    """The address of Atlassian's client library: on the CDN or, for a site outside Atlassian's cloud, on the site itself."""
    if tenant is None or tenant.base_url.startswith("https://"):
        return f"{ATLASSIAN_SCRIPTS}/all.js"
    return f"{tenant.base_url}/atlassian-connect/all.js"


def page_policy(tenant: Tenant | None) -> str:
    """The content security policy of a page in the frame, framed by its own site only, or by none before the proof."""
    if tenant is None:
        return _EMPTY_POLICY.replace("default-src 'none'", "default-src 'none'; style-src 'self'")
    scripts = _origin(scripts_of(tenant))
    ancestors = " ".join(dict.fromkeys((_origin(tenant.base_url), _origin(tenant.site_url))))
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' {scripts}; img-src 'self' data:;"
        f" connect-src 'self'; frame-ancestors {ancestors}; base-uri 'none'; form-action 'none'; object-src 'none'"
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"

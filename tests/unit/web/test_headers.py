"""Response headers by class of response."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from flask import Blueprint, Flask, abort, g

from app.tenants.model import Caller, State, Tenant
from app.web import headers

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

ACME = Tenant(UUID(int=1), "jira_cloud", "https://acme.atlassian.net", None, State.ACTIVE, "client-1")
LAPTOP = replace(ACME, base_url="http://127.0.0.1:8099")


def directives(policy: str) -> dict[str, list[str]]:
    """A policy as a browser parses it."""
    parts = [directive.split() for directive in policy.split(";") if directive.strip()]
    assert len({part[0] for part in parts}) == len(parts), "a browser takes the first of two"
    return {part[0]: part[1:] for part in parts}


@pytest.fixture
def app() -> Flask:
    """One route per blueprint, with the blueprint names of the real app."""
    application = Flask(__name__)
    headers.register(application)
    for name in ("jira_pages", "jira_pairing", "connect_webhooks", "api", "console", "console_sign_in", "static_files"):
        routes = Blueprint(name, __name__, url_prefix=f"/{name}")

        @routes.get("/proven", endpoint="proven")
        def proven() -> str:
            g.caller = Caller(ACME, "admin-1", 1)
            return "ok"

        @routes.get("/refused", endpoint="refused")
        def refused() -> str:
            abort(401)

        application.register_blueprint(routes)
    return application


def answer(app: Flask, path: str) -> TestResponse:
    return app.test_client().get(path)


@pytest.mark.parametrize(
    "path",
    [
        "/jira_pages/proven",
        "/jira_pages/refused",
        "/jira_pairing/proven",
        "/connect_webhooks/refused",
        "/api/proven",
        "/console/proven",
        "/static_files/proven",
        "/nowhere",
    ],
)
def test_every_answer_is_strict_and_sets_no_cookie(app: Flask, path: str) -> None:
    response_headers = answer(app, path).headers
    assert int(response_headers["Strict-Transport-Security"].split(";")[0].removeprefix("max-age=")) >= 31_536_000
    assert response_headers["X-Content-Type-Options"] == "nosniff"
    assert response_headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in response_headers
    assert not [name for name in response_headers.keys() if name.lower().startswith("access-control-")]  # noqa: SIM118 - headers iterate as pairs


@pytest.mark.parametrize(
    "name", ["jira_pages", "jira_pairing", "connect_webhooks", "api", "console", "console_sign_in"]
)
@pytest.mark.parametrize("outcome", ["proven", "refused"])
def test_nothing_but_static_files_is_cached(app: Flask, name: str, outcome: str) -> None:
    assert answer(app, f"/{name}/{outcome}").headers["Cache-Control"] == "no-store, no-cache"


def test_static_files_are_cached_and_their_errors_are_not(app: Flask) -> None:
    assert "max-age" in answer(app, "/static_files/proven").headers["Cache-Control"]
    assert answer(app, "/static_files/refused").headers["Cache-Control"] == "no-store, no-cache"


def test_a_page_may_be_framed_by_its_own_site_only(app: Flask) -> None:
    response_headers = answer(app, "/jira_pages/proven").headers
    assert "X-Frame-Options" not in response_headers
    assert directives(response_headers["Content-Security-Policy"])["frame-ancestors"] == ["https://acme.atlassian.net"]


def test_a_page_that_was_refused_may_be_framed_by_nobody(app: Flask) -> None:
    response_headers = answer(app, "/jira_pages/refused").headers
    policy = directives(response_headers["Content-Security-Policy"])
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["default-src"] == ["'none'"]
    assert "script-src" not in policy


@pytest.mark.parametrize(
    "path",
    [
        "/jira_pairing/proven",
        "/api/proven",
        "/connect_webhooks/refused",
        "/console/proven",
        "/console_sign_in/proven",
        "/nowhere",
    ],
)
def test_everything_else_may_be_framed_by_nobody(app: Flask, path: str) -> None:
    response_headers = answer(app, path).headers
    assert response_headers["X-Frame-Options"] == "DENY"
    assert directives(response_headers["Content-Security-Policy"])["frame-ancestors"] == ["'none'"]


@pytest.mark.parametrize("path", ["/jira_pairing/proven", "/api/proven", "/nowhere"])
def test_what_is_no_page_may_load_nothing(app: Flask, path: str) -> None:
    policy = directives(answer(app, path).headers["Content-Security-Policy"])
    assert policy["default-src"] == ["'none'"]
    assert not {"script-src", "style-src", "connect-src", "img-src"} & set(policy)


@pytest.mark.parametrize("tenant", [ACME, LAPTOP, replace(ACME, display_url="https://jira.acme.com"), None])
def test_no_policy_lets_a_page_run_what_was_written_into_it(tenant: Tenant | None) -> None:
    policy = headers.page_policy(tenant)
    assert "unsafe" not in policy
    assert "*" not in policy
    sources = directives(policy)
    assert sources["default-src"] == ["'none'"]
    assert sources["base-uri"] == ["'none'"]
    assert sources["form-action"] == ["'none'"]


def test_a_page_runs_scripts_of_ours_and_atlassians_only() -> None:
    sources = directives(headers.page_policy(ACME))
    assert sources["script-src"] == ["'self'", "https://connect-cdn.atl-paas.net"]
    assert sources["connect-src"] == ["'self'"]
    assert sources["object-src"] == ["'none'"]


def test_a_site_known_by_two_addresses_may_frame_from_both() -> None:
    sources = directives(headers.page_policy(replace(ACME, display_url="https://jira.acme.com")))
    assert sources["frame-ancestors"] == ["https://acme.atlassian.net", "https://jira.acme.com"]


@pytest.mark.parametrize(
    ("tenant", "script"),
    [
        (ACME, "https://connect-cdn.atl-paas.net/all.js"),
        (None, "https://connect-cdn.atl-paas.net/all.js"),
        (LAPTOP, "http://127.0.0.1:8099/atlassian-connect/all.js"),
    ],
)
def test_the_client_library_comes_from_atlassian_or_from_a_laptops_own_site(tenant: Tenant | None, script: str) -> None:
    assert headers.scripts_of(tenant) == script
    if tenant is not None:
        origin = script.rsplit("/", 1)[0].removesuffix("/atlassian-connect")
        assert origin in directives(headers.page_policy(tenant))["script-src"]

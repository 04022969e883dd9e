"""Default deny: every route is behind the one door that its blueprint names, and the door checks first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Blueprint

from app.web.guard import DOORS, Door

if TYPE_CHECKING:
    from flask import Flask
    from flask_openapi3 import OpenAPI

DOCUMENTED_ROUTES = [  # README, "HTTP"
    ("GET", "/atlassian-connect.json", Door.PUBLIC),
    ("POST", "/connect/installed", Door.LIFECYCLE),
    ("POST", "/connect/uninstalled", Door.LIFECYCLE),
    ("POST", "/connect/enabled", Door.SERVER),
    ("POST", "/connect/disabled", Door.SERVER),
    ("POST", "/connect/webhooks/jira.issue_created", Door.SERVER),
    ("GET", "/jira/configuration", Door.PAGE),
    ("GET", "/jira/pairing", Door.PAGE_API),
    ("GET", "/jira/pairing/page", Door.PAGE_API),
    ("POST", "/jira/pairing", Door.PAGE_API),
    ("DELETE", "/jira/pairing", Door.PAGE_API),
    ("GET", "/api/v1/integrations", Door.SEI_KEY),
    ("POST", "/api/v1/integrations", Door.SEI_KEY),
    ("GET", "/api/v1/integrations/0192f0a0-0000-7000-8000-000000000000", Door.SEI_KEY),
    ("PATCH", "/api/v1/integrations/0192f0a0-0000-7000-8000-000000000000", Door.SEI_KEY),
    ("DELETE", "/api/v1/integrations/0192f0a0-0000-7000-8000-000000000000", Door.SEI_KEY),
    *(
        ("POST", f"/api/v1/integrations/0192f0a0-0000-7000-8000-000000000000/{verb}", Door.SEI_KEY)
        for verb in ("otp", "validate", "reauthenticate", "pause", "resume", "sync")
    ),
    ("GET", "/api/v1/integrations/0192f0a0-0000-7000-8000-000000000000/progress", Door.SEI_KEY),
    ("GET", "/api/v1/integrations/0192f0a0-0000-7000-8000-000000000000/changes", Door.SEI_KEY),
    ("GET", "/api/v1/openapi.json", Door.PUBLIC),
    ("GET", "/livez", Door.PUBLIC),
    ("GET", "/readyz", Door.PUBLIC),
    ("GET", "/metrics", Door.PUBLIC),
]
PUBLIC = {
    "connect_descriptor": "Jira and Marketplace read it before anybody installed anything",
    "api_reference": "describes the API and nobody's data",
    "console_sign_in": "nobody is signed in yet",
    "health": "says ok or not; for the private port or the operator's proxy",
    "static_files": "style sheets and scripts",
}
"""Blueprints open to everybody, each with its reason."""


def blueprint_of(endpoint: str) -> str | None:
    return endpoint.rpartition(".")[0] or None


def unguarded(app: Flask) -> list[str]:
    """Unguarded routes: outside a blueprint, or in a blueprint without a door or a check."""
    routes = []
    for rule in app.url_map.iter_rules():
        blueprint = blueprint_of(rule.endpoint)
        checks = app.before_request_funcs.get(blueprint, [])
        is_first = bool(checks) and checks[0].__qualname__.startswith("trusts.")
        if blueprint not in DOORS or not is_first:
            routes.append(f"{rule.rule} ({rule.endpoint})")
    return routes


def door_of(app: Flask, method: str, path: str) -> Door:
    endpoint, _ = app.url_map.bind("app.test").match(path, method)
    return DOORS[blueprint_of(str(endpoint)) or ""]


def test_every_route_stands_behind_a_door(app: OpenAPI) -> None:
    assert sum(1 for _ in app.url_map.iter_rules()) > 20
    assert unguarded(app) == []


def test_a_route_of_the_app_itself_would_be_noticed(own_app: OpenAPI) -> None:
    own_app.add_url_rule("/forgotten", "forgotten", lambda: "open")
    assert unguarded(own_app) == ["/forgotten (forgotten)"]


def test_a_blueprint_without_a_door_would_be_noticed(own_app: OpenAPI) -> None:
    routes = Blueprint("forgetful", __name__)
    routes.add_url_rule("/forgotten", "open", lambda: "open")
    own_app.register_blueprint(routes)
    assert unguarded(own_app) == ["/forgotten (forgetful.open)"]


def test_no_blueprint_has_two_doors(app: OpenAPI) -> None:
    for name, checks in app.before_request_funcs.items():
        guards = [check for check in checks if check.__qualname__.startswith("trusts.")]
        assert len(guards) == (0 if name is None else 1), name


@pytest.mark.parametrize(("method", "path", "door"), DOCUMENTED_ROUTES, ids=lambda part: str(part)[:60])
def test_promised_routes_are_there_behind_the_promised_door(app: OpenAPI, method: str, path: str, door: Door) -> None:
    assert door_of(app, method, path) is door


def test_what_is_public_is_listed_with_its_reason(app: OpenAPI) -> None:
    blueprints = {blueprint_of(rule.endpoint) for rule in app.url_map.iter_rules()}
    assert {name for name in blueprints if name and DOORS[name] is Door.PUBLIC} == set(PUBLIC)


def test_pages_take_get_only(app: OpenAPI) -> None:
    pages = [rule for rule in app.url_map.iter_rules() if DOORS.get(blueprint_of(rule.endpoint) or "") is Door.PAGE]
    assert pages
    assert all((rule.methods or set()) <= {"GET", "HEAD", "OPTIONS"} for rule in pages)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE", "PUT"])
def test_nobody_gets_in_without_proof_and_no_server_is_asked(app: OpenAPI, method: str) -> None:
    """The servers are unreachable here: an answer also proves that no server was asked."""
    count = 0
    for rule in app.url_map.iter_rules():
        door = DOORS[blueprint_of(rule.endpoint) or ""]
        if door is Door.PUBLIC or method not in (rule.methods or set()):
            continue
        count += 1
        path = rule.rule.replace("<name>", "x").replace("<known>", "x").replace("<integration_id>", "x")
        answer = app.test_client().open(path, method=method)
        if door is Door.CONSOLE:
            assert (answer.status_code, answer.headers.get("Location")) == (303, "/console/sign-in"), path
        else:
            assert answer.status_code == 401, path
            assert "WWW-Authenticate" in answer.headers
    assert count or method == "PUT"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_options_and_head_open_nothing_either(app: OpenAPI, method: str) -> None:
    for path, door in [("/jira/configuration", Door.PAGE), ("/jira/pairing", Door.PAGE_API)]:
        assert door_of(app, "GET", path) is door
        answer = app.test_client().open(path, method=method)
        assert answer.status_code in {401, 405}
        assert b"<script" not in answer.data


@pytest.mark.parametrize(
    "path", ["/connect/installed/", "/connect//installed", "/jira/configuration/", "/base/jira/pairing"]
)
def test_no_hook_or_page_is_redirected_to_its_proper_spelling(app: OpenAPI, path: str) -> None:
    assert app.test_client().post(path).status_code == 404
    assert app.test_client().get(path).status_code == 404

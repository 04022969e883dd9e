"""Atlassian's gateway, tokens with scopes, and callers without good credentials."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
import requests

from sandbox import Site
from sandbox.gate.scopes import Access, access_to
from tests.sandbox.tokens.document import operations, problems, template_of

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.sandbox.app_client import AppClient
    from tests.sandbox.tokens.token_client import TokenClient

PROJECTS = "/rest/api/3/project/search"
SEARCH = "/rest/api/3/search/jql"
CLASSIC = ("read:jira-work", "read:jira-user")
MISMATCH = {"code": 401, "message": "Unauthorized; scope does not match"}


def test_the_cloud_id_is_public_and_stays(site: Site) -> None:
    answer = requests.get(f"{site.base_url}/_edge/tenant_info", timeout=5)
    assert answer.json() == {"cloudId": site.cloud_id}
    assert str(UUID(site.cloud_id)) == site.cloud_id
    site.uninstall()
    site.install()
    assert requests.get(f"{site.base_url}/_edge/tenant_info", timeout=5).json() == answer.json()
    assert Site(dataset="seeded", seed=4, issues=1, projects=1).cloud_id != site.cloud_id


def test_each_token_has_its_own_address(person: TokenClient) -> None:
    gateway = person.with_scopes(*CLASSIC)
    assert person.get(PROJECTS).status_code == gateway.get(PROJECTS).status_code == 200
    assert {client.get("/rest/api/3/myself").json()["accountId"] for client in (person, gateway)} == {person.account_id}
    at_site = requests.get(person.root + PROJECTS, auth=(gateway.email, gateway.token), timeout=5)
    at_gateway = requests.get(gateway.root + PROJECTS, auth=(person.email, person.token), timeout=5)
    assert (at_site.status_code, at_gateway.status_code) == (401, 401)
    assert at_gateway.json() == {"code": 401, "message": "Unauthorized"}
    wrong_root = gateway.root.replace(gateway.site.cloud_id, "0" * 8 + gateway.site.cloud_id[8:])
    assert requests.get(wrong_root + PROJECTS, auth=(gateway.email, gateway.token), timeout=5).status_code == 404


def test_apps_are_not_admitted_at_the_gateway(client: AppClient, site: Site) -> None:
    for path in (PROJECTS, f"/ex/jira/{site.cloud_id}{PROJECTS}"):
        headers = {"Authorization": f"JWT {client.token('GET', path)}"}
        url = f"{site.base_url}/ex/jira/{site.cloud_id}{PROJECTS}"
        assert requests.get(url, headers=headers, timeout=5).status_code == 401


@pytest.mark.parametrize(
    ("path", "scopes", "status"),
    [
        ("api/3/project/search", ["read:jira-work"], 200),
        ("api/2/project/search", ["read:jira-work"], 200),
        ("api/3/project/search", ["read:jira-user"], 401),
        ("api/3/project/APOL/versions", ["read:project-version:jira"], 200),
        ("api/3/project/APOL/components", ["read:project.component:jira"], 401),
        ("api/3/myself", ["read:jira-work"], 401),
        ("api/3/myself", ["read:jira-user"], 200),
        ("api/3/mypermissions?permissions=ADMINISTER", ["read:jira-work"], 200),
        ("api/3/serverInfo", [], 200),
        ("agile/1.0/board", CLASSIC, 401),
        ("agile/1.0/board", ["read:board-scope:jira-software", "read:project:jira"], 200),
        ("agile/1.0/board/1/configuration", ["read:board-scope:jira-software", "read:project:jira"], 401),
        ("agile/1.0/board/1/configuration", ["read:board-scope.admin:jira-software", "read:project:jira"], 200),
        ("agile/1.0/board/1/sprint", ["read:sprint:jira-software"], 200),
        ("api/3/no-such-resource", CLASSIC, 401),
    ],
)
def test_a_resource_asks_for_its_scopes(person: TokenClient, path: str, scopes: list[str], status: int) -> None:
    answer = person.with_scopes(*scopes).get(f"/rest/{path}")
    assert answer.status_code == status
    if status == 401:
        assert answer.json() == MISMATCH


def test_scopes_are_those_of_the_documents(openapi: Path) -> None:
    document = operations(openapi)
    differences = {name: entry for name, entry in _resources().items() if _access_in(document[name]) != entry}
    assert set(differences) == {"GET /rest/agile/1.0/board"}, "the document names no scope for it"
    assert _access_in(document["GET /rest/agile/1.0/board"]).choices == (frozenset(),)


def _resources() -> dict[str, Access | None]:
    """The access to every REST resource of the sandbox."""
    from sandbox.web.application import _routes  # noqa: PLC0415 - compiles all routes

    templates = set()
    for rule in _routes().url_map.iter_rules():
        choice = re.search(r"<any\(([^)]*)\):kind>", rule.rule)
        for kind in choice.group(1).replace('"', "").split(",") if choice else [""]:
            path = rule.rule.replace(choice.group(0) if choice else "", kind) if choice else rule.rule
            path = re.sub(r"<(?:any\([^)]*\):version|\w+:?\w*)>", "{}", path.replace('<any("2","3"):version>', "3"))
            templates |= {f"{method} {path}" for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    return {name: access_to(name) for name in templates if " /rest/" in name}


def _access_in(operation: dict[str, Any]) -> Access:
    schemes = operation.get("x-atlassian-oauth2-scopes") or [
        {"scopes": requirement["OAuth2"]} for requirement in operation["security"] if "OAuth2" in requirement
    ]
    choices = tuple(frozenset(scheme["scopes"]) for scheme in schemes)
    return Access(tuple(dict.fromkeys(choices)), is_anonymous={} in operation["security"])


def test_links_carry_the_address_of_the_request(person: TokenClient) -> None:
    gateway = person.with_scopes(*CLASSIC)
    for client in (person, gateway):
        issue = client.get("/rest/api/3/issue/APOL-1").json()
        assert issue["self"] == f"{client.root}/rest/api/3/issue/{issue['id']}"
        assert client.get(PROJECTS, maxResults=1).json()["nextPage"].startswith(f"{client.root}/rest/api/3/project")
        assert client.get("/rest/api/3/serverInfo").json()["baseUrl"] == person.site.base_url


def test_a_bad_token_is_refused_or_anonymous(person: TokenClient, site: Site, openapi: Path) -> None:
    bad = {"auth": (person.email, "expired")}
    answer = person.call("GET", PROJECTS, **bad)
    assert (answer.status_code, answer.headers["X-Seraph-LoginReason"]) == (401, "AUTHENTICATED_FAILED")
    site.options.anonymous_access = True
    answers = {
        PROJECTS: person.call("GET", PROJECTS, **bad),
        SEARCH: person.call("GET", SEARCH, params={"jql": "project = APOL"}, **bad),
    }
    for path, answer in answers.items():
        assert (answer.status_code, answer.headers["X-Seraph-LoginReason"]) == (200, "AUTHENTICATED_FAILED")
        assert "X-AACCOUNTID" not in answer.headers
        assert problems(openapi, f"GET {template_of(path)}", answer) == []
    assert (answers[PROJECTS].json()["values"], answers[SEARCH].json()["issues"]) == ([], [])
    assert person.call("GET", "/rest/api/3/field", **bad).status_code == 200
    assert person.call("GET", "/rest/api/3/issue/APOL-1", **bad).status_code == 404
    for path in ("/rest/api/3/myself", "/rest/api/3/worklog/updated", "/rest/agile/1.0/board"):
        assert person.call("GET", path, **bad).status_code == 401, path
    mine = person.call("GET", "/rest/api/3/mypermissions", params={"permissions": "BROWSE_PROJECTS"}, **bad)
    assert not mine.json()["permissions"]["BROWSE_PROJECTS"]["havePermission"]


def test_without_credentials_no_login_has_failed(person: TokenClient, site: Site) -> None:
    assert "X-Seraph-LoginReason" not in person.call("GET", PROJECTS, auth=None).headers
    site.options.anonymous_access = True
    answer = person.call("GET", PROJECTS, auth=None)
    assert (answer.status_code, answer.json()["values"]) == (200, [])
    assert "X-Seraph-LoginReason" not in answer.headers


def test_a_bearer_token_that_is_no_session_of_an_app(site: Site) -> None:
    answer = requests.get(site.base_url + PROJECTS, headers={"Authorization": "Bearer ATATT3x"}, timeout=5)
    assert (answer.status_code, answer.json()) == (403, {"error": "Failed to parse Connect Session Auth Token"})

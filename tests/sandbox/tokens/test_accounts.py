"""API tokens: each is an account of the site with that account's permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.tokens.document import problems

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Site
    from tests.sandbox.app_client import AppClient
    from tests.sandbox.tokens.token_client import TokenClient

MINE = "/rest/api/3/mypermissions"
SEARCH = "/rest/api/3/search/jql"


def permissions(client: AppClient | TokenClient, *names: str, **place: str) -> dict[str, bool]:
    answer = client.get(MINE, permissions=",".join(names), **place).json()["permissions"]
    return {name: entry["havePermission"] for name, entry in answer.items()}


def projects(client: AppClient | TokenClient) -> set[str]:
    return {project["key"] for project in client.get("/rest/api/3/project/search").json()["values"]}


def found_keys(client: AppClient | TokenClient, jql: str) -> set[str]:
    issues = client.get(SEARCH, jql=jql, fields="key", maxResults=5000).json()["issues"]
    return {issue["key"].split("-")[0] for issue in issues}


def test_a_token_is_an_account_of_the_site(person: TokenClient, administrator: TokenClient, openapi: Path) -> None:
    for client in (person, administrator):
        answer = client.get("/rest/api/3/myself")
        assert answer.json()["accountId"] == answer.headers["X-AACCOUNTID"] == client.account_id
        assert problems(openapi, "GET /rest/api/3/myself", answer) == []


def test_permissions_are_those_of_the_account(
    person: TokenClient, administrator: TokenClient, client: AppClient, openapi: Path
) -> None:
    names = ("ADMINISTER", "USER_PICKER", "BROWSE_PROJECTS", "VIEW_AGGREGATED_DATA")
    assert permissions(administrator, *names) == dict.fromkeys(names, True)
    assert permissions(person, *names) == permissions(client, *names) == dict.fromkeys(names, True) | {names[0]: False}
    answer = person.get(MINE, permissions=",".join(names))
    assert problems(openapi, "GET /rest/api/3/mypermissions", answer) == []
    assert person.get(MINE, permissions="NO_SUCH").status_code == 400
    assert person.get("/rest/api/3/auditing/record").status_code == 403
    assert administrator.get("/rest/api/3/auditing/record").status_code == 200


def test_a_project_that_an_account_may_not_browse_is_absent_everywhere(person: TokenClient, client: AppClient) -> None:
    every_key = projects(person)
    assert {"APOL"} < every_key
    person.withhold("BROWSE_PROJECTS:APOL")
    assert projects(person) == every_key - {"APOL"}
    assert projects(client) == every_key, "the app's own access is another"
    assert found_keys(person, "id > 1") == every_key - {"APOL"}
    assert found_keys(client, "id > 1") == every_key
    assert found_keys(person, "project = APOL") == set()
    counts = [
        caller.post("/rest/api/3/search/approximate-count", {"jql": "project = APOL"}).json()["count"]
        for caller in (person, client)
    ]
    assert counts[0] == 0 < counts[1]
    boards = person.get("/rest/agile/1.0/board").json()["values"]
    assert "APOL" not in {board["location"]["projectKey"] for board in boards}
    for path in ("issue/APOL-1", "issue/APOL-1/changelog", "project/APOL", "project/APOL/versions"):
        assert person.get(f"/rest/api/3/{path}").status_code == 404, path
    assert person.get(SEARCH, jql="key = APOL-1").status_code == 400
    assert permissions(person, "BROWSE_PROJECTS") == {"BROWSE_PROJECTS": True}
    assert person.get(MINE, permissions="BROWSE_PROJECTS", projectKey="APOL").status_code == 404


def test_an_account_without_any_project(person: TokenClient) -> None:
    person.withhold("BROWSE_PROJECTS")
    assert projects(person) == found_keys(person, "id > 1") == set()
    assert permissions(person, "BROWSE_PROJECTS", "EDIT_ISSUES") == {"BROWSE_PROJECTS": False, "EDIT_ISSUES": True}


def test_page_tokens_of_two_accounts_lead_through_their_own_issues(
    person: TokenClient, administrator: TokenClient
) -> None:
    person.withhold("BROWSE_PROJECTS:APOL")

    def walk(client: TokenClient) -> list[str]:
        ids: list[str] = []
        token: dict[str, str] = {}
        while True:
            body = client.get(SEARCH, jql="id > 1", maxResults=20, **token).json()
            ids += [issue["id"] for issue in body["issues"]]
            if body["isLast"]:
                return ids
            token = {"nextPageToken": body["nextPageToken"]}

    of_person, of_administrator = walk(person), walk(administrator)
    assert len(of_person) == len(set(of_person)) < len(of_administrator)
    assert set(of_person) < set(of_administrator)


def test_browse_users(person: TokenClient, openapi: Path, site: Site) -> None:
    answer = person.get("/rest/api/3/users/search", maxResults=1000)
    assert {user["accountId"] for user in answer.json()} == set(site.world.catalogue.users)
    assert problems(openapi, "GET /rest/api/3/users/search", answer) == []
    person.withhold("USER_PICKER")
    assert permissions(person, "USER_PICKER", "BROWSE_PROJECTS") == {"USER_PICKER": False, "BROWSE_PROJECTS": True}
    assert person.get("/rest/api/3/users/search").status_code == 403
    assert person.get("/rest/api/3/user", accountId=site.admin).status_code == 403
    assert person.get("/rest/api/3/user/search", query="a").json() == []
    assert person.get("/rest/api/3/user/bulk", accountId=site.admin).status_code == 200


def test_aggregated_data_of_one_project(person: TokenClient) -> None:
    person.withhold("VIEW_AGGREGATED_DATA:APOL")
    name = "VIEW_AGGREGATED_DATA"
    assert permissions(person, name, projectKey="APOL") == permissions(person, name, issueKey="APOL-1") == {name: False}
    assert permissions(person, name) == {name: True}, "in another project"
    person.withhold(name)
    assert permissions(person, name) == {name: False}


def test_permissions_of_others_are_for_administrators(person: TokenClient, administrator: TokenClient) -> None:
    body = {"globalPermissions": ["ADMINISTER"], "accountId": administrator.account_id}
    assert person.post("/rest/api/3/permissions/check", body).status_code == 403
    assert administrator.post("/rest/api/3/permissions/check", body).json()["globalPermissions"] == ["ADMINISTER"]
    apol = administrator.get("/rest/api/3/project/APOL").json()["id"]
    person.withhold("BROWSE_PROJECTS:APOL")
    own = person.post(
        "/rest/api/3/permissions/check",
        {"projectPermissions": [{"permissions": ["BROWSE_PROJECTS"], "projects": [int(apol)]}]},
    ).json()
    assert own["projectPermissions"] == [{"permission": "BROWSE_PROJECTS", "projects": [], "issues": []}]


@pytest.mark.parametrize("spelling", [str.upper, str.title])
def test_addresses_are_compared_without_case(person: TokenClient, spelling: type[str]) -> None:
    answer = person.call("GET", "/rest/api/3/myself", auth=(spelling(person.email), person.token))
    assert answer.json()["accountId"] == person.account_id


def test_tokens_are_exempt_from_the_quota_but_not_from_bursts(
    person: TokenClient, client: AppClient, site: Site
) -> None:
    site.options.points_per_hour = 5
    statuses = [person.get(SEARCH, jql="id > 1", maxResults=10).status_code for _ in range(3)]
    assert statuses == [200, 200, 200]
    assert client.get("/rest/api/3/field").status_code == 200, "tokens spend none of the app's points"
    assert client.get(SEARCH, jql="id > 1", maxResults=10).status_code == 200
    assert client.get("/rest/api/3/field").headers["RateLimit-Reason"] == "jira-quota-global-based"
    site.options.burst_per_second = 1
    answers = [person.get("/rest/api/3/priority") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].headers["RateLimit-Reason"] == "jira-burst-based"


def test_each_token_has_units_of_its_own(
    person: TokenClient, administrator: TokenClient, client: AppClient, site: Site
) -> None:
    site.options.token_units_per_hour = 20
    headers = [person.get(SEARCH, jql="id > 1", maxResults=8).headers for _ in range(3)]
    assert [entry["X-RateLimit-Remaining"] for entry in headers] == ["20", "11", "2"]
    assert [entry["X-RateLimit-NearLimit"] for entry in headers] == ["false", "false", "true"]
    assert {entry["X-RateLimit-Limit"] for entry in headers} == {"20"}
    refusal = person.get("/rest/api/3/field")
    assert (refusal.status_code, refusal.headers["RateLimit-Reason"]) == (429, "jira-cost-based")
    assert refusal.headers["X-RateLimit-Remaining"] == "0"
    assert 0 < int(refusal.headers["Retry-After"]) <= 3600
    assert administrator.get("/rest/api/3/field").headers["X-RateLimit-Remaining"] == "20"
    assert "X-RateLimit-Limit" not in client.get("/rest/api/3/field").headers
    assert site.traffic.early_retries == 0

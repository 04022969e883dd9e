"""REST besides search: authentication, paging, endpoints closed to Connect, limits and faults."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import requests

from sandbox import Fault, Site
from sandbox.connect.query_hash import CONTEXT

if TYPE_CHECKING:
    from tests.sandbox.app_client import AppClient

PROJECTS = "/rest/api/3/project/search"


def status_with(client: AppClient, token: str, scheme: str = "JWT") -> int:
    return requests.get(
        client.site.base_url + PROJECTS, headers={"Authorization": f"{scheme} {token}"}, timeout=5
    ).status_code


def test_good_token(client: AppClient) -> None:
    assert status_with(client, client.token("GET", PROJECTS)) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"},
        {"qsh": CONTEXT},
        {"qsh": "0" * 64},
        {"qsh": None},
        {"exp": None},
        {"iat": None},
        {"exp": 1},
        {"exp": 2**40},
        {"iss": None},
    ],
    ids=str,
)
def test_bad_claims(client: AppClient, changes: dict[str, object]) -> None:
    assert status_with(client, client.token("GET", PROJECTS, **changes)) == 401


def test_other_defects(client: AppClient, site: Site) -> None:
    assert status_with(client, client.token("POST", PROJECTS)) == 401
    assert status_with(client, client.token("GET", PROJECTS, "a=1")) == 401
    assert status_with(client, client.token("GET", PROJECTS), "Bearer") == 401
    assert status_with(client, "x.y.z") == 401
    assert requests.get(site.base_url + PROJECTS, timeout=5).status_code == 401


def test_issuer_is_the_app_not_the_tenant(client: AppClient, site: Site) -> None:
    assert status_with(client, client.token("GET", PROJECTS, iss=site.client_key)) == 401


def test_long_lived_tokens_are_counted(client: AppClient, site: Site) -> None:
    assert status_with(client, client.token("GET", PROJECTS, exp=int(time.time()) + 900)) == 200
    assert site.traffic.long_lived_tokens == 1


def test_get_with_body(client: AppClient) -> None:
    assert client.call("GET", PROJECTS, data="x").status_code == 403


def test_state_matters(client: AppClient, site: Site) -> None:
    token = client.token("GET", PROJECTS)
    site.disable()
    assert status_with(client, token) == 401
    site.enable()
    assert status_with(client, token) == 200
    site.rotate_secret()
    assert status_with(client, token) == 401
    token = client.token("GET", PROJECTS)
    site.uninstall()
    assert status_with(client, token) == 401


def test_people_with_tokens(site: Site) -> None:
    site.options.change({"api_tokens": {"a@b.example": "t"}, "personal_tokens": ["pat"]})
    url = site.base_url + "/rest/api/3/users/search"
    assert requests.get(url, auth=("a@b.example", "t"), timeout=5).status_code == 200
    assert requests.get(url, auth=("a@b.example", "u"), timeout=5).status_code == 401
    assert requests.get(url, headers={"Authorization": "Bearer pat"}, timeout=5).status_code == 200


@pytest.mark.parametrize("path", ["users", "users/search", "statuses", "statuses/search", "field/search"])
def test_closed_to_apps(client: AppClient, path: str) -> None:
    assert client.get(f"/rest/api/3/{path}").status_code == 403


@pytest.mark.parametrize("path", ["issue/bulkfetch", "changelog/bulkfetch", "issue/APOL-1/changelog/list"])
def test_post_closed_to_reading_apps(client: AppClient, path: str) -> None:
    assert client.post(f"/rest/api/3/{path}", {"issueIdsOrKeys": ["APOL-1"]}).status_code == 403


def test_unknown_things(client: AppClient) -> None:
    for path in (
        "/rest/api/3/nope",
        "/rest/api/3/issue/NOPE-1",
        "/rest/api/3/project/NOPE",
        "/rest/agile/1.0/board/999",
        "/rest/agile/1.0/sprint/999",
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["errors"]) == (404, {})


def test_changelog_pages(client: AppClient, site: Site) -> None:
    issue = max(site.world.issues.values(), key=lambda issue: len(issue.histories))
    url = f"/rest/api/3/issue/{issue.id}/changelog"
    histories, start = [], 0
    while True:
        body = client.get(url, startAt=start, maxResults=1000).json()
        assert body["maxResults"] == 100
        histories += body["values"]
        start += len(body["values"])
        if body["isLast"]:
            break
        assert body["nextPage"].startswith(site.base_url)
    assert [history["id"] for history in histories] == [history["id"] for history in issue.histories]
    assert body["total"] == len(histories)


def test_comments_and_worklogs_have_their_own_names(client: AppClient, site: Site) -> None:
    issue = max(site.world.issues.values(), key=lambda issue: len(issue.comments))
    assert len(client.get(f"/rest/api/2/issue/{issue.key}/comment").json()["comments"]) == len(issue.comments)
    issue = max(site.world.issues.values(), key=lambda issue: len(issue.worklogs))
    body = client.get(f"/rest/api/2/issue/{issue.key}/worklog").json()
    assert (len(body["worklogs"]), body["total"], body["maxResults"]) == (
        len(issue.worklogs),
        len(issue.worklogs),
        5000,
    )
    ids = [int(worklog["id"]) for worklog in issue.worklogs][:3]
    assert len(client.post("/rest/api/3/worklog/list", {"ids": ids}).json()) == 3


def test_worklog_feed_is_complete_and_leaves_out_the_last_minute(client: AppClient, site: Site) -> None:
    fresh = site.mutate("add_worklog")["id"]
    deletion = site.mutate(
        "delete_worklog", issue=max(site.world.issues.values(), key=lambda issue: len(issue.worklogs)).id
    )["id"]
    truth = {str(entry["id"]) for issue in site.world.issues.values() for entry in issue.worklogs}

    def feed(kind: str) -> set[str]:
        ids, since = set(), 0
        while True:
            body = client.get(f"/rest/api/3/worklog/{kind}", since=since).json()
            ids |= {str(entry["worklogId"]) for entry in body["values"]}
            if body["lastPage"]:
                return ids
            since = body["until"]

    assert feed("updated") == truth - {fresh}
    assert feed("deleted") == set()
    site.options.worklog_feed_delay_s = -1
    assert feed("updated") == truth
    assert feed("deleted") == {deletion}


def test_boards_and_sprints(client: AppClient, site: Site) -> None:
    boards = client.get("/rest/agile/1.0/board").json()["values"]
    assert len(boards) == 4
    for board in boards:
        sprints = client.get(f"/rest/agile/1.0/board/{board['id']}/sprint")
        assert sprints.status_code == (200 if board["type"] == "scrum" else 400)
        configuration = client.get(f"/rest/agile/1.0/board/{board['id']}/configuration").json()
        assert ("subQuery" in configuration) == (board["type"] == "kanban")
        issues = client.get(f"/rest/agile/1.0/board/{board['id']}/issue", maxResults=10000, fields="summary").json()
        assert issues["maxResults"] == 5000
        assert issues["total"] == len(site.world.by_project[str(board["location"]["projectId"])])
    states = {value["state"] for value in client.get("/rest/agile/1.0/board/1/sprint").json()["values"]}
    assert states == {"future", "active", "closed"}


def test_users(client: AppClient, site: Site) -> None:
    ids = list(site.world.catalogue.users)
    body = client.get("/rest/api/3/user/bulk", accountId=ids).json()
    assert (len(body["values"]), body["total"], body["isLast"]) == (10, len(ids), False)
    assert client.get("/rest/api/3/user/search").status_code == 400
    assert all(user["active"] for user in client.get("/rest/api/3/user/search", query="a").json())
    assert client.get("/rest/api/3/user/email/bulk", accountId=ids[:2]).status_code == 400
    site.options.change({"email_approved": True})
    assert len(client.get("/rest/api/3/user/email/bulk", accountId=ids[:2]).json()) == 2
    assert client.get("/rest/api/3/myself").json()["accountType"] == "app"


def test_permissions(client: AppClient, site: Site) -> None:
    def check(**body: object) -> requests.Response:
        return client.post("/rest/api/3/permissions/check", {"globalPermissions": ["ADMINISTER"], **body})

    assert check(accountId=site.admin).json()["globalPermissions"] == ["ADMINISTER"]
    assert check(accountId=site.non_admin).json()["globalPermissions"] == []
    assert check().json()["globalPermissions"] == []
    assert check(accountId="nobody").status_code == 400
    assert client.get("/rest/api/3/mypermissions").status_code == 400
    assert client.get("/rest/api/3/mypermissions", permissions="BROWSE_PROJECTS", projectKey="APOL").json()[
        "permissions"
    ]["BROWSE_PROJECTS"]["havePermission"]
    assert client.get("/rest/api/3/auditing/record").status_code == 403


def test_burst_limit(client: AppClient, site: Site) -> None:
    site.options.burst_per_second = 2
    answers = [client.get(PROJECTS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["RateLimit-Reason"] == "jira-burst-based"
    assert answers[2].headers["Retry-After"] == "1"
    assert client.get("/rest/api/3/field").status_code == 200
    time.sleep(0.5)
    client.get(PROJECTS)
    assert site.traffic.early_retries == 1


def test_points(client: AppClient, site: Site) -> None:
    site.traffic.reset()
    client.get("/rest/api/3/issue/APOL-1")
    client.get("/rest/api/3/search/jql", jql="id > 1", maxResults=10)
    client.get("/rest/api/3/issue/APOL-1/changelog")
    assert site.traffic.points == 2 + 11 + 1
    site.options.points_per_hour = 1
    refusal = client.get(PROJECTS)
    assert (refusal.status_code, refusal.headers["RateLimit-Reason"]) == (429, "jira-quota-global-based")
    assert 0 < int(refusal.headers["Retry-After"]) <= 3600


def test_faults(client: AppClient, site: Site) -> None:
    site.options.fault_hook = lambda method, template, path: Fault("503", 7) if template.endswith("/field") else None  # noqa: ARG005
    answer = client.get("/rest/api/3/field")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    site.options.fault_hook = lambda *_: Fault("cut")
    with pytest.raises(requests.JSONDecodeError):
        client.get(PROJECTS).json()
    assert site.traffic.faults == {"503": 1, "cut": 1}

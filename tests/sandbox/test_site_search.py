"""search/jql: bounded queries, tokens, smaller pages with fields, truncation, JQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import Site
from sandbox.moments import DAY

if TYPE_CHECKING:
    from tests.sandbox.app_client import AppClient

SEARCH = "/rest/api/3/search/jql"


def walk(client: AppClient, **params: object) -> list[dict]:
    """Walk a query to its end and return the issues."""
    issues: list[dict] = []
    tokens = set()
    while True:
        body = client.get(SEARCH, **params).json()
        assert set(body) <= {"issues", "isLast", "nextPageToken"}
        issues += body["issues"]
        if body["isLast"]:
            assert "nextPageToken" not in body
            return issues
        assert body["nextPageToken"] not in tokens
        tokens.add(body["nextPageToken"])
        params["nextPageToken"] = body["nextPageToken"]


def test_walk_returns_each_issue_once(client: AppClient, site: Site) -> None:
    issues = walk(client, jql="created > -3650d ORDER BY created ASC, key ASC", maxResults=37)
    assert [issue["id"] for issue in issues] == sorted((issue.id for issue in site.world.searchable()), key=int)


def test_default_is_id_only(client: AppClient) -> None:
    assert client.get(SEARCH, jql="project = APOL", maxResults=1).json()["issues"][0].keys() == {"id"}


def test_pages_shrink_when_fields_are_asked(client: AppClient) -> None:
    query = "id > 1"
    assert len(client.get(SEARCH, jql=query, maxResults=5000).json()["issues"]) == 150
    assert len(client.get(SEARCH, jql=query, maxResults=5000, fields="summary").json()["issues"]) == 100


@pytest.mark.parametrize("size", [0, -1, 5001, "x"])
def test_page_size_out_of_range(client: AppClient, size: object) -> None:
    assert client.get(SEARCH, jql="id > 1", maxResults=size).status_code == 400


def test_token_is_bound_to_query_and_fields_but_not_to_size(client: AppClient) -> None:
    token = client.get(SEARCH, jql="id > 1", maxResults=5).json()["nextPageToken"]
    assert client.get(SEARCH, jql="id > 1", maxResults=9, nextPageToken=token).status_code == 200
    for wrong in ({"jql": "id > 2"}, {"jql": "id > 1", "fields": "summary"}, {"jql": "id > 1", "expand": "changelog"}):
        refusal = client.get(SEARCH, maxResults=5, nextPageToken=token, **wrong)
        assert refusal.status_code == 400
        assert refusal.json() == {
            "errorMessages": ["The provided nextPageToken is invalid or has expired."],
            "errors": {},
        }


def test_bad_token_is_reported_before_page_size(client: AppClient) -> None:
    body = client.get(SEARCH, jql="id > 1", maxResults=0, nextPageToken="bad").json()
    assert "nextPageToken" in body["errorMessages"][0]


def test_token_expires_after_seven_days(client: AppClient, site: Site) -> None:
    token = client.get(SEARCH, jql="id > 1", maxResults=5).json()["nextPageToken"]
    clock = site.clock
    site.search.tokens._clock = lambda: clock() + 7 * DAY + 1
    assert client.get(SEARCH, jql="id > 1", maxResults=5, nextPageToken=token).status_code == 400


def test_walk_survives_changes(client: AppClient, site: Site) -> None:
    params = {"jql": "project = APOL ORDER BY created ASC, key ASC", "maxResults": 10}
    first = client.get(SEARCH, **params).json()
    site.mutate("delete_issue", issue=first["issues"][-1]["id"])
    site.mutate("create_issue", project="APOL")
    remaining_issues = walk(client, **params, nextPageToken=first["nextPageToken"])
    ids = [issue["id"] for issue in first["issues"] + remaining_issues]
    assert len(ids) == len(set(ids))
    assert {issue.id for issue in site.world.searchable([site.world.project("APOL")["id"]])} <= set(ids)


def test_inline_children_are_cut_and_say_so(client: AppClient, site: Site) -> None:
    for issue in walk(client, jql="id > 1", fields="*all", expand="changelog"):
        truth = site.world.issues[issue["id"]]
        changelog, comments, worklogs = issue["changelog"], issue["fields"]["comment"], issue["fields"]["worklog"]
        assert (changelog["total"], comments["total"], worklogs["total"]) == (
            len(truth.histories),
            len(truth.comments),
            len(truth.worklogs),
        )
        assert len(changelog["histories"]) == min(40, changelog["total"])
        assert [history["id"] for history in changelog["histories"]] == [
            history["id"] for history in truth.histories[::-1][:40]
        ]
        assert (len(comments["comments"]), len(worklogs["worklogs"])) == (
            min(20, comments["total"]),
            min(20, worklogs["total"]),
        )
    assert max(len(issue.histories) for issue in site.world.issues.values()) > 40
    assert max(len(issue.comments) for issue in site.world.issues.values()) > 20
    assert max(len(issue.worklogs) for issue in site.world.issues.values()) > 20


def test_version_3_has_documents_and_version_2_text(client: AppClient, site: Site) -> None:
    issue = next(issue for issue in site.world.issues.values() if issue.comments and issue.fields["description"])
    path = f"/rest/api/{{}}/issue/{issue.key}"
    old, new = client.get(path.format(2)).json()["fields"], client.get(path.format(3)).json()["fields"]
    assert isinstance(old["description"], str)
    assert isinstance(old["comment"]["comments"][0]["body"], str)
    assert new["description"]["type"] == new["comment"]["comments"][0]["body"]["type"] == "doc"


@pytest.mark.parametrize(
    "jql",
    [
        "",
        "ORDER BY created",
        "foo = 1",
        'project = "A',
        "project",
        "project ==",
        "project = A B",
        "created > never",
        "status > 3",
        "project = f()",
    ],
)
def test_bad_queries(client: AppClient, jql: str) -> None:
    answer = client.get(SEARCH, jql=jql)
    if jql == "project":  # a bare word is a text search
        assert answer.status_code == 200
    else:
        assert answer.status_code == 400
        assert answer.json()["errors"] == {}


def test_eight_order_fields(client: AppClient) -> None:
    order = ", ".join(["created"] * 8)
    assert client.get(SEARCH, jql=f"id > 1 ORDER BY {order}").json()["errorMessages"] == [
        "JQL can be ordered by at most 7 fields."
    ]


def test_unknown_project_is_an_empty_page(client: AppClient) -> None:
    assert client.get(SEARCH, jql="project = NOPE").json() == {"issues": [], "isLast": True}


def test_post_is_strict(client: AppClient) -> None:
    assert client.post(SEARCH, {"jql": "id > 1", "fields": ["summary"]}).status_code == 200
    refusal = client.post(SEARCH, {"jql": "id > 1", "startAt": 0})
    assert (refusal.status_code, refusal.json()["errorMessages"][0]) == (
        400,
        "Invalid request payload. Refer to the REST API documentation and try again.",
    )
    assert client.post(SEARCH, {"jql": "id > 1", "maxResults": None}).status_code == 400
    wrong = client.call("POST", SEARCH, data="jql", headers={"Content-Type": "text/plain"})
    assert (wrong.status_code, wrong.headers["Content-Type"]) == (415, "application/problem+json")
    put_answer = client.call("PUT", SEARCH, json={})
    assert (put_answer.status_code, put_answer.headers["Allow"]) == (405, "POST, GET")


def test_reconcile_takes_fifty(client: AppClient) -> None:
    assert client.post(SEARCH, {"jql": "id > 1", "reconcileIssues": list(range(50))}).status_code == 200
    assert client.post(SEARCH, {"jql": "id > 1", "reconcileIssues": list(range(51))}).status_code == 400


def test_dates_are_read_in_the_users_zone_and_epochs_are_not(site: Site) -> None:
    issue = next(site.world.searchable())
    text = issue.fields["updated"]
    assert (
        site.search.count(f"id = {issue.id} AND updated >= {issue.updated_ms} AND updated <= {issue.updated_ms}") == 1
    )
    assert site.search.count(f'id = {issue.id} AND updated >= "{text[:10]} {text[11:16]}"') == 1
    assert site.search.count(f'id = {issue.id} AND updated < "{text[:10]} {text[11:16]}"') == 0


def test_a_site_may_lie_at_the_date_line() -> None:
    at = 1_800_000_000_000  # 2027-01-15T08:00Z
    site = Site(dataset="seeded", seed=3, issues=30, projects=2, timezone="Pacific/Tongatapu", clock=lambda: at)
    issue = site.world.issues[site.mutate("update_issue")["issue_id"]]
    assert issue.fields["updated"] == "2027-01-15T21:00:00.000+1300"
    assert site.search.count(f"updated >= {at}") == 1
    assert site.search.count('updated >= "2027-01-15 21:00"') == 1
    assert site.search.count('updated >= "2027-01-15 21:01"') == 0


def test_operators_agree_with_the_truth(site: Site) -> None:
    issues = list(site.world.searchable())
    assigned_issues = [issue for issue in issues if issue.fields["assignee"]]
    assignee = assigned_issues[0].fields["assignee"]["accountId"]
    expected_counts = {
        "assignee IS EMPTY": len(issues) - len(assigned_issues),
        f'assignee = "{assignee}"': sum(issue.fields["assignee"]["accountId"] == assignee for issue in assigned_issues),
        f'assignee != "{assignee}"': sum(
            issue.fields["assignee"]["accountId"] != assignee for issue in assigned_issues
        ),
        'status in (Done, "In Progress") OR labels = perf': sum(
            issue.fields["status"]["name"] in {"Done", "In Progress"} or "perf" in issue.fields["labels"]
            for issue in issues
        ),
        "NOT (statusCategory = Done)": sum(
            issue.fields["status"]["statusCategory"]["key"] != "done" for issue in issues
        ),
        "issuetype not in (Bug, 10000)": sum(
            issue.fields["issuetype"]["name"] not in {"Bug", "Epic"} for issue in issues
        ),
        "key in (APOL-1, APOL-2)": 2,
    }
    assert {jql: site.search.count(jql) for jql in expected_counts} == expected_counts


def test_count(client: AppClient) -> None:
    assert client.post("/rest/api/3/search/approximate-count", {"jql": "id > 1"}).json() == {"count": 150}
    assert client.post("/rest/api/3/search/approximate-count", {"jql": ""}).status_code == 400


def test_old_search_is_gone(client: AppClient) -> None:
    for version in (2, 3):
        answer = client.get(f"/rest/api/{version}/search", jql="id > 1")
        assert answer.status_code == 410
        assert "has been removed. Please migrate to the" in answer.json()["errorMessages"][0]

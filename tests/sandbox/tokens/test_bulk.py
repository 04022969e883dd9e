"""Bulk reads by token: limits, order, absences, failures, and schemas of Atlassian's document."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.moments import parse_ms
from tests.sandbox.tokens.document import operations, problems

if TYPE_CHECKING:
    from pathlib import Path

    import requests

    from sandbox import Site
    from tests.sandbox.app_client import AppClient
    from tests.sandbox.tokens.token_client import TokenClient

FETCH, CHANGELOGS = "/rest/api/3/issue/bulkfetch", "/rest/api/3/changelog/bulkfetch"


def fetch(client: TokenClient, ids: list[str], **body: object) -> requests.Response:
    return client.post(FETCH, {"issueIdsOrKeys": ids, **body})


def numbers(count: int) -> list[str]:
    """Ids, most of them of no issue."""
    return [str(number) for number in range(10_000, 10_000 + count)]


def histories_of(client: TokenClient, ids: list[str], **body: object) -> list[list[tuple[str, str, int]]]:
    """Issue, history and time of every history, by page."""
    pages: list[list[tuple[str, str, int]]] = []
    token: dict[str, str] = {}
    while True:
        answer = client.post(CHANGELOGS, {"issueIdsOrKeys": ids, **body, **token})
        assert answer.status_code == 200, answer.text
        pages.append(
            [
                (entry["issueId"], history["id"], parse_ms(history["created"]))
                for entry in answer.json()["issueChangeLogs"]
                for history in entry["changeHistories"]
            ]
        )
        if "nextPageToken" not in answer.json():
            return pages
        token = {"nextPageToken": answer.json()["nextPageToken"]}


def test_both_are_closed_to_a_reading_app(client: AppClient, openapi: Path) -> None:
    for path, scope in ((FETCH, "WRITE"), (CHANGELOGS, "INACCESSIBLE")):
        assert operations(openapi)[f"POST {path}"]["x-atlassian-connect-scope"] == scope
        assert client.post(path, {"issueIdsOrKeys": ["APOL-1"]}).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fields": ["*all"], "expand": ["changelog", "names", "schema"]},
        {"fields": ["summary", "-description"], "properties": ["p"], "fieldsByKeys": True},
    ],
    ids=str,
)
def test_issues_fit_the_document(person: TokenClient, site: Site, openapi: Path, body: dict[str, Any]) -> None:
    answer = fetch(person, [*site.world.issues][:100], **body)
    assert len(answer.json()["issues"]) == 100
    assert problems(openapi, f"POST {FETCH}", answer) == []
    assert ("names" in answer.json()) == ("names" in body.get("expand", []))


def test_issues_come_by_id_without_those_that_are_not_there(person: TokenClient, site: Site) -> None:
    new_key = site.mutate("move_issue", issue=site.world.find("APOL-3").id, project="BORE")["key"]
    hidden_id = site.mutate("hide_issue", issue=site.world.find("APOL-4").id)["id"]
    answer = fetch(person, ["APOL-2", "apol-1", "APOL-3", hidden_id, "NO-1", "1", "APOL-1"], fields=["summary"]).json()
    ids = [int(issue["id"]) for issue in answer["issues"]]
    assert ids == sorted(ids)
    assert {issue["key"] for issue in answer["issues"]} == {"APOL-1", "APOL-2", new_key}
    assert answer["issueErrors"] == []
    person.withhold("BROWSE_PROJECTS:APOL")
    keys = [issue["key"] for issue in fetch(person, ["APOL-1", "APOL-2", new_key]).json()["issues"]]
    assert keys == [new_key]


def test_fields_are_lists_and_navigable_by_default(person: TokenClient, site: Site) -> None:
    issue_id = next(iter(site.world.issues))
    assert {"comment", "worklog"}.isdisjoint(fetch(person, [issue_id]).json()["issues"][0]["fields"])
    for fields in (["summary", "status"], ["summary,status"]):
        (issue,) = fetch(person, [issue_id], fields=fields).json()["issues"]
        assert set(issue["fields"]) == {"summary", "status"}


def test_inline_histories_are_the_newest(person: TokenClient, site: Site) -> None:
    issue = max(site.world.issues.values(), key=lambda issue: len(issue.histories))
    (body,) = fetch(person, [issue.id], expand=["changelog"]).json()["issues"]
    assert body["changelog"]["total"] == len(issue.histories) > 40
    assert [history["id"] for history in body["changelog"]["histories"]] == [
        history["id"] for history in issue.histories[::-1][:40]
    ]


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        ({"fields": ["summary"]}, 1000),
        ({"fields": ["summary"], "expand": ["names"]}, 1000),
        ({"fields": [f"customfield_{number}" for number in range(100)]}, 1000),
        ({"fields": [f"customfield_{number}" for number in range(101)]}, 100),
        ({"fields": ["summary"], "expand": ["changelog"]}, 100),
        ({"fields": ["summary"], "expand": ["renderedFields"]}, 100),
        ({"fields": ["summary", "comment"]}, 100),
        ({"fields": ["summary,worklog"]}, 100),
        ({"fields": ["*all"]}, 100),
        ({"fields": ["*navigable"]}, 100),
        ({"fields": ["-summary"]}, 100),
        ({}, 100),
    ],
    ids=lambda value: str(value)[:60],
)
def test_the_limit_depends_on_the_fields(person: TokenClient, site: Site, body: dict[str, Any], limit: int) -> None:
    assert fetch(person, numbers(limit), **body).status_code == 200
    assert fetch(person, numbers(limit + 1), **body).status_code == 400
    site.options.most_fetched = 100
    assert fetch(person, numbers(101), **body).status_code == 400, "before October 2026"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"issueIdsOrKeys": []},
        {"issueIdsOrKeys": None},
        {"issueIdsOrKeys": "10000"},
        {"issueIdsOrKeys": [10000]},
        {"issueIdsOrKeys": ["10000"], "fields": "summary"},
        {"issueIdsOrKeys": ["10000"], "expand": "changelog"},
        {"issueIdsOrKeys": ["10000"], "expand": ["comments"]},
        {"issueIdsOrKeys": ["10000"], "properties": list("abcdef")},
        {"issueIdsOrKeys": ["10000"], "fieldsByKeys": "true"},
        {"issueIdsOrKeys": ["10000"], "maxResults": 1},
    ],
    ids=str,
)
def test_bad_requests_for_issues(person: TokenClient, openapi: Path, body: dict[str, Any]) -> None:
    answer = person.post(FETCH, body)
    assert answer.status_code == 400
    assert answer.json()["errorMessages"]
    assert problems(openapi, f"POST {FETCH}", answer) == []


def test_issues_that_fail_for_now_are_named(person: TokenClient, site: Site, openapi: Path) -> None:
    first, second = [*site.world.issues][:2]
    site.options.unfetchable = (first,)
    answer = fetch(person, [first, second])
    assert [issue["id"] for issue in answer.json()["issues"]] == [second]
    assert [error["id"] for error in answer.json()["issueErrors"]] == [first]
    assert problems(openapi, f"POST {FETCH}", answer) == []


def test_histories_come_by_date_and_issue(person: TokenClient, site: Site, openapi: Path) -> None:
    ids = [*site.world.issues]
    (page,) = histories_of(person, ids, maxResults=10_000)
    issues = site.world.issues.values()
    assert {history for _, history, _ in page} == {entry["id"] for issue in issues for entry in issue.histories}
    assert {(issue, history) for issue, history, _ in page} == {
        (issue.id, entry["id"]) for issue in issues for entry in issue.histories
    }
    answer = person.post(CHANGELOGS, {"issueIdsOrKeys": ids, "maxResults": 50})
    assert problems(openapi, f"POST {CHANGELOGS}", answer) == []


def test_histories_of_an_issue_span_pages(person: TokenClient, site: Site) -> None:
    ids = [*site.world.issues][:40]
    pages = histories_of(person, ids, maxResults=70)
    assert [len(page) for page in pages[:-1]] == [70] * (len(pages) - 1)
    assert len(pages[-1]) <= 70
    for before, after in itertools.pairwise(pages):
        assert max(moment for *_, moment in before) <= min(moment for *_, moment in after)
    histories = [history for page in pages for _, history, _ in page]
    assert len(histories) == len(set(histories)) == sum(len(site.world.issues[key].histories) for key in ids)
    assert any({issue for issue, *_ in page} & {issue for issue, *_ in pages[0]} for page in pages[1:])


def test_a_page_token_survives_changes_of_the_site(person: TokenClient, site: Site) -> None:
    ids = [*site.world.issues][:40]
    request: dict[str, Any] = {"issueIdsOrKeys": ids, "maxResults": 70}
    first = person.post(CHANGELOGS, request).json()
    present = {history["id"] for entry in first["issueChangeLogs"] for history in entry["changeHistories"]}
    site.mutate("delete_issue", issue=first["issueChangeLogs"][0]["issueId"])
    while "nextPageToken" in first:
        first = person.post(CHANGELOGS, {**request, "nextPageToken": first["nextPageToken"]}).json()
        present |= {history["id"] for entry in first["issueChangeLogs"] for history in entry["changeHistories"]}
    issues = [site.world.issues[key] for key in ids if key in site.world.issues]
    assert {entry["id"] for issue in issues for entry in issue.histories} <= present


def test_histories_of_some_fields(person: TokenClient, site: Site) -> None:
    ids = [*site.world.issues]
    (page,) = histories_of(person, ids, maxResults=10_000, fieldIds=["status", "assignee"])
    field_ids = {"status", "assignee"}
    assert {history for _, history, _ in page} == {
        entry["id"]
        for issue in site.world.issues.values()
        for entry in issue.histories
        if field_ids & {item.get("fieldId") for item in entry["items"]}
    }


@pytest.mark.parametrize(("dates", "kind", "factor"), [("seconds", int, 1000), ("milliseconds", int, 1)])
def test_histories_have_had_other_dates(
    person: TokenClient, site: Site, openapi: Path, dates: str, kind: type, factor: int
) -> None:
    issue = max(site.world.issues.values(), key=lambda issue: len(issue.histories))
    site.options.change({"changelog_dates": dates})
    answer = person.post(CHANGELOGS, {"issueIdsOrKeys": [issue.key]})
    (entry,) = answer.json()["issueChangeLogs"]
    times = [history["created"] for history in entry["changeHistories"]]
    assert {type(time) for time in times} == {kind}
    assert problems(openapi, f"POST {CHANGELOGS}", answer), "unlike the document's schema"
    assert times == [parse_ms(history["created"]) // factor for history in issue.histories]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"issueIdsOrKeys": []},
        {"issueIdsOrKeys": numbers(1001)},
        {"issueIdsOrKeys": [10000]},
        {"issueIdsOrKeys": ["10000"], "fieldIds": [f"f{number}" for number in range(11)]},
        {"issueIdsOrKeys": ["10000"], "fieldIds": ["status", "status"]},
        {"issueIdsOrKeys": ["10000"], "maxResults": 0},
        {"issueIdsOrKeys": ["10000"], "maxResults": 10_001},
        {"issueIdsOrKeys": ["10000"], "maxResults": "100"},
        {"issueIdsOrKeys": ["10000"], "maxResults": None},
        {"issueIdsOrKeys": ["10000"], "nextPageToken": "100"},
        {"issueIdsOrKeys": ["10000"], "nextPageToken": 100},
        {"issueIdsOrKeys": ["10000"], "startAt": 0},
    ],
    ids=lambda body: str(body)[:70],
)
def test_bad_requests_for_histories(person: TokenClient, body: dict[str, Any]) -> None:
    answer = person.post(CHANGELOGS, body)
    assert answer.status_code == 400
    assert answer.json()["errorMessages"]


def test_a_page_token_belongs_to_its_request(person: TokenClient, site: Site) -> None:
    ids = [*site.world.issues]
    token = person.post(CHANGELOGS, {"issueIdsOrKeys": ids, "maxResults": 5}).json()["nextPageToken"]
    assert person.post(CHANGELOGS, {"issueIdsOrKeys": ids[1:], "nextPageToken": token}).status_code == 400
    answer = person.post(CHANGELOGS, {"issueIdsOrKeys": ids, "maxResults": 7, "nextPageToken": token})
    assert answer.status_code == 200


def test_both_take_the_scope_of_issues(person: TokenClient) -> None:
    for path in (FETCH, CHANGELOGS):
        body = {"issueIdsOrKeys": ["APOL-1"]}
        assert person.with_scopes("read:jira-work").post(path, body).status_code == 200
        assert person.with_scopes("read:jira-user").post(path, body).status_code == 401

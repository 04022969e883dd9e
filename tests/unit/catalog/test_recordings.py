"""Every fact in `recordings/expected` comes out of the recorded payloads; nothing between Jira's answer and the row."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from app.catalog.extract import extract
from app.catalog.registry import entity
from tests.unit.catalog.recorded import SITE, assert_all, rows_of, said, taken, top_ups_of, written

if TYPE_CHECKING:
    from app.catalog.extract import Row, TopUp
    from tests.unit.catalog.recorded import Recordings

_AGILE = "cloud/rest/agile/1.0"
_V2 = "cloud/rest/api/2"
_V3 = "cloud/rest/api/3"


def test_issues(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    columns = {
        "issue_id": "id",
        "issue_key": "key",
        "project_id": "project_id",
        "project_key": "project_key",
        "type": "issue_type_name",
        "subtask": "is_subtask",
        "status_name": "status_name",
        "status_category": "status_category",
        "created": "created",
        "updated": "updated",
        "resolutiondate": "resolved",
        "story_points": "story_points",
        "epic_key": "epic_key",
        "parent_id": "parent_id",
        "parent_key": "parent_key",
        "assignee_account_id": "assignee_id",
        "creator_account_id": "creator_id",
        "priority_name": "priority_name",
        "changelog_total": "changelog_total",
        "comment_total": "comment_total",
    }
    expected, rows = recordings.expected("issues"), rows_of("issue", cloud)
    assert set(expected[0]) - set(columns) == {"lead_time_minutes"}
    assert {line["issue_id"] for line in expected} == set(rows)
    assert_all(expected, rows, columns, "issue_id")


def test_lead_times(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    rows = rows_of("issue", cloud)
    for line in recordings.expected("issues"):
        created, resolved = (rows[line["issue_id"]].values[name] for name in ("created", "resolved"))
        minutes = ""
        if isinstance(created, datetime) and isinstance(resolved, datetime):
            minutes = str(int((resolved - created).total_seconds() // 60))
        assert minutes == line["lead_time_minutes"]


def test_search_pages_give_the_same_issues_as_boards(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    pages = [f"project-EE.page-{page}" for page in (1, 2, 3)] + ["project-K5.page-1"]
    found = [
        each for page in pages for each in taken("issue", recordings.items(f"{_V2}/search/jql/{page}.json", "issues"))
    ]
    searched, boarded = rows_of("issue", found), rows_of("issue", cloud)
    assert set(searched) == set(boarded)
    assert {known: row.values for known, row in searched.items()} == {
        known: row.values for known, row in boarded.items()
    }


def test_labels(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    expected = {(line["issue_id"], line["label"]) for line in recordings.expected("issue_labels")}
    labels = {known: row.values["labels"] for known, row in rows_of("issue", cloud).items()}
    assert {(known, label) for known, each in labels.items() if isinstance(each, list) for label in each} == expected


def test_sprint_issues(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    """The file knows board 8 alone: board 93's two issues in sprint 175 are not in it."""
    expected = {(line["sprint_id"], line["issue_id"]) for line in recordings.expected("sprint_issues")}
    sprints = {
        known: row.values["sprint_ids"]
        for known, row in rows_of("issue", cloud).items()
        if row.values["project_key"] == "EE"
    }
    assert {(each, known) for known, ids in sprints.items() if isinstance(ids, list) for each in ids} == expected


def test_issue_keeps_the_category_that_it_carries(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    """Some issues say `new` of a status whose own category is `done`."""
    status = rows_of("status", taken("status", recordings.items(f"{_V2}/status.json", "")))["10068"]
    issue = rows_of("issue", cloud)["10063"]
    assert issue.values["status_id"] == "10068"
    assert (issue.values["status_category"], status.values["category_key"]) == ("new", "done")


def _items(rows: dict[str, Row]) -> list[tuple[str, ...]]:
    """Every item of every history, as the CSV files write them."""
    names = ("field", "field_id", "field_type", "from", "to", "from_string", "to_string")
    found = []
    for row in rows.values():
        items = said(row)["items"]
        assert isinstance(items, list)
        head = (row.id, *(written(row.values[name]) for name in ("issue_id", "author_id", "created")))
        found += [(*head, *(written(item[name]) for name in names)) for item in items]
    return found


def test_changelog_items_of_issues(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    """The file has one item a field where a history has several, so it is a part of what is here."""
    found = _items(rows_of("changelog", cloud))
    expected = [tuple(line.values()) for line in recordings.expected("changelog_items.issues")]
    assert len(expected) == 689
    assert set(expected) - set(found) == set()
    assert len(found) >= 714


def test_changelog_items_of_the_endpoint(recordings: Recordings) -> None:
    """Three histories, of another connection upstream, are recorded and not in the file."""
    found = [
        each
        for issue in ("13383", "13954", "13491")
        for each in taken("changelog", recordings.items(f"{_V3}/issue/{issue}/changelog.json", "values"), issue)
    ]
    rows = rows_of("changelog", found)
    expected = [tuple(line.values()) for line in recordings.expected("changelog_items.changelog_endpoint")]
    assert len(expected) == 281
    assert set(expected) - set(_items(rows)) == set()
    assert set(rows) - {line[0] for line in expected} == {"58007", "58807", "58989"}


def test_cut_off_changelogs_are_topped_up_and_tell_of_remote_links(recordings: Recordings) -> None:
    issues = recordings.items(f"{_V2}/search/jql/changelog-heavy.page-1.json", "issues")
    found = taken("issue", issues)
    heavy = ["13383", "13954", "13491"]
    assert sorted(top_ups_of("changelog", found)) == sorted(heavy)
    assert set(top_ups_of("remote_link", found)) <= set(heavy)
    assert len(top_ups_of("remote_link", found)) == len(set(top_ups_of("remote_link", found)))


def test_topped_up_histories_ask_for_the_issues_remote_links(recordings: Recordings) -> None:
    for issue in ("13383", "13954", "13491"):
        histories = recordings.items(f"{_V3}/issue/{issue}/changelog.json", "values")
        assert set(top_ups_of("remote_link", taken("changelog", histories, issue))) <= {issue}


def test_issues_with_recorded_commits_are_asked_for_them(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    linked = {issue for issue, _ in recordings.per_issue(f"{_V2}/issue", "remotelink", "")}
    assert linked & set(rows_of("issue", cloud)) <= set(top_ups_of("remote_link", cloud))


def test_oddities_that_were_recorded(recordings: Recordings) -> None:
    issues = recordings.items(f"{_AGILE}/board/8/issue.json", "issues")
    rows = {row.values["key"]: row for row in (extract(entity("issue"), body, SITE) for body in issues)}
    assert "\x00" not in str(rows["EE-4"].values["summary"])
    assert str(rows["EE-1"].values["summary"]).startswith("\u200b")
    assert rows["EE-1"].values["story_points"] == -1.0
    assert str(rows["EE-1"].values["due"]) == "2025-03-09"

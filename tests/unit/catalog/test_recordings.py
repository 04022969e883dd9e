"""Every fact in `recordings/expected` is extracted from the recorded payloads."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from app.catalog.extract import extract
from app.catalog.registry import entity
from tests.unit.catalog.recorded import COLUMNS, SITE, assert_all, items_of, parts_of, rows_of, top_ups_of

if TYPE_CHECKING:
    from app.catalog.extract import Row, TopUp
    from tests.unit.catalog.recorded import Recordings

_AGILE = "cloud/rest/agile/1.0"
_V2 = "cloud/rest/api/2"
_V3 = "cloud/rest/api/3"


def test_issues(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    lines, rows = recordings.expected("issues"), rows_of("issue", cloud)
    assert set(lines[0]) - set(COLUMNS["issues"]) == {"lead_time_minutes"}
    assert {line["issue_id"] for line in lines} == set(rows)
    assert_all("issues", lines, rows)


def test_lead_times(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    rows = rows_of("issue", cloud)
    for line in recordings.expected("issues"):
        start, end = (rows[line["issue_id"]].values[name] for name in ("created", "resolved"))
        minutes = ""
        if isinstance(start, datetime) and isinstance(end, datetime):
            minutes = str(int((end - start).total_seconds() // 60))
        assert minutes == line["lead_time_minutes"]


def test_search_pages_give_the_same_issues_as_boards(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    pages = [f"project-EE.page-{page}" for page in (1, 2, 3)] + ["project-K5.page-1"]
    parts = [
        part
        for page in pages
        for part in parts_of("issue", recordings.items(f"{_V2}/search/jql/{page}.json", "issues"))
    ]
    rows_of_search, rows_of_boards = rows_of("issue", parts), rows_of("issue", cloud)
    assert set(rows_of_search) == set(rows_of_boards)
    assert {issue_id: row.values for issue_id, row in rows_of_search.items()} == {
        issue_id: row.values for issue_id, row in rows_of_boards.items()
    }


def test_labels(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    pairs = {(line["issue_id"], line["label"]) for line in recordings.expected("issue_labels")}
    labels = {issue_id: row.values["labels"] for issue_id, row in rows_of("issue", cloud).items()}
    assert {
        (issue_id, label) for issue_id, texts in labels.items() if isinstance(texts, list) for label in texts
    } == pairs


def test_sprint_issues(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    """The file covers board 8 only: it lacks board 93's two issues in sprint 175."""
    pairs = {(line["sprint_id"], line["issue_id"]) for line in recordings.expected("sprint_issues")}
    sprints = {
        issue_id: row.values["sprint_ids"]
        for issue_id, row in rows_of("issue", cloud).items()
        if row.values["project_key"] == "EE"
    }
    assert {
        (sprint_id, issue_id) for issue_id, ids in sprints.items() if isinstance(ids, list) for sprint_id in ids
    } == pairs


def test_issue_keeps_the_category_that_it_carries(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    """Some issues show category `new` for a status with the category `done`."""
    status = rows_of("status", parts_of("status", recordings.items(f"{_V2}/status.json", "")))["10068"]
    issue = rows_of("issue", cloud)["10063"]
    assert issue.values["status_id"] == "10068"
    assert (issue.values["status_category"], status.values["category_key"]) == ("new", "done")


def test_changelog_items_of_issues(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    """The file has one item per field where a history has several, therefore it is a subset."""
    items_of_rows = items_of(rows_of("changelog", cloud))
    lines = [tuple(line.values()) for line in recordings.expected("changelog_items.issues")]
    assert len(lines) == 689
    assert set(lines) - set(items_of_rows) == set()
    assert len(items_of_rows) >= 714


def test_changelog_items_of_the_endpoint(recordings: Recordings) -> None:
    """Three recorded histories, of another connection upstream, are missing from the file."""
    parts = [
        part
        for issue in ("13383", "13954", "13491")
        for part in parts_of("changelog", recordings.items(f"{_V3}/issue/{issue}/changelog.json", "values"), issue)
    ]
    rows = rows_of("changelog", parts)
    lines = [tuple(line.values()) for line in recordings.expected("changelog_items.changelog_endpoint")]
    assert len(lines) == 281
    assert set(lines) - set(items_of(rows)) == set()
    assert set(rows) - {line[0] for line in lines} == {"58007", "58807", "58989"}


def test_cut_off_changelogs_are_topped_up_and_tell_of_remote_links(recordings: Recordings) -> None:
    issues = recordings.items(f"{_V2}/search/jql/changelog-heavy.page-1.json", "issues")
    parts = parts_of("issue", issues)
    heavy = ["13383", "13954", "13491"]
    assert sorted(top_ups_of("changelog", parts)) == sorted(heavy)
    assert set(top_ups_of("remote_link", parts)) <= set(heavy)
    assert len(top_ups_of("remote_link", parts)) == len(set(top_ups_of("remote_link", parts)))


def test_topped_up_histories_ask_for_the_issues_remote_links(recordings: Recordings) -> None:
    for issue in ("13383", "13954", "13491"):
        histories = recordings.items(f"{_V3}/issue/{issue}/changelog.json", "values")
        assert set(top_ups_of("remote_link", parts_of("changelog", histories, issue))) <= {issue}


def test_issues_with_recorded_commits_are_asked_for_them(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    linked_issues = {issue for issue, _ in recordings.per_issue(f"{_V2}/issue", "remotelink", "")}
    assert linked_issues & set(rows_of("issue", cloud)) <= set(top_ups_of("remote_link", cloud))


def test_oddities_that_were_recorded(recordings: Recordings) -> None:
    issues = recordings.items(f"{_AGILE}/board/8/issue.json", "issues")
    rows = {row.values["key"]: row for row in (extract(entity("issue"), body, SITE) for body in issues)}
    assert "\x00" not in str(rows["EE-4"].values["summary"])
    assert str(rows["EE-1"].values["summary"]).startswith("\u200b")
    assert rows["EE-1"].values["story_points"] == -1.0
    assert str(rows["EE-1"].values["due"]) == "2025-03-09"

"""Recorded facts of the other entities: sprints, statuses, people, worklogs, links, fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.catalog.extract import Page
from app.catalog.field_policy import FieldPolicy
from tests.unit.catalog.recorded import assert_all, extracted_parts, parts_of, rows_of, written

if TYPE_CHECKING:
    from app.catalog.extract import Row, TopUp
    from tests.unit.catalog.recorded import Recordings

_AGILE = "cloud/rest/agile/1.0"
_V2 = "cloud/rest/api/2"
_V3 = "cloud/rest/api/3"


def test_sprints(recordings: Recordings) -> None:
    rows = rows_of("sprint", parts_of("sprint", recordings.items(f"{_AGILE}/board/8/sprint.json", "values"), "8"))
    lines = recordings.expected("sprints")
    assert {line["sprint_id"] for line in lines} == set(rows)
    assert_all("sprints", lines, rows)


def test_boards(recordings: Recordings) -> None:
    rows = rows_of("board", parts_of("board", recordings.items(f"{_AGILE}/board.json", "values")))
    assert {sprint_id: row.values["project_id"] for sprint_id, row in rows.items()} == {"8": "10003", "93": "10050"}


def test_statuses(recordings: Recordings) -> None:
    rows = rows_of("status", parts_of("status", recordings.items(f"{_V2}/status.json", "")))
    lines = recordings.expected("statuses")
    assert len(rows) == 53
    assert {status_id for status_id, row in rows.items() if row.values["scope_project_id"] is None} == {
        line["status_id"] for line in lines
    }
    assert_all("statuses", lines, rows)


def test_issue_types(recordings: Recordings) -> None:
    rows = rows_of("issue_type", parts_of("issue_type", recordings.items(f"{_V3}/issuetype.json", "")))
    lines = recordings.expected("issue_types")
    assert {line["issue_type_id"] for line in lines} == set(rows)
    assert_all("issue_types", lines, rows)


def test_issue_types_keep_one_name_in_every_locale(recordings: Recordings) -> None:
    first, second = (
        rows_of("issue_type", parts_of("issue_type", recordings.items(f"{_V3}/{name}.json", "")))
        for name in ("issuetype", "issuetype.second-locale")
    )
    common = set(first) & set(second)
    assert common
    assert any(first[row_id].values["name"] != second[row_id].values["name"] for row_id in common)
    for row_id in common:
        assert first[row_id].values["untranslated_name"] == second[row_id].values["untranslated_name"]


@pytest.mark.parametrize(("path", "name"), [("project/search.json", "values"), ("project.json", "")])
def test_projects(recordings: Recordings, path: str, name: str) -> None:
    rows = rows_of("project", parts_of("project", recordings.items(f"{_V2}/{path}", name)))
    lines = recordings.expected("projects")
    assert {line["project_id"] for line in lines} == set(rows)
    assert_all("projects", lines, rows)


def test_users(recordings: Recordings) -> None:
    rows = rows_of("user", parts_of("user", recordings.items(f"{_V2}/users/search.json", "")))
    lines = recordings.expected("users")
    assert {line["account_id"] for line in lines} == set(rows)
    assert_all("users", lines, rows)


def test_users_embedded_in_issues_say_the_same_of_themselves(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    line_of = {line["account_id"]: line for line in recordings.expected("users")}
    rows = rows_of("user", cloud)
    assert len(rows.keys() & line_of) > 5
    for account in rows.keys() & line_of:
        assert rows[account].values["time_zone"] == line_of[account]["timezone"]
        assert rows[account].values["display_name"] == line_of[account]["display_name"]


def test_worklogs(recordings: Recordings) -> None:
    parts = [
        part
        for issue, body in recordings.per_issue(f"{_V2}/issue", "worklog", "worklogs")
        for part in parts_of("worklog", [body], issue)
    ]
    lines = recordings.expected("worklogs")
    assert {line["worklog_id"] for line in lines} == set(rows_of("worklog", parts))
    assert_all("worklogs", lines, rows_of("worklog", parts))


def test_remote_links(recordings: Recordings) -> None:
    parts = [
        part
        for issue, body in recordings.per_issue(f"{_V2}/issue", "remotelink", "")
        for part in parts_of("remote_link", [body], issue)
    ]
    lines = recordings.expected("remote_links")
    assert {line["remote_link_id"] for line in lines} == set(rows_of("remote_link", parts))
    assert_all("remote_links", lines, rows_of("remote_link", parts))


def test_comments_of_the_endpoint_are_those_that_came_inline(recordings: Recordings, cloud: list[Row | TopUp]) -> None:
    parts = [
        part
        for issue, body in recordings.per_issue(f"{_V2}/issue", "comment", "comments")
        for part in parts_of("comment", [body], issue)
    ]
    inline = rows_of("comment", cloud)
    assert {comment_id: row.values for comment_id, row in rows_of("comment", parts).items()} == {
        comment_id: row.values for comment_id, row in inline.items()
    }


def test_issue_links(recordings: Recordings) -> None:
    """The file names the other end of each issue's links; a row has both ends."""
    issues = recordings.items("dc/rest/agile/1.0/board/3/issue.json", "issues")
    parts = [part for body in issues for part in extracted_parts("issue", body, Page(FieldPolicy()))]
    ends = {
        tuple(
            written(row.values[name])
            for name in ("type_id", "type_name", "inward", "outward", "source_issue_id", "destination_issue_id")
        )
        for row in rows_of("issue_link", parts).values()
    }
    expected_ends = {
        (
            *(line[name] for name in ("type_id", "type_name", "inward", "outward")),
            line["inward_issue_id"] or line["issue_id"],
            line["outward_issue_id"] or line["issue_id"],
        )
        for line in recordings.expected("issue_links.dc")
    }
    assert ends == expected_ends


def test_both_ends_of_a_link_give_one_row(recordings: Recordings) -> None:
    values_of: dict[str, dict[str, object]] = {}
    twice = 0
    for body in recordings.items("dc/rest/agile/1.0/board/3/issue.json", "issues"):
        for link_id, row in rows_of("issue_link", extracted_parts("issue", body, Page(FieldPolicy()))).items():
            twice += link_id in values_of
            assert values_of.setdefault(link_id, row.values) == row.values
    assert twice == 5


def test_data_center_users_have_their_key_for_an_id(recordings: Recordings) -> None:
    issues = recordings.items("dc/rest/agile/1.0/board/3/issue.json", "issues")
    parts = [part for body in issues for part in extracted_parts("issue", body, Page(FieldPolicy()))]
    admin = rows_of("user", parts)["admin"]
    assert admin.values["email"] == "admin@acme.example"
    assert rows_of("issue", parts)["10802"].values["creator_id"] == "admin"


def test_fields_tell_where_the_site_keeps_its_points(recordings: Recordings) -> None:
    rows = rows_of("field", parts_of("field", recordings.items(f"{_V2}/field.json", "")))
    assert rows["customfield_10020"].values["schema_custom"] == "com.pyxis.greenhopper.jira:gh-sprint"
    assert rows["customfield_10024"].values["name"] == "Story Points"
    assert rows["summary"].values["is_custom"] is False
    assert rows_of("field", parts_of("field", recordings.items("dc/rest/api/2/field.json", "")))

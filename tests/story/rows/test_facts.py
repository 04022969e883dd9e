"""Every fact of the recorded sites lands in the tables: issues, dates, points, histories, worklogs, sprints and the rest."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox import SiteKey
    from tests.story.processes import RunningApp

from sandbox import Site as MakeSite
from sandbox import serve


class Tables:
    """Rows of one tenant, read by SQL as the owner."""

    def __init__(self, database_url: str, client_key: str, site_url: str) -> None:
        self.site_url = site_url
        self._connection = psycopg.connect(database_url, row_factory=dict_row)
        found = self._connection.execute(
            "SELECT tenant_id FROM installations WHERE client_key = %s", (client_key,)
        ).fetchone()
        assert found is not None
        self._tenant_id = found["tenant_id"]

    def close(self) -> None:
        self._connection.close()

    def rows(self, query: str) -> list[dict[str, Any]]:
        return list(self._connection.execute(query, {"tenant": self._tenant_id}))

    def by_id(self, entity: str) -> dict[str, dict[str, Any]]:
        rows = self.rows(f"SELECT * FROM jira_{entity} WHERE tenant_id = %(tenant)s AND deleted_at IS NULL")
        return {row["id"]: row for row in rows}


def ingested(app: RunningApp, key: SiteKey, database_url: str, **given: Any) -> Iterator[Tables]:
    site = MakeSite(app_url=app.url, key=key, **given)
    with serve(site):
        app.wait_until_verified(app.pair(site, f"facts {given['dataset']}"))
        tables = Tables(database_url, site.client_key, site.base_url)
        yield tables
        tables.close()


@pytest.fixture(scope="module")
def cloud(app: RunningApp, install_key: SiteKey, story_database_url: str, recordings: Path) -> Iterator[Tables]:
    """The recorded Cloud site, ingested by the running product."""
    yield from ingested(app, install_key, story_database_url, dataset="recordings", recordings=recordings)


@pytest.fixture(scope="module")
def data_center(app: RunningApp, install_key: SiteKey, story_database_url: str, recordings: Path) -> Iterator[Tables]:
    """The recorded Data Center project, served in Cloud's shape."""
    yield from ingested(app, install_key, story_database_url, dataset="recordings-dc", recordings=recordings)


@pytest.fixture(scope="module")
def expected(recordings: Path) -> Callable[[str], list[dict[str, str]]]:
    def read(name: str) -> list[dict[str, str]]:
        with (recordings / "expected" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert rows
        return rows

    return read


Expected = "Callable[[str], list[dict[str, str]]]"


def moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def test_issues(cloud: Tables, expected: Expected) -> None:
    stored = cloud.by_id("issue")
    for row in expected("issues"):
        found = stored[row["issue_id"]]
        assert {
            "issue_key": found["key"],
            "project_id": found["project_id"],
            "project_key": found["project_key"],
            "type": found["issue_type_name"],
            "subtask": str(int(found["is_subtask"])),
            "status_name": found["status_name"],
            "status_category": found["status_category"],
            "created": found["created"],
            "updated": found["updated"],
            "resolutiondate": found["resolved"],
            "story_points": found["story_points"],
            "epic_key": found["epic_key"] or "",
            "parent_id": found["parent_id"] or "",
            "parent_key": found["parent_key"] or "",
            "assignee_account_id": found["assignee_id"] or "",
            "creator_account_id": found["creator_id"] or "",
            "priority_name": found["priority_name"] or "",
            "changelog_total": str(found["changelog_total"]),
            "comment_total": str(found["comment_total"]),
        } == {name: value for name, value in row.items() if name not in {"issue_id", "lead_time_minutes"}} | {
            "created": moment(row["created"]),
            "updated": moment(row["updated"]),
            "resolutiondate": moment(row["resolutiondate"]),
            "story_points": float(row["story_points"]) if row["story_points"] else None,
        }
        if row["lead_time_minutes"]:
            minutes = int((found["resolved"] - found["created"]).total_seconds() // 60)
            assert minutes == int(row["lead_time_minutes"])


@pytest.mark.parametrize("name", ["changelog_items.issues", "changelog_items.changelog_endpoint"])
def test_changelog_items(cloud: Tables, expected: Expected, name: str) -> None:
    """`expected` keeps one item of a field a history; we keep all, so it is a subset."""
    items = cloud.rows(
        "SELECT h.id AS changelog_id, issue_id, author_id, created, item"
        " FROM jira_changelog h, jsonb_array_elements(items) item WHERE tenant_id = %(tenant)s"
    )
    names = ("field", "field_id", "field_type", "from", "to", "from_string", "to_string")
    stored = Counter(
        (
            row["changelog_id"],
            row["issue_id"],
            row["author_id"] or "",
            row["created"],
            *tuple((row["item"][each] or "").replace("\x00", "") for each in names),
        )
        for row in items
    )
    for row in expected(name):
        wanted = (row["changelog_id"], row["issue_id"], row["author_account_id"], moment(row["created"]))
        assert stored[wanted + tuple(row[each] for each in names)] >= 1, row


def test_worklogs(cloud: Tables, expected: Expected) -> None:
    stored = cloud.by_id("worklog")
    for row in expected("worklogs"):
        found = stored[row["worklog_id"]]
        assert (
            found["issue_id"],
            found["author_id"],
            found["update_author_id"],
            found["time_spent"],
            found["seconds"],
            found["started"],
            found["updated"],
        ) == (
            row["issue_id"],
            row["author_account_id"],
            row["update_author_account_id"],
            row["time_spent"],
            int(row["time_spent_seconds"]),
            moment(row["started"]),
            moment(row["updated"]),
        )


def test_sprints(cloud: Tables, expected: Expected) -> None:
    stored = cloud.by_id("sprint")
    for row in expected("sprints"):
        found = stored[row["sprint_id"]]
        assert (found["state"], found["name"], str(found["origin_board_id"])) == (
            row["state"],
            row["name"],
            row["origin_board_id"],
        )
        assert [found[each] for each in ("start", "end", "complete")] == [
            moment(row[f"{each}_date"]) for each in ("start", "end", "complete")
        ]


def test_sprint_and_board_membership(cloud: Tables, expected: Expected) -> None:
    issues = cloud.by_id("issue")
    for row in expected("sprint_issues"):
        assert row["sprint_id"] in issues[row["issue_id"]]["sprint_ids"]
    boards = {(each["board_id"], each["issue_id"]) for each in cloud.by_id("board_issue").values()}
    for row in expected("board_issues"):
        assert (row["board_id"], row["issue_id"]) in boards


def test_statuses_types_projects_and_labels(cloud: Tables, expected: Expected) -> None:
    statuses, types, projects, issues = (cloud.by_id(each) for each in ("status", "issue_type", "project", "issue"))
    for row in expected("statuses"):
        found = statuses[row["status_id"]]
        assert (found["name"], found["category_key"]) == (row["name"], row["status_category"])
    for row in expected("issue_types"):
        found = types[row["issue_type_id"]]
        assert (found["name"], found["untranslated_name"], int(found["is_subtask"]), str(found["hierarchy_level"])) == (
            row["name"],
            row["untranslated_name"],
            int(row["subtask"]),
            row["hierarchy_level"],
        )
    for row in expected("projects"):
        assert (projects[row["project_id"]]["key"], projects[row["project_id"]]["name"]) == (
            row["project_key"],
            row["name"],
        )
    for row in expected("issue_labels"):
        assert row["label"] in issues[row["issue_id"]]["labels"]


def test_users(cloud: Tables, expected: Expected) -> None:
    stored = cloud.by_id("user")
    for row in expected("users"):
        found = stored[row["account_id"]]
        assert (found["account_type"], found["display_name"], found["time_zone"]) == (
            row["account_type"],
            row["display_name"],
            row["timezone"],
        )


def test_remote_links(cloud: Tables, expected: Expected) -> None:
    stored = cloud.by_id("remote_link")
    for row in expected("remote_links"):
        found = stored[row["remote_link_id"]]
        url = row["url"].replace("https://acme.atlassian.net", cloud.site_url)  # the sandbox serves its own address
        assert (found["issue_id"], found["title"], found["url"]) == (row["issue_id"], row["title"], url)


def test_issue_links(data_center: Tables, expected: Expected) -> None:
    issues = data_center.by_id("issue")
    stored = {
        (link["type_id"], link["source_issue_id"], link["destination_issue_id"]): link
        for link in data_center.by_id("issue_link").values()
    }
    for row in expected("issue_links.dc"):
        ends = (
            (row["issue_id"], row["outward_issue_id"])
            if row["outward_issue_id"]
            else (row["inward_issue_id"], row["issue_id"])
        )
        found = stored[row["type_id"], *ends]
        assert (found["type_name"], found["inward"], found["outward"]) == (
            row["type_name"],
            row["inward"],
            row["outward"],
        )
        assert issues[row["issue_id"]]["key"] == row["issue_key"]


def test_two_sites_share_nothing(cloud: Tables, data_center: Tables) -> None:
    assert {row["project_key"] for row in cloud.by_id("issue").values()} & {
        row["project_key"] for row in data_center.by_id("issue").values()
    } == set()

"""Every fact of the recorded sites is in the tables: issues, dates, points, histories, worklogs, sprints and others."""

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
    """Rows of one tenant, read by SQL with the owner's rights."""

    def __init__(self, database_url: str, client_key: str, site_url: str) -> None:
        self.site_url = site_url
        self._connection = psycopg.connect(database_url, row_factory=dict_row)
        row = self._connection.execute(
            "SELECT tenant_id FROM installations WHERE client_key = %s", (client_key,)
        ).fetchone()
        assert row is not None
        self._tenant_id = row["tenant_id"]

    def close(self) -> None:
        self._connection.close()

    def rows(self, query: str) -> list[dict[str, Any]]:
        return list(self._connection.execute(query, {"tenant": self._tenant_id}))

    def by_id(self, entity: str) -> dict[str, dict[str, Any]]:
        rows = self.rows(f"SELECT * FROM jira_{entity} WHERE tenant_id = %(tenant)s AND deleted_at IS NULL")
        return {row["id"]: row for row in rows}


def ingested(app: RunningApp, key: SiteKey, database_url: str, **options: Any) -> Iterator[Tables]:
    site = MakeSite(app_url=app.url, key=key, **options)
    with serve(site):
        app.wait_until_verified(app.pair(site, f"facts {options['dataset']}"))
        tables = Tables(database_url, site.client_key, site.base_url)
        yield tables
        tables.close()


@pytest.fixture(scope="module")
def cloud(app: RunningApp, install_key: SiteKey, story_database_url: str, recordings: Path) -> Iterator[Tables]:
    """The recorded Cloud site, ingested by the product."""
    yield from ingested(app, install_key, story_database_url, dataset="recordings", recordings=recordings)


@pytest.fixture(scope="module")
def data_center(app: RunningApp, install_key: SiteKey, story_database_url: str, recordings: Path) -> Iterator[Tables]:
    """The recorded Data Center project, served in Cloud's format."""
    yield from ingested(app, install_key, story_database_url, dataset="recordings-dc", recordings=recordings)


@pytest.fixture(scope="module")
def facts(recordings: Path) -> Callable[[str], list[dict[str, str]]]:
    def read(name: str) -> list[dict[str, str]]:
        with (recordings / "expected" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert rows
        return rows

    return read


Facts = "Callable[[str], list[dict[str, str]]]"


def moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def test_issues(cloud: Tables, facts: Facts) -> None:
    stored_rows = cloud.by_id("issue")
    for row in facts("issues"):
        issue = stored_rows[row["issue_id"]]
        assert {
            "issue_key": issue["key"],
            "project_id": issue["project_id"],
            "project_key": issue["project_key"],
            "type": issue["issue_type_name"],
            "subtask": str(int(issue["is_subtask"])),
            "status_name": issue["status_name"],
            "status_category": issue["status_category"],
            "created": issue["created"],
            "updated": issue["updated"],
            "resolutiondate": issue["resolved"],
            "story_points": issue["story_points"],
            "epic_key": issue["epic_key"] or "",
            "parent_id": issue["parent_id"] or "",
            "parent_key": issue["parent_key"] or "",
            "assignee_account_id": issue["assignee_id"] or "",
            "creator_account_id": issue["creator_id"] or "",
            "priority_name": issue["priority_name"] or "",
            "changelog_total": str(issue["changelog_total"]),
            "comment_total": str(issue["comment_total"]),
        } == {name: value for name, value in row.items() if name not in {"issue_id", "lead_time_minutes"}} | {
            "created": moment(row["created"]),
            "updated": moment(row["updated"]),
            "resolutiondate": moment(row["resolutiondate"]),
            "story_points": float(row["story_points"]) if row["story_points"] else None,
        }
        if row["lead_time_minutes"]:
            minutes = int((issue["resolved"] - issue["created"]).total_seconds() // 60)
            assert minutes == int(row["lead_time_minutes"])


@pytest.mark.parametrize("name", ["changelog_items.issues", "changelog_items.changelog_endpoint"])
def test_changelog_items(cloud: Tables, facts: Facts, name: str) -> None:
    """`expected` has one item per field and history; the tables have all of them."""
    items = cloud.rows(
        "SELECT h.id AS changelog_id, issue_id, author_id, created, item"
        " FROM jira_changelog h, jsonb_array_elements(items) item WHERE tenant_id = %(tenant)s"
    )
    names = ("field", "field_id", "field_type", "from", "to", "from_string", "to_string")
    counts = Counter(
        (
            row["changelog_id"],
            row["issue_id"],
            row["author_id"] or "",
            row["created"],
            *tuple((row["item"][name] or "").replace("\x00", "") for name in names),
        )
        for row in items
    )
    for row in facts(name):
        head = (row["changelog_id"], row["issue_id"], row["author_account_id"], moment(row["created"]))
        assert counts[head + tuple(row[name] for name in names)] >= 1, row


def test_worklogs(cloud: Tables, facts: Facts) -> None:
    stored_rows = cloud.by_id("worklog")
    for row in facts("worklogs"):
        worklog = stored_rows[row["worklog_id"]]
        assert (
            worklog["issue_id"],
            worklog["author_id"],
            worklog["update_author_id"],
            worklog["time_spent"],
            worklog["seconds"],
            worklog["started"],
            worklog["updated"],
        ) == (
            row["issue_id"],
            row["author_account_id"],
            row["update_author_account_id"],
            row["time_spent"],
            int(row["time_spent_seconds"]),
            moment(row["started"]),
            moment(row["updated"]),
        )


def test_sprints(cloud: Tables, facts: Facts) -> None:
    stored_rows = cloud.by_id("sprint")
    for row in facts("sprints"):
        sprint = stored_rows[row["sprint_id"]]
        assert (sprint["state"], sprint["name"], str(sprint["origin_board_id"])) == (
            row["state"],
            row["name"],
            row["origin_board_id"],
        )
        assert [sprint[name] for name in ("start", "end", "complete")] == [
            moment(row[f"{name}_date"]) for name in ("start", "end", "complete")
        ]


def test_sprint_and_board_membership(cloud: Tables, facts: Facts) -> None:
    issues = cloud.by_id("issue")
    for row in facts("sprint_issues"):
        assert row["sprint_id"] in issues[row["issue_id"]]["sprint_ids"]
    boards = {(membership["board_id"], membership["issue_id"]) for membership in cloud.by_id("board_issue").values()}
    for row in facts("board_issues"):
        assert (row["board_id"], row["issue_id"]) in boards


def test_statuses_types_projects_and_labels(cloud: Tables, facts: Facts) -> None:
    statuses, types, projects, issues = (cloud.by_id(entity) for entity in ("status", "issue_type", "project", "issue"))
    for row in facts("statuses"):
        issue_type = statuses[row["status_id"]]
        assert (issue_type["name"], issue_type["category_key"]) == (row["name"], row["status_category"])
    for row in facts("issue_types"):
        issue_type = types[row["issue_type_id"]]
        assert (
            issue_type["name"],
            issue_type["untranslated_name"],
            int(issue_type["is_subtask"]),
            str(issue_type["hierarchy_level"]),
        ) == (
            row["name"],
            row["untranslated_name"],
            int(row["subtask"]),
            row["hierarchy_level"],
        )
    for row in facts("projects"):
        assert (projects[row["project_id"]]["key"], projects[row["project_id"]]["name"]) == (
            row["project_key"],
            row["name"],
        )
    for row in facts("issue_labels"):
        assert row["label"] in issues[row["issue_id"]]["labels"]


def test_users(cloud: Tables, facts: Facts) -> None:
    stored_rows = cloud.by_id("user")
    for row in facts("users"):
        user = stored_rows[row["account_id"]]
        assert (user["account_type"], user["display_name"], user["time_zone"]) == (
            row["account_type"],
            row["display_name"],
            row["timezone"],
        )


def test_remote_links(cloud: Tables, facts: Facts) -> None:
    stored_rows = cloud.by_id("remote_link")
    for row in facts("remote_links"):
        link = stored_rows[row["remote_link_id"]]
        url = row["url"].replace("https://acme.atlassian.net", cloud.site_url)  # the sandbox serves its own address
        assert (link["issue_id"], link["title"], link["url"]) == (row["issue_id"], row["title"], url)


def test_issue_links(data_center: Tables, facts: Facts) -> None:
    issues = data_center.by_id("issue")
    links = {
        (link["type_id"], link["source_issue_id"], link["destination_issue_id"]): link
        for link in data_center.by_id("issue_link").values()
    }
    for row in facts("issue_links.dc"):
        ends = (
            (row["issue_id"], row["outward_issue_id"])
            if row["outward_issue_id"]
            else (row["inward_issue_id"], row["issue_id"])
        )
        link = links[row["type_id"], *ends]
        assert (link["type_name"], link["inward"], link["outward"]) == (
            row["type_name"],
            row["inward"],
            row["outward"],
        )
        assert issues[row["issue_id"]]["key"] == row["issue_key"]


def test_two_sites_share_nothing(cloud: Tables, data_center: Tables) -> None:
    # A linked issue of a project out of sight is a stub, on either site.
    cloud_keys, data_center_keys = (
        {row["project_key"] for row in tables.by_id("issue").values() if not row["is_stub"]}
        for tables in (cloud, data_center)
    )
    assert cloud_keys & data_center_keys == set()

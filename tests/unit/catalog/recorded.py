"""Recorded payloads and the expected result of their ingest."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from typing import TYPE_CHECKING

from app.catalog.extract import Page, Row, TopUp, extract_all
from app.catalog.field_policy import FieldPolicy
from app.catalog.language import Kind
from app.catalog.registry import entity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from app.catalog.json_value import Json

SITE = FieldPolicy(story_points=("customfield_10024",), sprint=("customfield_10020",), epic=("customfield_10014",))
"""The recorded Cloud site's own field ids, from its `field.json`."""

COLUMNS = {
    "issues": {
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
    },
    "sprints": {
        "sprint_id": "id",
        "state": "state",
        "name": "name",
        "start_date": "start",
        "end_date": "end",
        "complete_date": "complete",
        "origin_board_id": "origin_board_id",
    },
    "statuses": {"status_id": "id", "name": "name", "status_category": "category_key"},
    "issue_types": {
        "issue_type_id": "id",
        "name": "name",
        "untranslated_name": "untranslated_name",
        "subtask": "is_subtask",
        "hierarchy_level": "hierarchy_level",
    },
    "projects": {"project_id": "id", "project_key": "key", "name": "name"},
    "users": {
        "account_id": "id",
        "account_type": "account_type",
        "display_name": "display_name",
        "timezone": "time_zone",
    },
    "worklogs": {
        "worklog_id": "id",
        "issue_id": "issue_id",
        "author_account_id": "author_id",
        "update_author_account_id": "update_author_id",
        "time_spent": "time_spent",
        "time_spent_seconds": "seconds",
        "started": "started",
        "updated": "updated",
    },
    "remote_links": {"remote_link_id": "id", "issue_id": "issue_id", "title": "title", "url": "url"},
}
"""Columns of the tables in `expected`, by heading; `id` is the row's own id. The first heading is the key."""


class Recordings:
    """The folder of recordings: bodies by URL path, expectations by name."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def body(self, path: str) -> Json:
        """Jira's recorded answer at a path below the folder."""
        body: Json = json.loads((self.root / path).read_text("utf-8"))
        return body

    def items(self, path: str, name: str) -> list[Json]:
        """The objects of a page. With an empty name the page is the list."""
        body = self.body(path)
        items_of_body = body[name] if name and isinstance(body, dict) else body
        assert isinstance(items_of_body, list)
        return items_of_body

    def per_issue(self, below: str, name: str, items: str) -> Iterator[tuple[str, Json]]:
        """Every object of a per-issue list, with the issue's id."""
        for path in sorted((self.root / below).glob(f"*/{name}.json")):
            for body in self.items(str(path.relative_to(self.root)), items):
                yield path.parent.name, body

    def expected(self, name: str) -> list[dict[str, str]]:
        """The expected lines of one table; empty text means absent."""
        with (self.root / "expected" / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))


def extracted_parts(name: str, body: Json, page: Page, parent_id: str | None = None) -> list[Row | TopUp]:
    """The parts extracted from one object."""
    extract_all(entity(name), body, page, parent_id)
    return [*page.rows, *page.top_ups]


def parts_of(name: str, bodies: Iterable[Json], parent_id: str | None = None) -> list[Row | TopUp]:
    """The parts extracted from objects of one entity; none of them has a fault."""
    parts = [part for body in bodies for part in extracted_parts(name, body, Page(SITE), parent_id)]
    assert [part.faults for part in parts if isinstance(part, Row) and part.faults] == []
    return parts


def rows_of(name: str, parts: Iterable[Row | TopUp]) -> dict[str, Row]:
    """The rows of one entity by id; later rows replace earlier ones."""
    return {part.id: part for part in parts if isinstance(part, Row) and part.entity.name == name}


def top_ups_of(name: str, parts: Iterable[Row | TopUp]) -> list[str]:
    """The parents for which an entity must be walked."""
    return [part.parent_id for part in parts if isinstance(part, TopUp) and part.entity.name == name]


def said(row: Row) -> dict[str, object]:
    """A row's values with parsed JSON."""
    kinds = {column.name: column.kind for column in row.entity.columns}
    return {
        name: json.loads(str(value)) if kinds[name] is Kind.JSON and value is not None else value
        for name, value in row.values.items()
    }


def written(value: object) -> str:
    """A value in the format of the CSV files."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, float):
        return f"{value:g}"
    return str(int(value)) if isinstance(value, bool) else str(value)


def _facts(row: Row, columns: dict[str, str]) -> dict[str, str]:
    """A row's values under the headings of the CSV file; `id` is the row's own."""
    return {heading: written(row.id if column == "id" else row.values[column]) for heading, column in columns.items()}


def assert_all(table: str, lines: list[dict[str, str]], rows: dict[str, Row]) -> None:
    """Compare lines of a table in `expected` with the rows of the same ids."""
    columns = COLUMNS[table]
    key = next(iter(columns))
    assert lines
    assert [{name: line[name] for name in columns} for line in lines] == [
        _facts(rows[line[key]], columns) for line in lines
    ]


def items_of(rows: dict[str, Row]) -> list[tuple[str, ...]]:
    """Every item of every history in the format of the CSV files."""
    names = ("field", "field_id", "field_type", "from", "to", "from_string", "to_string")
    items_of_rows = []
    for row in rows.values():
        items = said(row)["items"]
        assert isinstance(items, list)
        head = (row.id, *(written(row.values[name]) for name in ("issue_id", "author_id", "created")))
        items_of_rows += [(*head, *(written(item[name]) for name in names)) for item in items]
    return items_of_rows

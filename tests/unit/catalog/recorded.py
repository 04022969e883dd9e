"""Recorded payloads and what a correct ingest makes of them."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from typing import TYPE_CHECKING

from app.catalog.extract import Page, Row, TopUp, extract_all
from app.catalog.language import Fields, Kind
from app.catalog.registry import entity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from app.catalog.json_value import Json

SITE = Fields(story_points=("customfield_10024",), sprint="customfield_10020", epic_link="customfield_10014")
"""The recorded Cloud site's own field ids, as its `field.json` tells."""


class Recordings:
    """The folder of recordings: bodies by URL path, expectations by name."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def body(self, path: str) -> Json:
        """What Jira answered at a path below the folder."""
        found: Json = json.loads((self.root / path).read_text("utf-8"))
        return found

    def items(self, path: str, name: str) -> list[Json]:
        """The objects of a page; an empty name: the page is the list."""
        body = self.body(path)
        found = body[name] if name and isinstance(body, dict) else body
        assert isinstance(found, list)
        return found

    def per_issue(self, below: str, name: str, items: str) -> Iterator[tuple[str, Json]]:
        """Every object of a list that Jira serves issue by issue, with the issue's id."""
        for path in sorted((self.root / below).glob(f"*/{name}.json")):
            for body in self.items(str(path.relative_to(self.root)), items):
                yield path.parent.name, body

    def expected(self, name: str) -> list[dict[str, str]]:
        """The facts of one table; empty text means absent."""
        with (self.root / "expected" / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))


def everything(name: str, body: Json, page: Page, parent_id: str | None = None) -> list[Row | TopUp]:
    """What one object brings, by itself."""
    extract_all(entity(name), body, page, parent_id)
    return [*page.rows, *page.top_ups]


def taken(name: str, bodies: Iterable[Json], parent_id: str | None = None) -> list[Row | TopUp]:
    """All that objects of one entity give."""
    return [found for body in bodies for found in everything(name, body, Page(SITE), parent_id)]


def rows_of(name: str, found: Iterable[Row | TopUp]) -> dict[str, Row]:
    """The rows of one entity by id; a later sighting of an object replaces an earlier one."""
    return {each.id: each for each in found if isinstance(each, Row) and each.entity.name == name}


def top_ups_of(name: str, found: Iterable[Row | TopUp]) -> list[str]:
    """The parents that an entity must be walked for."""
    return [each.parent_id for each in found if isinstance(each, TopUp) and each.entity.name == name]


def said(row: Row) -> dict[str, object]:
    """A row's values, its JSON read."""
    kinds = {column.name: column.kind for column in row.entity.columns}
    return {
        name: json.loads(str(value)) if kinds[name] is Kind.JSON and value is not None else value
        for name, value in row.values.items()
    }


def written(value: object) -> str:
    """A value as the CSV files write it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, float):
        return f"{value:g}"
    return str(int(value)) if isinstance(value, bool) else str(value)


def _facts(row: Row, columns: dict[str, str]) -> dict[str, str]:
    """A row's values under the CSV's names; `id` is the row's own."""
    return {theirs: written(row.id if ours == "id" else row.values[ours]) for theirs, ours in columns.items()}


def assert_all(expected: list[dict[str, str]], rows: dict[str, Row], columns: dict[str, str], key: str) -> None:
    assert expected
    assert [{name: line[name] for name in columns} for line in expected] == [
        _facts(rows[line[key]], columns) for line in expected
    ]

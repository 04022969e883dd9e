"""Formats of the change feed: entity names, and rows as lines."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.catalog.field_policy import FieldPolicy
from app.catalog.registry import all_entities, entity
from app.errors import Malformed
from app.handoff import feed

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def test_no_name_stays_no_name() -> None:
    assert feed._names(()) == ()


def test_wanted_entities_are_taken_once_each() -> None:
    assert feed._names(["issue", "sprint", "issue"]) == ("issue", "sprint")


@pytest.mark.parametrize("names", [["issues"], ["issue", "x"], [""], ["Issue"], ["tenants"], ["jira_issue"]])
def test_an_unknown_entity_is_malformed_and_the_known_ones_are_told(names: list[str]) -> None:
    with pytest.raises(Malformed, match="changelog"):
        feed._names(names)


@pytest.mark.parametrize(
    ("value", "json_value"),
    [
        (MOMENT, "2026-01-02T03:04:05.678Z"),
        (date(2026, 1, 2), "2026-01-02"),
        ("text", "text"),
        (7, 7),
        (1.5, 1.5),
        (True, True),
        (None, None),
        (["a", "b"], ["a", "b"]),
        ({"a": [1]}, {"a": [1]}),
    ],
)
def test_values_are_written_as_json_carries_them(value: object, json_value: object) -> None:
    assert feed.plain(value) == json_value


def _row(name: str, **override: Any) -> dict[str, Any]:
    columns = {column.name: None for column in entity(name).columns}
    return {
        "tenant_id": "t",
        "id": "10001",
        "version": 9,
        "read_at": MOMENT,
        "deleted_at": None,
        "deleted_because": None,
        "is_stub": False,
        **columns,
        **override,
    }


def test_a_row_is_an_upsert_with_its_entitys_columns_and_no_others() -> None:
    line = feed._line(entity("issue"), _row("issue", created=MOMENT, key="A-1"), FieldPolicy())  # type: ignore[arg-type]
    assert {name: line[name] for name in ("entity", "id", "op", "version")} == {
        "entity": "issue",
        "id": "10001",
        "op": "upsert",
        "version": 9,
    }
    assert list(line["data"]) == [*(column.name for column in entity("issue").columns), "is_stub"]
    assert (line["data"]["created"], line["data"]["key"]) == ("2026-01-02T03:04:05.678Z", "A-1")


def test_a_tombstone_is_a_delete_without_the_rows_content() -> None:
    row = _row("comment", deleted_at=MOMENT, deleted_because="deleted", body_text="personal")
    line = feed._line(entity("comment"), row, FieldPolicy())  # type: ignore[arg-type]
    assert line["op"] == "delete"
    assert line["data"] == {"deleted_at": "2026-01-02T03:04:05.678Z", "reason": "deleted"}


@pytest.mark.parametrize("name", all_entities())
def test_every_entitys_row_can_be_written(name: str) -> None:
    assert json.dumps(feed._line(entity(name), _row(name), FieldPolicy()))  # type: ignore[arg-type]

"""Every declaration's worked example is its golden test, and the declarations fit together."""

from __future__ import annotations

from datetime import UTC, date, datetime
from string import Formatter

import pytest

from app.catalog.extract import extract
from app.catalog.language import Each, Entity, Kind, Paging
from app.catalog.registry import all_entities, children_of, entity, walked
from tests.unit.catalog.recorded import said

_ENTITIES = [pytest.param(found, id=name) for name, found in all_entities().items()]
_FEED = {
    *("issue", "changelog", "comment", "worklog", "issue_link", "remote_link", "attachment", "sprint", "board"),
    *("project", "component", "version", "status", "issue_type", "priority", "resolution", "field", "user"),
}
_PLACEHOLDERS = {
    Each.SITE: set(),
    Each.BOARD: {"board_id"},
    Each.SCRUM_BOARD: {"board_id"},
    Each.ISSUE: {"issue_id"},
}


def _as_json(value: object) -> object:
    """A row's value as the feed writes it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.parametrize("found", _ENTITIES)
def test_example_becomes_its_row(found: Entity) -> None:
    example = found.example
    row = extract(found, example.body, example.fields, example.parent_id)
    assert {name: _as_json(value) for name, value in said(row).items()} == dict(example.row)


@pytest.mark.parametrize("found", _ENTITIES)
def test_example_shows_every_column_in_its_own_type(found: Entity) -> None:
    assert list(found.example.row) == [column.name for column in found.columns]
    types = {
        Kind.TEXT: str,
        Kind.TEXTS: list,
        Kind.INTEGER: int,
        Kind.NUMBER: float,
        Kind.BOOLEAN: bool,
        Kind.MOMENT: datetime,
        Kind.DATE: date,
    }
    row = extract(found, found.example.body, found.example.fields, found.example.parent_id)
    for column in found.columns:
        value = row.values[column.name]
        assert value is None or type(value) is types.get(column.kind, type(value)), column.name


@pytest.mark.parametrize("found", _ENTITIES)
def test_entity_names_only_what_exists(found: Entity) -> None:
    names = [column.name for column in found.columns]
    assert len(set(names)) == len(names)
    assert not {"id", "tenant_id", "read_at", "version", "deleted_at", "deleted_because"} & set(names)
    assert found.updated is None or found.updated in names
    assert found.belongs_to is None or f"{found.belongs_to}_id" in names
    assert found.belongs_to is None or found.belongs_to in all_entities()
    assert {place.parent for place in found.inline} <= set(all_entities())


@pytest.mark.parametrize("found", _ENTITIES)
def test_walk_asks_only_for_what_it_is_repeated_for(found: Entity) -> None:
    if found.walk is None:
        assert found.inline, "an entity must come from somewhere"
        return
    asked = {name for _, name, _, _ in Formatter().parse(found.walk.path) if name}
    assert asked <= _PLACEHOLDERS.get(found.walk.each, {"project_id"})
    assert found in walked(found.walk.each)
    assert found.walk.paging is not Paging.TOKEN or found.name == "issue"


@pytest.mark.parametrize("found", _ENTITIES)
def test_what_may_be_cut_off_can_be_walked(found: Entity) -> None:
    if any(place.total or place.hint for place in found.inline):
        assert found.walk is not None
        assert found.walk.each is Each.ISSUE
        assert found.belongs_to == "issue"


def test_feed_has_every_promised_entity() -> None:
    assert set(all_entities()) >= _FEED
    assert set(all_entities()) - _FEED == {"board_configuration", "board_issue"}


def test_feed_has_every_promised_name() -> None:
    columns = {name: {column.name for column in found.columns} for name, found in all_entities().items()}
    assert {"key", "created", "updated"} <= columns["issue"]
    assert "seconds" in columns["worklog"]
    for name, found in all_entities().items():
        assert found.belongs_to != "issue" or "issue_id" in columns[name]


def test_projects_are_asked_for_in_every_state() -> None:
    walk = entity("project").walk
    assert walk is not None
    assert walk.params["status"] == ("live", "archived", "deleted")


def test_users_arrive_wherever_somebody_is_named() -> None:
    places = {(place.parent, place.at) for place in entity("user").inline}
    assert {("issue", "fields.assignee"), ("changelog", "author"), ("comment", "updateAuthor")} <= places
    assert {("worklog", "updateAuthor"), ("attachment", "author"), ("project", "lead")} <= places
    assert entity("user").partial


def test_an_entity_is_a_key() -> None:
    assert {entity("issue"): 1}[entity("issue")] == 1
    assert entity("issue") != entity("comment")
    assert {child.name for child, _ in children_of("worklog")} == {"user"}

"""Every declaration's example is its golden test, and the declarations are consistent."""

from __future__ import annotations

from datetime import UTC, date, datetime
from string import Formatter

import pytest

from app.catalog.extract import extract
from app.catalog.language import Each, Entity, Kind, Paging
from app.catalog.registry import all_entities, children_of, entity, walked
from tests.unit.catalog.recorded import said

_ENTITIES = [pytest.param(entity, id=name) for name, entity in all_entities().items()]
_FEED = {
    *("issue", "changelog", "comment", "worklog", "issue_link", "remote_link", "attachment", "sprint", "board"),
    *("project", "component", "version", "status", "issue_type", "priority", "resolution", "field", "user"),
}
_BESIDES = {"board_configuration", "board_issue"}
"""Entities that reports by board need besides. `test_migrations` compares the whole set with the tables."""
_PLACEHOLDERS = {
    Each.SITE: set(),
    Each.BOARD: {"board_id"},
    Each.ISSUE: {"issue_id"},
}


def _as_json(value: object) -> object:
    """A row's value in the format of the feed."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.parametrize("entity", _ENTITIES)
def test_example_becomes_its_row(entity: Entity) -> None:
    example = entity.example
    row = extract(entity, example.body, example.policy, example.parent_id)
    assert {name: _as_json(value) for name, value in said(row).items()} == dict(example.row)


@pytest.mark.parametrize("entity", _ENTITIES)
def test_example_shows_every_column_in_its_own_type(entity: Entity) -> None:
    assert list(entity.example.row) == [column.name for column in entity.columns]
    types = {
        Kind.TEXT: str,
        Kind.TEXTS: list,
        Kind.INTEGER: int,
        Kind.NUMBER: float,
        Kind.BOOLEAN: bool,
        Kind.MOMENT: datetime,
        Kind.DATE: date,
    }
    row = extract(entity, entity.example.body, entity.example.policy, entity.example.parent_id)
    for column in entity.columns:
        value = row.values[column.name]
        assert value is None or type(value) is types.get(column.kind, type(value)), column.name


@pytest.mark.parametrize("entity", _ENTITIES)
def test_entity_names_only_what_exists(entity: Entity) -> None:
    names = [column.name for column in entity.columns]
    assert len(set(names)) == len(names)
    assert not {"id", "tenant_id", "read_at", "version", "deleted_at", "deleted_because"} & set(names)
    assert entity.updated is None or entity.updated in names
    assert entity.belongs_to is None or f"{entity.belongs_to}_id" in names
    assert entity.belongs_to is None or entity.belongs_to in all_entities()
    assert {place.parent for place in entity.inline} <= set(all_entities())


@pytest.mark.parametrize("entity", _ENTITIES)
def test_walk_asks_only_for_what_it_is_repeated_for(entity: Entity) -> None:
    if entity.walk is None:
        assert entity.inline, "an entity must come from somewhere"
        return
    placeholders = {name for _, name, _, _ in Formatter().parse(entity.walk.path) if name}
    assert placeholders <= _PLACEHOLDERS.get(entity.walk.each, {"project_id"})
    assert entity in walked(entity.walk.each)
    assert entity.walk.paging is not Paging.TOKEN or entity.name == "issue"


@pytest.mark.parametrize("entity", _ENTITIES)
def test_what_may_be_cut_off_can_be_walked(entity: Entity) -> None:
    if any(place.total or place.hint for place in entity.inline):
        assert entity.walk is not None
        assert entity.walk.each is Each.ISSUE
        assert entity.belongs_to == "issue"


def test_feed_has_every_promised_entity() -> None:
    assert set(all_entities()) >= _FEED | _BESIDES


def test_feed_has_every_promised_name() -> None:
    columns = {name: {column.name for column in declaration.columns} for name, declaration in all_entities().items()}
    assert {"key", "created", "updated"} <= columns["issue"]
    assert "seconds" in columns["worklog"]
    for name, declaration in all_entities().items():
        assert declaration.belongs_to != "issue" or "issue_id" in columns[name]


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

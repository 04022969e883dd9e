"""Adding an entity means adding one file; these rules check its completeness."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import pytest

from app.catalog.language import Column, Copy, Each, Entity, Inline, Paging, Upkeep, Walk
from app.catalog.registry import all_entities, children_of
from app.ingest.drift.stale_lists import LIST_AGES
from tests.architecture.source import ROOT, modules, tree_of

ENTITIES = [pytest.param(entity, id=name) for name, entity in all_entities().items()]


def test_a_file_is_an_entity_of_its_name() -> None:
    files = {path.stem for path in (ROOT / "app/catalog/entities").glob("*.py")} - {"__init__"}
    assert files == set(all_entities())


def test_every_entity_has_a_label_of_its_own() -> None:
    labels = [entity.label for entity in all_entities().values()]
    assert all(labels)
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("entity", ENTITIES)
def test_an_entity_has_an_example_with_a_body_and_every_column(entity: Entity) -> None:
    assert entity.example.body
    assert list(entity.example.row) == [column.name for column in entity.columns]


@pytest.mark.parametrize("entity", ENTITIES)
def test_an_entity_says_what_it_is(entity: Entity) -> None:
    source = (ROOT / Path("app/catalog/entities") / f"{entity.name}.py").read_text(encoding="utf-8")
    assert source.startswith('"""')


@pytest.mark.parametrize("entity", ENTITIES)
def test_an_entitys_events_are_named_once(entity: Entity) -> None:
    assert len(set(entity.webhooks)) == len(entity.webhooks)


@pytest.mark.parametrize("entity", ENTITIES)
def test_an_entity_is_in_a_refresh_schedule(entity: Entity) -> None:
    """A list of its own with an age, a walk over stored issues, or a mechanism that really reaches it."""
    if not isinstance(entity.refresh, Upkeep):
        assert entity.walk is not None
        assert entity.name in LIST_AGES or entity.walk.each is Each.STORED
    elif entity.refresh is Upkeep.PARENT:
        carriers = [parent for parent in all_entities() if entity in [child for child, _ in children_of(parent)]]
        assert carriers, "no object carries it"
    elif entity.refresh is Upkeep.POLL:
        assert entity.updated, "the poll compares its last change"


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_list_of_a_scope_names_the_column_of_its_scope(entity: Entity) -> None:
    if entity.walk is None or entity.walk.paging is Paging.TOKEN:
        return
    if entity.walk.each in {Each.PROJECT, Each.BOARD}:
        assert entity.walk.scope_column in [item.name for item in entity.columns]


_WITHOUT_ENTITY = {
    "issue.security_level_id": "no entity",
    "issue.team_id": "no entity: a team of Atlassian's",
    "issue_link.type_id": "no entity: links repeat the names of their type",
    "board_configuration.filter_id": "no entity: a filter's text is its owner's",
    "board_configuration.rank_field_id": "a field's number, not its id",
    "field.schema_custom_id": "the field's own number",
    "project.category_id": "no entity: projects repeat its name",
    "remote_link.global_id": "an id of another system",
    "status.category_id": "no entity: statuses repeat its names",
}
"""Columns of ids that lead to no row, with the reason."""


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_column_of_ids_declares_their_entity(entity: Entity) -> None:
    """Each id in a row leads to a row: of the object that embeds it, of the walk's scope, embedded beside it, or a stub."""
    for column in entity.columns:
        if not column.name.endswith(("_id", "_ids")):
            assert column.target is None, column.name
        elif f"{entity.name}.{column.name}" not in _WITHOUT_ENTITY:
            assert column.target in all_entities(), column.name
    names = {column.name for column in entity.columns}
    exceptions = [name.partition(".") for name in _WITHOUT_ENTITY]
    assert {column for name, _, column in exceptions if name == entity.name} <= names


@pytest.mark.parametrize("declaration", [Column, Walk, Inline, Copy, Entity])
def test_every_part_of_a_declaration_is_read_by_code(declaration: type) -> None:
    """A mark without a reader is a promise without effect; the golden tests read the examples."""
    attributes = {
        node.attr
        for path in modules("app", "workers")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    names = {field.name for field in dataclasses.fields(declaration)}
    assert names - attributes - {"example"} == set()

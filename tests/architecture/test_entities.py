"""Adding an entity means adding one file; these rules check its completeness."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.catalog.registry import all_entities
from tests.architecture.source import ROOT

if TYPE_CHECKING:
    from app.catalog.language import Entity

ENTITIES = [pytest.param(entity, id=name) for name, entity in all_entities().items()]


def test_a_file_is_an_entity_of_its_name() -> None:
    files = {path.stem for path in (ROOT / "app/catalog/entities").glob("*.py")} - {"__init__"}
    assert files == set(all_entities())


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

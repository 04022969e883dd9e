"""The registry of declared entities. To add an entity, add a file below `entities/`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import TYPE_CHECKING

from app.catalog import entities
from app.catalog.language import Each

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.catalog.language import Copy, Entity, Inline


@cache
def all_entities() -> Mapping[str, Entity]:
    """Every entity by name, in alphabetical order; each module below `entities/` declares one as `ENTITY`."""
    names = sorted(module.name for module in iter_modules(entities.__path__))
    declarations = (import_module(f"{entities.__name__}.{name}").ENTITY for name in names)
    return MappingProxyType({entity.name: entity for entity in declarations})


def entity(name: str) -> Entity:
    """The entity of that name. Raises KeyError."""
    return all_entities()[name]


@cache
def in_order() -> tuple[Entity, ...]:
    """Every entity in the order of pages."""
    return tuple(sorted(all_entities().values(), key=lambda candidate: (candidate.position, candidate.label)))


@cache
def children_of(parent: str) -> tuple[tuple[Entity, Inline], ...]:
    """The entities embedded in objects of `parent`, with their places."""
    candidates = all_entities().values()
    return tuple((child, place) for child in candidates for place in child.inline if place.parent == parent)


@cache
def copied_from(name: str) -> tuple[tuple[Entity, Copy], ...]:
    """The entities with copies of columns of `name`, with those copies."""
    return tuple((entity(copy.on), copy) for copy in entity(name).copies)


@cache
def copied_to(name: str) -> tuple[tuple[Entity, Copy], ...]:
    """The entities with columns copied to rows of `name`, with those copies."""
    return tuple((source, copy) for source in all_entities().values() for copy in source.copies if copy.on == name)


@cache
def walked(kind: Each) -> tuple[Entity, ...]:
    """The entities with a walk for each object of a kind."""
    return tuple(candidate for candidate in all_entities().values() if candidate.walk and candidate.walk.each is kind)


@cache
def repeated_for(owner: str) -> tuple[Entity, ...]:
    """The entities with lists of a project or of a board."""
    kinds = {"project": {Each.PROJECT}, "board": {Each.BOARD}}.get(owner, set())
    return tuple(entity for kind in sorted(kinds) for entity in walked(kind))


@cache
def stub_entities() -> tuple[Entity, ...]:
    """The entities that other entities' objects carry, in alphabetical order: their rows may be stubs."""
    columns = [column for candidate in all_entities().values() for column in candidate.columns]
    return tuple(
        entity(name) for name in sorted({column.target for column in columns if column.target and column.carried})
    )


@cache
def list_totals() -> Mapping[str, str]:
    """The issue's columns with Jira's own totals of lists, by the entity of the list."""
    return MappingProxyType(
        {candidate.name: candidate.total_column for candidate in all_entities().values() if candidate.total_column}
    )

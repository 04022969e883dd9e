"""Finds the declared entities; adding one is adding a file below `entities/`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import TYPE_CHECKING

from app.catalog import entities

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.catalog.language import Copy, Each, Entity, Inline


@cache
def all_entities() -> Mapping[str, Entity]:
    """Every entity by name, in alphabetical order; each module below `entities/` declares one as `ENTITY`."""
    names = sorted(module.name for module in iter_modules(entities.__path__))
    found = (import_module(f"{entities.__name__}.{name}").ENTITY for name in names)
    return MappingProxyType({entity.name: entity for entity in found})


def entity(name: str) -> Entity:
    """The entity of that name. Raises KeyError."""
    return all_entities()[name]


@cache
def children_of(parent: str) -> tuple[tuple[Entity, Inline], ...]:
    """The entities that arrive inside an object of `parent`, with the place each is found at."""
    every = all_entities().values()
    return tuple((child, place) for child in every for place in child.inline if place.parent == parent)


@cache
def copied_from(name: str) -> tuple[tuple[Entity, Copy], ...]:
    """The entities that repeat what rows of `name` say, with what they repeat."""
    return tuple((entity(copy.on), copy) for copy in entity(name).copies)


@cache
def copied_to(name: str) -> tuple[tuple[Entity, Copy], ...]:
    """The entities whose rows are repeated on rows of `name`, with what is repeated."""
    return tuple((each, copy) for each in all_entities().values() for copy in each.copies if copy.on == name)


@cache
def walked(each: Each) -> tuple[Entity, ...]:
    """The entities whose walk is repeated for `each`."""
    return tuple(found for found in all_entities().values() if found.walk and found.walk.each is each)


@cache
def list_totals() -> Mapping[str, str]:
    """Column of the issue with Jira's own total of a list, by the entity of the list."""
    return MappingProxyType({each.name: each.total_column for each in all_entities().values() if each.total_column})

"""Choices for the settings: the site's projects and fields, searched here, a page at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from app.catalog.registry import entity
from app.catalog.site_mapping import map_fields
from app.ingest.planning import field_policy
from app.integrations.settings import IntegrationSettings
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Row

    from app.integrations.model import Integration
    from app.store.session import Session

SAMPLE = 200
"""Newest issues that field values are taken from: all issues of a large site would take seconds."""
_EXAMPLES, _LONGEST = 3, 60
"""Example values of a field, and characters of each."""


@dataclass(frozen=True)
class Search:
    """A page (from 1) of what fits some text; an empty text fits everything."""

    text: str = ""
    page: int = 1
    page_size: int = 50


@dataclass(frozen=True)
class ProjectChoice:
    """A project in sight."""

    id: str
    key: str | None
    name: str | None
    is_archived: bool
    issues: int
    """Stored ones."""
    is_chosen: bool
    """By the settings; False for all where they choose none."""


@dataclass(frozen=True)
class FieldChoice:
    """A field of the site."""

    id: str
    name: str | None
    type: str | None
    """The custom type without its maker's prefix, or the type of the value."""
    is_custom: bool
    is_excluded: bool
    kind: str | None
    """The kind that it is mapped to."""
    holders: int | None
    """Issues of the sample with a value; None for fields of Jira's own."""
    examples: tuple[str, ...]


def projects(session: Session, integration: Integration, search: Search) -> tuple[list[ProjectChoice], int]:
    """A page of the projects by key, and the number of all that fit in key, name or id."""
    project, issue = table_of(entity("project")), table_of(entity("issue"))
    rows, total = _page(session, "project", ("key", "name"), search, project.c.key)
    ids = [row.id for row in rows]
    counts = select(issue.c.project_id, func.count().label("issues")).where(
        is_live(entity("issue")), issue.c.project_id.in_(ids)
    )
    issues = {row.project_id: row.issues for row in session.execute(counts.group_by(issue.c.project_id))} if ids else {}
    names = {*IntegrationSettings.model_validate(integration.settings).projects}
    choices = [
        ProjectChoice(
            row.id, row.key, row.name, bool(row.is_archived), issues.get(row.id, 0), bool({row.id, row.key} & names)
        )
        for row in rows
    ]
    return choices, total


def fields(session: Session, integration: Integration, search: Search) -> tuple[list[FieldChoice], int]:
    """A page of the fields by name, and the number of all that fit in a name or the id."""
    field = table_of(entity("field"))
    rows, total = _page(session, "field", ("name", "untranslated_name"), search, func.lower(field.c.name))
    settings = IntegrationSettings.model_validate(integration.settings)
    mapping = map_fields(field_policy.site_fields(session), settings.mapping(), settings.excluded_fields)
    kinds = {field_id: meaning.value for meaning, kind in mapping.items() for field_id in kind.fields}
    readable_ids = [row.id for row in rows if row.is_custom and row.id not in settings.excluded_fields]
    values = _values(session, readable_ids)
    choices = [
        FieldChoice(
            row.id,
            row.name,
            (row.schema_custom or row.schema_type or "").rpartition(":")[2] or None,
            bool(row.is_custom),
            row.id in settings.excluded_fields,
            kinds.get(row.id),
            len(values[row.id]) if row.id in values else None,
            tuple(dict.fromkeys(values.get(row.id, ())))[:_EXAMPLES],
        )
        for row in rows
    ]
    return choices, total


def _page(
    session: Session, name: str, texts: Sequence[str], search: Search, order: ColumnElement[Any]
) -> tuple[Sequence[Row[Any]], int]:
    table = table_of(entity(name))
    conditions = [is_live(entity(name))]
    if search.text:
        fits = (table.c[column].icontains(search.text, autoescape=True) for column in (*texts, "id"))
        conditions.append(or_(*fits))
    total = int(session.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one())
    query = select(table).where(*conditions).order_by(order, table.c.id)
    return session.execute(query.limit(search.page_size).offset((search.page - 1) * search.page_size)).all(), total


def _values(session: Session, field_ids: Sequence[str]) -> dict[str, list[str]]:
    """Values of custom fields in the sample, shortened, by field: one statement for all of them."""
    if not field_ids:
        return {}
    issue = table_of(entity("issue"))
    sample_ids = select(issue.c.id).where(is_live(entity("issue"))).order_by(issue.c.updated.desc()).limit(SAMPLE)
    # An empty object is added for an unpacked copy: packed values would be unpacked again for each field.
    copies = select(issue.c.custom.concat(cast({}, JSONB)).label("custom")).where(issue.c.id.in_(sample_ids))
    sample = copies.cte("sample").prefix_with("MATERIALIZED", dialect="postgresql")
    # A value is JSON of any length; its beginning is enough for an example.
    columns = [func.left(cast(sample.c.custom[field_id], Text), 20 * _LONGEST) for field_id in field_ids]
    rows = session.execute(select(*columns)).all()
    return {
        field_id: [_shown(row[number]) for row in rows if row[number] not in {None, "null", "[]", '""'}]
        for number, field_id in enumerate(field_ids)
    }


def _shown(text: str) -> str:
    """A value for people: the name in an object, texts without quotation marks."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text  # cut off
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        value = next((value[name] for name in ("value", "name", "displayName", "key", "id") if value.get(name)), "…")
    words = str(value)
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"

"""Field policy of an integration: its settings and the site's fields, told apart by schema and untranslated name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from app.catalog.field_policy import FieldPolicy
from app.catalog.registry import entity
from app.catalog.selection import Selection
from app.catalog.site_mapping import Mapped, Meaning, SiteField, map_fields
from app.integrations.settings import IntegrationSettings
from app.store.schema import CHUNKS
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from app.integrations.model import Integration
    from app.store.session import Session


def is_known(session: Session) -> bool:
    """Whether the site's fields have been read, or can't be had."""
    state = session.execute(select(CHUNKS.c.state).where(CHUNKS.c.entity == "field")).scalar_one_or_none()
    return state in {"done", "failed"}


def load(session: Session, integration: Integration) -> FieldPolicy:
    """The policy of the bound tenant; settings take precedence."""
    return of_settings(IntegrationSettings.model_validate(integration.settings), site_fields(session))


def of_settings(settings: IntegrationSettings, fields: Sequence[SiteField]) -> FieldPolicy:
    """The policy of settings for a site's fields."""
    excluded_ids = set(settings.excluded_fields)
    mapping = map_fields(fields, settings.mapping(), excluded_ids)
    return FieldPolicy(
        **{meaning.value: kind.fields for meaning, kind in mapping.items()},
        custom=tuple(settings.custom_fields),
        excluded=tuple(dict.fromkeys(settings.excluded_fields)),
        excluded_names=frozenset(name for field in fields if field.id in excluded_ids for name in field.names),
        other_ids=frozenset(field.id for field in fields if field.id not in excluded_ids),
        other_names=frozenset(name for field in fields if field.id not in excluded_ids for name in field.names),
        fields_digest=settings.fields_digest,
        selection=selection_of(settings),
    )


def selection_of(settings: IntegrationSettings) -> Selection:
    """The selection of settings."""
    start = settings.updated_from
    return Selection(frozenset(settings.projects), settings.jql, int(start.timestamp() * 1000) if start else 0)


def mapping_of(session: Session, integration: Integration) -> dict[Meaning, Mapped]:
    """The site's own fields by kind, with the doubts about each."""
    settings = IntegrationSettings.model_validate(integration.settings)
    return map_fields(site_fields(session), settings.mapping(), settings.excluded_fields)


def kinds_of(session: Session, integration: Integration, field_ids: Collection[str]) -> frozenset[Meaning]:
    """The kinds of fields that would have these, were they not excluded."""
    settings = IntegrationSettings.model_validate(integration.settings)
    mapping = map_fields(site_fields(session), settings.mapping())
    return frozenset(meaning for meaning, kind in mapping.items() if not {*kind.fields}.isdisjoint(field_ids))


def site_fields(session: Session) -> list[SiteField]:
    """The site's fields, without those that it doesn't have any more."""
    table = table_of(entity("field"))
    columns = [table.c[name] for name in SiteField.__dataclass_fields__]
    rows = session.execute(select(*columns).where(table.c.deleted_at.is_(None)).order_by(table.c.id))
    return [SiteField(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public accessor has this name

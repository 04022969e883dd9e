"""Hygiene of the stored issues: misses by criterion, and the issues that miss one.

Criteria are evaluated when they are asked for, since an issue may grow too old without any change. One statement counts
all criteria. A criterion is skipped where its field isn't stored: an absent value would tell nothing about the site.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from app.catalog.registry import entity
from app.catalog.site_mapping import Mapped, Meaning, map_fields
from app.conditions import Code, Condition
from app.errors import Malformed
from app.ingest.planning import field_policy
from app.ingest.status.misses import is_miss, is_open
from app.integrations.hygiene import type_in_schema
from app.integrations.settings import IntegrationSettings
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from app.catalog.site_mapping import SiteField
    from app.integrations.hygiene import Criterion
    from app.integrations.model import Integration
    from app.store.session import Session

_WITH_JIRAS_OWN = frozenset({"due", "epic_key"})
"""Columns with a value of Jira's own besides the site's fields."""


@dataclass(frozen=True)
class Result:
    """The misses of one criterion; None where it is skipped."""

    criterion: Criterion
    misses: int | None
    skip_reason: Condition | None = None


@dataclass(frozen=True)
class Hygiene:
    """The results in the order of the settings."""

    issues: int
    """Open issues, which the criteria apply to."""
    results: list[Result]


@dataclass(frozen=True)
class Miss:
    """An issue in the bad state of a criterion."""

    id: str
    key: str | None


def hygiene_without_site(integration: Integration) -> Hygiene:
    """The criteria of an integration without issues."""
    settings = IntegrationSettings.model_validate(integration.settings)
    return Hygiene(0, [Result(criterion, 0) for criterion in settings.hygiene])


def hygiene_of(session: Session, integration: Integration) -> Hygiene:
    """The misses of every criterion, in three statements at most; none for an integration without criteria."""
    settings = IntegrationSettings.model_validate(integration.settings)
    if not settings.hygiene:
        return Hygiene(0, [])
    reasons = _skip_reasons(session, settings)
    criteria = [criterion for criterion in settings.hygiene if criterion.name not in reasons]
    counts = (func.count().filter(is_miss(criterion, settings.today)) for criterion in criteria)
    issues = table_of(entity("issue"))
    row = session.execute(select(func.count(), *counts).select_from(issues).where(is_open())).one()
    total: int = row[0]
    miss_counts: Sequence[int] = row[1:]
    by_name = {criterion.name: count for criterion, count in zip(criteria, miss_counts, strict=True)}
    return Hygiene(
        total,
        [Result(criterion, by_name.get(criterion.name), reasons.get(criterion.name)) for criterion in settings.hygiene],
    )


def skip_reason(session: Session, integration: Integration, criterion: Criterion) -> Condition | None:
    """Why a criterion of the settings is not evaluated; None where it is."""
    settings = IntegrationSettings.model_validate(integration.settings)
    return _skip_reasons(session, settings).get(criterion.name)


def misses_of(
    session: Session, integration: Integration, criterion: Criterion, *, after: str, limit: int
) -> list[Miss]:
    """Issues that miss a criterion, in the order of their ids as text, from the first beyond `after`."""
    today = IntegrationSettings.model_validate(integration.settings).today
    columns = table_of(entity("issue")).c
    query = select(columns.id, columns.key).where(is_open(), is_miss(criterion, today), columns.id > after)
    return [Miss(row.id, row.key) for row in session.execute(query.order_by(columns.id).limit(limit))]


def require_suitable(session: Session, settings: IntegrationSettings) -> None:
    """Check criteria on custom fields against the site's list of fields. Raises Malformed."""
    if not any(criterion.column is None for criterion in settings.hygiene):
        return
    fields = {field.id: field for field in field_policy.site_fields(session)}
    for criterion in settings.hygiene:
        if reason := _unsuitability(criterion, fields):
            raise Malformed(reason.code, **reason.params)


def _skip_reasons(session: Session, settings: IntegrationSettings) -> dict[str, Condition]:
    """Reasons by the name of the criterion."""
    fields = {field.id: field for field in field_policy.site_fields(session)}
    mapping = map_fields(list(fields.values()), settings.mapping(), settings.excluded_fields)
    known_ids = {*fields, *_unlisted_fields(session, settings, fields)}
    reasons = {
        criterion.name: _reason_of_custom_field(criterion, settings, fields, known_ids)
        if criterion.column is None
        else _reason_of_column(criterion, settings, mapping if fields else {})
        for criterion in settings.hygiene
    }
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _unlisted_fields(session: Session, settings: IntegrationSettings, fields: Mapping[str, SiteField]) -> list[str]:
    """Custom fields of the criteria that issues hold although the site's list lacks them."""
    ids = sorted({criterion.field for criterion in settings.hygiene if criterion.column is None} - fields.keys())
    if not ids:
        return []
    uses = (func.bool_or(table_of(entity("issue")).c.custom.has_key(field_id)) for field_id in ids)
    row = session.execute(select(*uses).where(is_open())).one()
    return [field_id for field_id, is_used in zip(ids, row, strict=True) if is_used]


def _reason_of_column(
    criterion: Criterion, settings: IntegrationSettings, mapping: Mapping[Meaning, Mapped]
) -> Condition | None:
    column = next(column for column in entity("issue").columns if column.name == criterion.column)
    if column.excluded_with in settings.excluded_fields:
        return Condition(Code.CRITERION_EXCLUDED, field=criterion.field)
    kind = mapping.get(Meaning(column.site_kind)) if column.site_kind else None
    if kind is None or kind.fields or column.name in _WITH_JIRAS_OWN:
        return None
    code = Code.CRITERION_EXCLUDED if kind.excluded_ids else Code.CRITERION_FIELD_ABSENT
    return Condition(code, field=criterion.field)


def _reason_of_custom_field(
    criterion: Criterion, settings: IntegrationSettings, fields: Mapping[str, SiteField], known_ids: Container[str]
) -> Condition | None:
    if criterion.field in settings.excluded_fields:
        return Condition(Code.CRITERION_EXCLUDED, field=criterion.field)
    if settings.custom_fields and criterion.field not in settings.custom_fields:
        return Condition(Code.CRITERION_NOT_STORED, field=criterion.field)
    if fields and criterion.field not in known_ids:
        return Condition(Code.CRITERION_FIELD_ABSENT, field=criterion.field)
    return _unsuitability(criterion, fields)


def _unsuitability(criterion: Criterion, fields: Mapping[str, SiteField]) -> Condition | None:
    """The condition of an operator that doesn't suit the site's custom field; None where nothing is known of it."""
    site_field = fields.get(criterion.field)
    field_type = type_in_schema(site_field.schema_type) if site_field else None
    if field_type is None or criterion.suits(field_type):
        return None
    return criterion.unsuitable_for(field_type)

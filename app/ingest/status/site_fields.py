"""The site's own fields by kind, with the doubts that an SEI admin can settle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.catalog.site_mapping import Mapped, Meaning
from app.conditions import Code, Condition
from app.ingest.planning import field_policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.integrations.model import Integration
    from app.store.session import Session

_OPTIONAL = frozenset({Meaning.DUE_DATE})
"""Kinds with a field of Jira's own; no other field is missed."""


@dataclass(frozen=True)
class FieldUse:
    """The fields behind one kind, in the order in which they count."""

    meaning: Meaning
    fields: dict[str, str]
    """Names by id, as displayed."""
    is_chosen: bool
    """By the settings, not by schema and name."""
    doubt: Condition | None


def field_uses(session: Session, integration: Integration) -> list[FieldUse]:
    """Every kind; none before the site's fields are read."""
    names = {field.id: field.name or field.id for field in field_policy.site_fields(session)}
    if not names:
        return []
    return [
        FieldUse(
            kind.meaning,
            {field_id: names.get(field_id, field_id) for field_id in kind.fields},
            kind.is_chosen,
            _doubt(kind, names),
        )
        for kind in field_policy.mapping_of(session, integration).values()
    ]


def _doubt(kind: Mapped, names: Mapping[str, str]) -> Condition | None:
    if kind.gone_ids:
        return Condition(Code.FIELD_GONE, meaning=kind.meaning.value, fields=", ".join(kind.gone_ids))
    if kind.is_ambiguous:
        fields = ", ".join(f"{names[field_id]} ({field_id})" for field_id in kind.fields)
        return Condition(Code.FIELDS_SEVERAL, meaning=kind.meaning.value, fields=fields)
    if not kind.fields and not kind.excluded_ids and kind.meaning not in _OPTIONAL:
        return Condition(Code.FIELD_ABSENT, meaning=kind.meaning.value)
    return None

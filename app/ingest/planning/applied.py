"""Settings that the stored rows follow, and the work that leads from them to changed ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from app.catalog.site_mapping import HIDING, Meaning, map_fields
from app.integrations.ledger import WORKING_STATES
from app.integrations.model import State
from app.integrations.settings import IntegrationSettings
from app.store.schema import INTEGRATIONS, TENANTS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from app.catalog.site_mapping import SiteField
    from app.store.session import Session

_CUSTOM = "customfield_"
_OF_HISTORIES = "worklog_comment"
"""An excluded field; its return has worklogs walked, and no issue read (`writing.exclusions`)."""


@dataclass(frozen=True)
class FieldWork:
    """Work on stored issues after a change of fields."""

    is_whole: bool = False
    """Every issue is read again, which makes the rest superfluous."""
    holding: tuple[str, ...] = ()
    """Custom fields with values that aren't stored: the issues with one are read again."""
    meanings: frozenset[Meaning] = frozenset()
    """Columns to compute again from the stored custom fields."""
    is_narrower: bool = False
    """Custom fields are to be dropped from the stored rows."""

    @property
    def is_nothing(self) -> bool:
        """Whether the stored issues already follow the settings."""
        return self == FieldWork()


def load(session: Session) -> IntegrationSettings | None:
    """The applied settings of the bound tenant; None before its first backfill."""
    query = select(TENANTS.c.applied_settings).where(TENANTS.c.id == session.tenant_id)
    settings = session.execute(query).scalar_one_or_none()
    return None if settings is None else IntegrationSettings.model_validate(settings)


def note(session: Session, settings: IntegrationSettings) -> None:
    """Store the settings that all rows follow."""
    note_as_stored(session, settings.model_dump(mode="json"))


def note_as_stored(session: Session, settings: Mapping[str, Any]) -> None:
    """Store that all rows follow an integration's settings, in the form that these are stored in."""
    session.execute(update(TENANTS).where(TENANTS.c.id == session.tenant_id).values(applied_settings=settings))


def find_unapplied(session: Session) -> list[UUID]:
    """Served tenants with rows that may not follow the settings, in an unrestricted session; none during a backfill."""
    is_served = INTEGRATIONS.c.state.in_(WORKING_STATES) & (INTEGRATIONS.c.state != State.BACKFILLING.value)
    differs = TENANTS.c.applied_settings != INTEGRATIONS.c.settings
    rows = session.execute(
        select(TENANTS.c.id)
        .join(INTEGRATIONS, INTEGRATIONS.c.tenant_id == TENANTS.c.id)
        .where(TENANTS.c.state == "active", INTEGRATIONS.c.parked_because.is_(None), is_served, differs)
    )
    return [row.id for row in rows]


def note_excluded(session: Session, fields: Collection[str]) -> None:
    """Note that rows may lack the text of fields from now on: their return has it read again."""
    settings = load(session)
    if settings is not None and not {*fields} <= {*settings.excluded_fields}:
        note(session, settings.model_copy(update={"excluded_fields": sorted({*settings.excluded_fields, *fields})}))


def with_fields_of(settings: IntegrationSettings, newer: IntegrationSettings) -> IntegrationSettings:
    """The settings with the newer ones' fields; the selection stays."""
    selection = {name: getattr(settings, name) for name in ("projects", "jql", "backfill_from", "time_zone")}
    return newer.model_copy(update=selection)


def field_work(before: IntegrationSettings, after: IntegrationSettings, fields: Sequence[SiteField]) -> FieldWork:
    """The work of a change; excluded fields are removed by a job of their own (`writing.exclusions`)."""
    included_fields = {*before.excluded_fields} - {*after.excluded_fields}
    mappings = [map_fields(fields, settings.mapping(), settings.excluded_fields) for settings in (before, after)]
    changed_meanings = {meaning for meaning in Meaning if mappings[0][meaning].fields != mappings[1][meaning].fields}
    mapped_fields = {field for meaning in changed_meanings for field in mappings[1][meaning].fields}
    mapped_fields |= {field for meaning in changed_meanings & HIDING for field in mappings[0][meaning].fields}
    new_fields = {*after.custom_fields, *mapped_fields} | (included_fields & mapped_fields)
    if not after.custom_fields:
        new_fields |= {field for field in included_fields if field.startswith(_CUSTOM)}
    missing_fields = {field for field in new_fields if not _is_stored(before, field)} - {*after.excluded_fields}
    is_wider = bool(before.custom_fields and not after.custom_fields)
    is_text_included = any(not field.startswith(_CUSTOM) and field != _OF_HISTORIES for field in included_fields)
    if is_wider or is_text_included or any(not field.startswith(_CUSTOM) for field in missing_fields):
        return FieldWork(is_whole=True)
    is_narrower = bool(after.custom_fields) and (
        not before.custom_fields or not {*before.custom_fields} <= {*after.custom_fields}
    )
    return FieldWork(
        holding=tuple(sorted(missing_fields)), meanings=frozenset(changed_meanings), is_narrower=is_narrower
    )


def _is_stored(settings: IntegrationSettings, field: str) -> bool:
    """Whether rows under these settings hold the values of a custom field."""
    is_kept = not settings.custom_fields or field in settings.custom_fields
    return field.startswith(_CUSTOM) and is_kept and field not in settings.excluded_fields

"""Excluded fields of a tenant: those of the settings, and those without text in any stored row.

Rows honour an exclusion once their texts are removed (`writing.exclusions`); `tenants.withheld` lists such fields.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, cast, func, select, update
from sqlalchemy.dialects.postgresql import JSONB

from app import jobs
from app.integrations.model import State
from app.integrations.settings import IntegrationSettings
from app.store.schema import INTEGRATIONS, TENANTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from sqlalchemy import Select

    from app.store.session import Session


class Standing(NamedTuple):
    """Exclusions of a tenant, and the settings behind them."""

    excluded: frozenset[str]
    """The fields that the settings exclude."""
    withheld: frozenset[str]
    """Fields without text in any row."""
    settings: IntegrationSettings | None
    """None without a pairing."""


def standing(session: Session) -> Standing:
    """The exclusions of the bound tenant as they stand."""
    row = session.execute(_standing(), {"tenant_id": session.tenant_id}).one()
    settings = None if row.settings is None else IntegrationSettings.model_validate(row.settings)
    return Standing(frozenset(settings.excluded_fields if settings else ()), frozenset(row.withheld), settings)


@cache
def _standing() -> Select[tuple[Any, ...]]:
    """The statement, built once: it runs for every page."""
    tenant_and_integration = TENANTS.outerjoin(INTEGRATIONS, INTEGRATIONS.c.tenant_id == TENANTS.c.id)
    columns = (INTEGRATIONS.c.settings, TENANTS.c.withheld)
    return select(*columns).select_from(tenant_and_integration).where(TENANTS.c.id == bindparam("tenant_id"))


def note_withheld(session: Session, fields: Iterable[str]) -> None:
    """Store the fields without text in any row. Call it under the tenant's write lock."""
    session.execute(update(TENANTS).where(TENANTS.c.id == session.tenant_id).values(withheld=sorted(fields)))


def enforce(session: Session, *, is_again: bool) -> None:
    """Enqueue the job of exclusions where stored rows may hold excluded texts, or (`is_again`) lack included ones."""
    excluded_fields, withheld_fields, _ = standing(session)
    if is_again or excluded_fields - withheld_fields:
        session.enqueue(jobs.EXCLUDE, str(session.tenant_id))


def find_unenforced(session: Session) -> list[UUID]:
    """Tenants with rows that may hold text of excluded fields, in an unrestricted session."""
    excluded_fields = func.coalesce(INTEGRATIONS.c.settings["excluded_fields"], cast([], JSONB))
    rows = session.execute(
        select(TENANTS.c.id)
        .join(INTEGRATIONS, INTEGRATIONS.c.tenant_id == TENANTS.c.id)
        .where(
            INTEGRATIONS.c.state != State.DELETING.value,
            ~excluded_fields.contained_by(func.to_jsonb(TENANTS.c.withheld)),
        )
    )
    return [row.id for row in rows]

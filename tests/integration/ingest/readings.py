"""Finished readings of sites: the rows of one site, for all further sites with the same content.

A site is walked and verified once per run. Sites with the same content differ only in their tenant and in their address,
so the others get a copy of its rows, as they were right after the reading. Times of our clock stay those of that reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from app.store.schema import CREDENTIALS, INSTALLATIONS
from app.store.sync_tables import VALIDITIES
from app.store.tables import tenant_owned

if TYPE_CHECKING:
    from uuid import UUID

_COPIED_TABLES = [
    table.name
    for table in tenant_owned()
    # The first two are the new site's own; a trigger writes validities.
    if table not in {INSTALLATIONS, CREDENTIALS, VALIDITIES}
]
_INTEGRATION = ("state", "state_reason", "started_at", "last_ingested_at", "verified_at", "polled_at")


class Reading(NamedTuple):
    """Everything that a reading stored."""

    tenant_id: UUID
    base_url: str
    tables: dict[str, str]
    """Rows by table, as a list in JSON."""
    integration: dict[str, Any]

    def give_to(self, database_url: str, tenant_id: UUID, base_url: str) -> None:
        """Store the reading's rows as those of another site with the same content."""
        with psycopg.connect(database_url) as connection:
            for name, rows in self.tables.items():
                own_rows = rows.replace(str(self.tenant_id), str(tenant_id)).replace(self.base_url, base_url)
                copies = f"SELECT * FROM jsonb_populate_recordset(NULL::{name}, %s)"
                connection.execute(f"INSERT INTO {name} {copies}".encode(), [own_rows])
            changes = ", ".join(f"{name} = %({name})s" for name in _INTEGRATION)
            update = f"UPDATE integrations SET {changes} WHERE tenant_id = %(tenant_id)s"
            connection.execute(update.encode(), self.integration | {"tenant_id": tenant_id})


def record(database_url: str, tenant_id: UUID, base_url: str) -> Reading:
    """Take the rows of a site that was just read."""
    parts = (
        f"SELECT '{name}' AS name, jsonb_agg({name})::text AS rows FROM {name} WHERE tenant_id = %(tenant_id)s"
        for name in _COPIED_TABLES
    )
    own = {"tenant_id": tenant_id}
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        tables = connection.execute(" UNION ALL ".join(parts).encode(), own).fetchall()
        query = f"SELECT {', '.join(_INTEGRATION)} FROM integrations WHERE tenant_id = %(tenant_id)s"
        integration = connection.execute(query.encode(), own).fetchone()
    assert integration is not None
    return Reading(tenant_id, base_url, {row["name"]: row["rows"] for row in tables if row["rows"]}, integration)

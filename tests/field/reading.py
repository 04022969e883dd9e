"""Reads the product's view of an odd site: the parts that it names, and the values that it stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from sandbox.damage import Part

if TYPE_CHECKING:
    from sandbox import Site
    from sandbox.damage import Damage
    from tests.story.processes import RunningApp


def unread_parts(app: RunningApp, integration: str) -> set[Part]:
    """The parts that the product names as unreadable. Fails where one is named twice, or without words."""
    parts = app.api("GET", f"/integrations/{integration}/completeness").json()["unreadable"]
    names = {Part(part["entity"], part["scope_id"], part["reason"], part["is_object"]) for part in parts}
    assert len(names) == len(parts)
    assert all(part["message"] and part["remedy"] for part in parts)
    return names


def stored_values(database_url: str, site: Site, damage: Damage) -> dict[tuple[str, str, str], object]:
    """The stored values in place of the expected ones."""
    values: dict[tuple[str, str, str], object] = {}
    with psycopg.connect(database_url) as connection:
        for entity, object_id, column in damage.values:
            query = f"SELECT {column} FROM jira_{entity} JOIN installations USING (tenant_id) WHERE client_key = %s AND id = %s"
            (values[entity, object_id, column],) = connection.execute(
                query, (site.client_key, object_id)
            ).fetchone() or ("no row",)
    return values

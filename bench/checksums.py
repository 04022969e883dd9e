"""Compares the rows of an ingest with the simulated site: counts, and checksums over ids and times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from bench.simulator import Simulator

_NUMERIC_ENTITIES = ("issue", "changelog", "comment", "worklog", "attachment", "issue_link", "remote_link")
_TIME_COLUMNS = {
    "issue": "updated",
    "changelog": "created",
    "comment": "updated",
    "worklog": "updated",
    "attachment": "created",
}


def differences(database_url: str, site: Simulator) -> list[str]:
    """Return one line for each entity with another count or checksum than the site."""
    problems = []
    with psycopg.connect(database_url) as connection:
        for name, truth in site.truth().items():
            count, checksum = connection.execute(_checksum_query(name)).fetchone() or (0, 0)
            if count != truth["count"]:
                problems.append(f"{name}: {count} of {truth['count']}")
            elif str(checksum) != truth["checksum"]:
                problems.append(f"{name}: other ids or moments")
    return problems


def _checksum_query(entity: str) -> bytes:
    """Return the query for the checksum of `bench.site.world.World.truth`."""
    if entity in _NUMERIC_ENTITIES:
        column = _TIME_COLUMNS.get(entity)
        ms = f"(round(extract(epoch FROM {column}) * 1000)::bigint % 999983 + 1)" if column else "1"
        term = f"(id::bigint % 1000003) * {ms}"
    else:
        term = "('x' || left(md5(id), 8))::bit(32)::bigint"
    columns = f"count(*), coalesce(sum({term}::numeric), 0)::text"
    return f"SELECT {columns} FROM jira_{entity} WHERE deleted_at IS NULL".encode()  # noqa: S608 - our own names

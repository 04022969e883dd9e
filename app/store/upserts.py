"""The SQL that merges staged rows of entities: one statement a page, and the rule for the newer of two versions.

Each statement is built once from the entities' declarations and holds no foreign values. `updated` is the site's clock
and orders the edits of one history of the site; a site that is restored from a backup begins another one, in which the
same objects have older edits. `read_at` is our clock and orders reads.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import text

from app.catalog.registry import stub_entities
from app.store.schema import ROW_VERSION
from app.store.sync_tables import TALLIES
from app.store.tables import OUT_OF_SCOPE, table_of

if TYPE_CHECKING:
    from sqlalchemy import TextClause

    from app.catalog.language import Entity


class _Statements(NamedTuple):
    """The statements of one entity."""

    stage: TextClause
    clear: TextClause
    copy: str
    unstage: str


@cache
def statements_of(entity: Entity) -> _Statements:
    """The SQL of an entity, built once from its declaration; it contains no foreign values."""
    staging_table, columns = _staging_table(entity), _columns(entity)
    return _Statements(
        stage=text(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {staging_table} AS"  # noqa: S608 - our own names
            f" SELECT {columns} FROM {table_of(entity).name} WITH NO DATA"
        ),
        clear=text(f"TRUNCATE {staging_table}"),
        copy=f"COPY {staging_table} ({columns}) FROM STDIN",
        unstage=f"DELETE FROM {staging_table}",  # noqa: S608 - our own names
    )


@cache
def upsert_of(entities: tuple[Entity, ...], is_from_index: bool) -> TextClause:
    """Merge the staged rows of these entities, book the added ones and empty the staging tables.

    All parts of the statement see the rows as they were before it. Returns entity, changed and added of each.
    """
    upserts = ", ".join(f"{entity.name}_written AS ({_upsert(entity, is_from_index)})" for entity in entities)
    deletions = ", ".join(f"{entity.name}_unstaged AS ({statements_of(entity).unstage})" for entity in entities)
    counts = " UNION ALL ".join(
        f"SELECT '{entity.name}' AS entity, count(*) AS changed, count(*) FILTER (WHERE is_new) AS added"  # noqa: S608 - our own names
        f" FROM {entity.name}_written"
        for entity in entities
    )
    return text(
        "WITH locked AS MATERIALIZED"  # noqa: S608 - our own names
        " (SELECT pg_advisory_xact_lock(hashtextextended(CAST(CAST(:tenant_id AS uuid) AS text), 0))),"
        f" {upserts}, {deletions}, counted AS ({counts}), booked AS ("
        f" INSERT INTO {TALLIES.name} AS kept (tenant_id, entity, live)"
        " SELECT CAST(:tenant_id AS uuid), entity, added FROM counted WHERE added > 0"
        " ON CONFLICT (tenant_id, entity) DO UPDATE SET live = kept.live + excluded.live)"
        " SELECT entity, changed, added FROM counted"
    )


def _staging_table(entity: Entity) -> str:
    return f"incoming_{entity.name}"


def _columns(entity: Entity) -> str:
    return ", ".join(f'"{name}"' for name in ("id", *_names(entity)))


def _names(entity: Entity) -> list[str]:
    return [column.name for column in entity.columns] + ["is_stub"] * (entity in stub_entities())


def _upsert(entity: Entity, is_from_index: bool) -> str:
    names, columns = _names(entity), _columns(entity)
    new = {
        name: f'COALESCE(excluded."{name}", kept."{name}")' if entity.partial else f'excluded."{name}"'
        for name in names
    }
    is_newer = _is_newer_in_index(entity) if is_from_index else _is_newer(entity)
    if entity in stub_entities():
        # A stub yields to any other row and replaces none, no tombstone either but that of an issue out of scope.
        is_real = "kept.is_stub AND NOT excluded.is_stub"
        may_be_stub = f"kept.is_stub OR kept.deleted_because = '{OUT_OF_SCOPE}'"
        is_newer = f"({may_be_stub} OR NOT excluded.is_stub) AND ({is_real} OR {is_newer})"
    changes = ", ".join(f'"{name}" = {value}' for name, value in new.items())
    if entity.updated:
        step_back = f'CASE WHEN excluded."{entity.updated}" < kept."{entity.updated}" THEN excluded.read_at'
        changes += f", stepped_back_at = {step_back} ELSE kept.stepped_back_at END"
    old = ", ".join(f'kept."{name}"' for name in names)
    differs = f"({old}) IS DISTINCT FROM ({', '.join(new.values())})"
    next_version = f"nextval('{ROW_VERSION.name}')"
    return (
        f"INSERT INTO {table_of(entity).name} AS kept (tenant_id, {columns}, read_at, version)"  # noqa: S608 - our own names
        f" SELECT CAST(:tenant_id AS uuid), {columns}, CAST(:read_at AS timestamptz), {next_version}"
        f" FROM locked, {_staging_table(entity)} ORDER BY id"
        f" ON CONFLICT (tenant_id, id) DO UPDATE SET {changes}, read_at = excluded.read_at,"
        f" version = {next_version}, deleted_at = NULL, deleted_because = NULL"
        f" WHERE ({is_newer}) AND (kept.deleted_at IS NULL OR excluded.read_at > kept.deleted_at)"
        f" AND (kept.deleted_at IS NOT NULL OR {differs})"
        # xmax is 0 for an inserted row: it has no earlier version that could have been locked.
        " RETURNING (xmax = 0) AS is_new"
    )


def _is_newer(entity: Entity) -> str:
    """The later read wins: a site that was restored from a backup has older edits, and they are the truth.

    Of two reads of one moment the later edit wins. So does a later edit that was read earlier, since the stored row may
    come from an index that lags; but not if it was read before the site stepped back.
    """
    if not entity.updated:
        return "excluded.read_at >= kept.read_at"
    by = f'"{entity.updated}"'
    return (
        f"kept.{by} IS NULL OR excluded.read_at > kept.read_at"
        f" OR (excluded.read_at = kept.read_at AND (excluded.{by} IS NULL OR excluded.{by} = kept.{by}))"
        f" OR {_is_later_edit(by)}"
    )


def _is_newer_in_index(entity: Entity) -> str:
    """The later edit wins, of two reads of one edit the later read: an older edit only shows that the index lags."""
    if not entity.updated:
        return "excluded.read_at >= kept.read_at"
    by = f'"{entity.updated}"'
    return (
        f"kept.{by} IS NULL OR {_is_later_edit(by)}"
        f" OR (excluded.read_at >= kept.read_at AND (excluded.{by} IS NULL OR excluded.{by} = kept.{by}))"
    )


def _is_later_edit(by: str) -> str:
    """A later edit of the same history."""
    return f"(excluded.{by} > kept.{by} AND (kept.stepped_back_at IS NULL OR excluded.read_at >= kept.stepped_back_at))"

"""Writes rows of the catalogue's entities, and their tombstones.

A page is copied (`COPY`) into a temporary table and merged by one `INSERT … ON CONFLICT … WHERE newer` an entity, in the
statement that deletes it from there: row-level security doesn't hold for the temporary tables of a pooled connection. All
writers of a tenant take its write lock before they allocate versions, so versions become visible in order: a reader
that has seen version n never misses a lower one.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from app.catalog.registry import all_entities, stub_entities
from app.catalog.registry import entity as entity_of
from app.catalog.versions import merge
from app.store import poison
from app.store.schema import ROW_VERSION
from app.store.sync_tables import TALLIES
from app.store.tables import table_of
from app.store.upserts import statements_of, upsert_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from app.catalog.extract import Row
    from app.catalog.language import Entity
    from app.store.session import Session


_STAGED_PAGES = 8
"""Pages in a staging table before the space of its deleted rows is freed."""


class Applied(NamedTuple):
    """The effect of a write on one entity."""

    offered: int
    changed: int
    added: int


def lock_for_writing(session: Session) -> None:
    """Take the tenant's write lock until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(session.tenant_id), 0))))


def apply(
    session: Session, rows: Iterable[Row], *, read_at: datetime, is_from_index: bool = False
) -> dict[str, Applied]:
    """Upsert rows of any entities; the newer version of each wins, an equal one changes nothing.

    `read_at` is the time of the request for these rows, `is_from_index` tells that a search index answered it, which
    may lag (`app.store.upserts`). Returns the effect by entity name.
    """
    by_entity: dict[Entity, dict[str, Row]] = {}
    for row in rows:
        entity_rows = by_entity.setdefault(row.entity, {})
        entity_rows[row.id] = merge(entity_rows[row.id], row) if row.id in entity_rows else row
    if not by_entity:
        lock_for_writing(session)
        return {}
    # COPY first, lock after: two writers wait for each other only while they allocate versions. One statement takes the
    # lock and writes all entities: each further round trip under the lock would delay every writer.
    for entity, by_id in by_entity.items():
        _copy_in(session, entity, by_id.values())
    parameters = {"tenant_id": session.tenant_id, "read_at": read_at}
    # One order for all pages: each order would be a statement of its own, to be compiled, cached and planned.
    entities = tuple(sorted(by_entity, key=lambda entity: entity.name))
    results: Sequence[Any] = session.execute(upsert_of(entities, is_from_index), parameters).all()
    return {name: Applied(len(by_entity[entity_of(name)]), changes, additions) for name, changes, additions in results}


def tally(session: Session, differences: Mapping[str, int]) -> None:
    """Book added (or, negative, buried) rows by entity, in the transaction of the rows, under the write lock."""
    if not differences:
        return
    rows = [{"tenant_id": session.tenant_id, "entity": name, "live": count} for name, count in differences.items()]
    statement = insert(TALLIES).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "entity"], set_={"live": TALLIES.c.live + statement.excluded.live}
        )
    )


def tallies(session: Session) -> dict[str, int]:
    """Booked live rows of the bound tenant by entity."""
    return {row.entity: row.live for row in session.execute(select(TALLIES.c.entity, TALLIES.c.live))}


def _copy_in(session: Session, entity: Entity, rows: Iterable[Row]) -> None:
    """Copy rows into the entity's staging table of this connection, where `upsert_of` deletes them again.

    The deleted rows' space is freed now and then, at the beginning of a transaction. Freeing it at the end of each, as
    PostgreSQL would do itself, takes longer than storing a page, and happens under the lock.
    """
    statements = statements_of(entity)
    # A rollback may drop the table as well, so it counts as existing only after the commit.
    pages: dict[str, int] = session.connection.info.setdefault("staged pages", {})
    page_count = pages.pop(entity.name, 0)
    if not page_count:
        session.execute(statements.stage)
    elif page_count % _STAGED_PAGES == 0:
        session.execute(statements.clear)
    session.after_commit(lambda: pages.update({entity.name: page_count + 1}))
    names, has_stubs = [column.name for column in entity.columns], entity in stub_entities()
    driver = session.connection.connection.driver_connection
    if driver is None:  # pragma: no cover - a checked-out connection has one
        raise RuntimeError("no driver connection")
    with driver.cursor() as cursor, cursor.copy(statements.copy) as copy:
        for row in rows:
            mark = (row.is_stub,) if has_stubs else ()
            copy.write_row((row.id, *map(row.values.__getitem__, names), *mark))


def bury(session: Session, entity: Entity, ids: Collection[str], *, at: datetime, because: str) -> int:
    """Put tombstones on rows and on all their dependent rows. Returns the number of buried rows of `entity`."""
    lock_for_writing(session)
    grave = {"deleted_at": at, "deleted_because": because, "version": ROW_VERSION.next_value()}
    counts = {entity.name: _bury_where(session, entity, "id", ids, grave)}
    for child in all_entities().values():
        if child.belongs_to == entity.name:
            counts[child.name] = _bury_where(session, child, f"{entity.name}_id", ids, grave)
        for owner, column in child.goes_with:
            if owner == entity.name:
                counts[child.name] = counts.get(child.name, 0) + _bury_where(session, child, column, ids, grave)
    tally(session, {name: -count for name, count in counts.items() if count})
    return counts[entity.name]


def _bury_where(
    session: Session, entity: Entity, column: str, values: Collection[str], grave: Mapping[str, object]
) -> int:
    table = table_of(entity)
    is_due = table.c[column].in_(values) & table.c.deleted_at.is_(None) & (table.c.read_at < grave["deleted_at"])
    if buried_count := session.changed(table.update().where(is_due).values(**grave)):
        poison.forget_buried(session, entity)
    return buried_count


def bury_rest(
    session: Session,
    entity: Entity,
    scope: Mapping[str, Collection[str]],
    live_ids: Collection[str],
    *,
    at: datetime,
) -> int:
    """Put tombstones on the rows within a scope (values by column) except the live ones.

    Call it under the write lock. Returns the number of buried rows.
    """
    table = table_of(entity)
    grave = {"deleted_at": at, "deleted_because": "deleted", "version": ROW_VERSION.next_value()}
    is_due = table.c.deleted_at.is_(None) & (table.c.read_at < at) & table.c.id.not_in(live_ids)
    for name, values in scope.items():
        is_due &= table.c[name].in_(values)
    return _book_burials(session, entity, session.changed(table.update().where(is_due).values(**grave)))


def bury_missing(
    session: Session,
    child: Entity,
    children: Mapping[str, Collection[str]],
    *,
    parent: Entity,
    updated: Mapping[str, object],
    at: datetime,
) -> int:
    """Put tombstones on children missing from a complete list of their parent.

    `children` holds the listed ids by parent id. A parent counts only if its listed version is the stored one: a lagging
    search index must not bury rows of a fresher read. Call it under the write lock. Returns the number of buried rows.
    """
    if not children:
        return 0
    buried_count = session.changed(
        text(_bury_missing_sql(child, parent)).bindparams(
            parents=list(children),
            updated=[updated.get(parent_id) for parent_id in children],
            kept=[child_id for ids in children.values() for child_id in ids],
            at=at,
        )
    )
    return _book_burials(session, child, buried_count)


def _book_burials(session: Session, entity: Entity, count: int) -> int:
    if count:
        tally(session, {entity.name: -count})
        poison.forget_buried(session, entity)
    return count


@cache
def _bury_missing_sql(child: Entity, parent: Entity) -> str:
    """One statement for all parents of a page; child ids are unique across parents, so one list of kept ids suffices."""
    pointer = f"{parent.name}_id"
    return (
        f"UPDATE {table_of(child).name} AS gone"  # noqa: S608 - our own names
        f" SET deleted_at = :at, deleted_because = 'deleted', version = nextval('{ROW_VERSION.name}')"
        " FROM unnest(CAST(:parents AS text[]), CAST(:updated AS timestamptz[])) AS read (id, updated)"
        f" JOIN {table_of(parent).name} AS owner ON owner.id = read.id"
        " AND owner.updated IS NOT DISTINCT FROM read.updated"
        f" WHERE gone.{pointer} = read.id AND gone.tenant_id = owner.tenant_id AND gone.deleted_at IS NULL"
        " AND gone.read_at < :at AND gone.id <> ALL (CAST(:kept AS text[]))"
    )

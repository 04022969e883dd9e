"""Writes rows as the catalog declares them, reads them back for the feed.

A page goes in as `COPY` into a temporary table and one `INSERT … ON CONFLICT … WHERE newer` an entity. All writers of
one tenant take its write lock before they draw versions, so that versions become visible in their own order: a reader
that has seen version n never misses one below it.
"""

from __future__ import annotations

from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from app.catalog.extract import Row
from app.catalog.registry import all_entities
from app.catalog.registry import entity as entity_of
from app.store.schema import ROW_VERSION, TALLIES
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Table, TextClause

    from app.catalog.language import Entity
    from app.store.session import Session


_STAGED = 8
"""Pages that a staging table takes before it is emptied."""


class Applied(NamedTuple):
    """What a write changed."""

    offered: int
    changed: int
    added: int


def lock_for_writing(session: Session) -> None:
    """Wait for the tenant's write lock, held until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(session.tenant_id), 0))))


def apply(session: Session, rows: Iterable[Row], *, read_at: datetime) -> dict[str, Applied]:
    """Upsert rows of any entities; the newer version of each wins, an equal one changes nothing.

    `read_at` is when the request that brought them was sent. Returns what changed by entity name.
    """
    by_entity: dict[Entity, dict[str, Row]] = {}
    for row in rows:
        kept = by_entity.setdefault(row.entity, {})
        kept[row.id] = _merge(kept[row.id], row) if row.id in kept else row
    if not by_entity:
        lock_for_writing(session)
        return {}
    # COPY first, lock after: two writers wait for each other only while they draw versions. And one statement for all,
    # the lock's included: every answer that a writer waits for under the lock is waited for by all writers.
    turns = {f"{entity.name}_turn": _copy_in(session, entity, found.values()) for entity, found in by_entity.items()}
    of = {"tenant_id": session.tenant_id, "read_at": read_at, **turns}
    # One order for all pages: each order would be a statement of its own, kept and planned by everybody on the way.
    known = tuple(sorted(by_entity, key=lambda entity: entity.name))
    written: Sequence[Any] = session.execute(_upsert_of(known), of).all()
    return {name: Applied(len(by_entity[entity_of(name)]), changed, added) for name, changed, added in written}


def tally(session: Session, added: Mapping[str, int]) -> None:
    """Book rows that came (or went, negative) by entity, in the transaction that brings them, under the write lock."""
    if not added:
        return
    rows = [{"tenant_id": session.tenant_id, "entity": name, "live": count} for name, count in added.items()]
    statement = insert(TALLIES).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "entity"], set_={"live": TALLIES.c.live + statement.excluded.live}
        )
    )


def tallies(session: Session) -> dict[str, int]:
    """Live rows of the bound tenant by entity, as they are booked."""
    return {row.entity: row.live for row in session.execute(select(TALLIES.c.entity, TALLIES.c.live))}


def _merge(first: Row, second: Row) -> Row:
    """Two sightings of one object in a page: fragments complete each other, else the newer or later one stands."""
    if first.entity.partial:
        filled = {name: value if value is not None else first.values[name] for name, value in second.values.items()}
        return Row(second.entity, second.id, filled)
    ordered_by = first.entity.updated
    if ordered_by and _older(second.values[ordered_by], first.values[ordered_by]):
        return first
    return second


def _older(one: object, other: object) -> bool:
    return one is None or (other is not None and one < other)  # type: ignore[operator]  # both are datetimes by declaration


def _copy_in(session: Session, entity: Entity, rows: Iterable[Row]) -> int:
    """Put rows into the entity's staging table of this connection. Returns the turn under which they are there.

    The table is emptied now and then, at the beginning of a transaction: emptying it at each one's end, as PostgreSQL
    would by itself, takes longer than storing a page, and under the lock.
    """
    statements, info = _statements(entity), session.connection.info
    turn: int = next(info.setdefault("turns", count(1)))
    # What is undone may take the table along: nobody counts on it until this transaction is durable.
    pages: dict[str, int] = info.setdefault("staged pages", {})
    staged = pages.pop(entity.name, 0)
    if not staged:
        session.execute(statements.stage)
    elif staged % _STAGED == 0:
        session.execute(statements.clear)
    session.after_commit(lambda: pages.update({entity.name: staged + 1}))
    names = [column.name for column in entity.columns]
    driver = session.connection.connection.driver_connection
    if driver is None:  # pragma: no cover - a checked-out connection has one
        raise RuntimeError("no driver connection")
    with driver.cursor() as cursor, cursor.copy(statements.copy) as copy:
        for row in rows:
            copy.write_row((turn, row.id, *map(row.values.__getitem__, names)))
    return turn


class _Statements(NamedTuple):
    stage: TextClause
    clear: TextClause
    copy: str
    upsert: str


@cache
def _statements(entity: Entity) -> _Statements:
    """The SQL of an entity, built once from its declaration; no value of a stranger's is in it."""
    table = table_of(entity)
    names = [column.name for column in entity.columns]
    staging, listed = f"incoming_{entity.name}", ", ".join(f'"{name}"' for name in ("id", *names))
    return _Statements(
        stage=text(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {staging} AS"  # noqa: S608 - our own names
            f" SELECT 0 AS turn, {listed} FROM {table.name} WITH NO DATA"
        ),
        clear=text(f"TRUNCATE {staging}"),
        copy=f"COPY {staging} (turn, {listed}) FROM STDIN",
        upsert=_upsert_sql(entity, table, staging, names, listed),
    )


@cache
def _upsert_of(entities: tuple[Entity, ...]) -> TextClause:
    """Bring the staged rows of these entities into their tables and book what came; entity, changed and added of each."""
    written = ", ".join(f"{entity.name}_written AS ({_statements(entity).upsert})" for entity in entities)
    counted = " UNION ALL ".join(
        f"SELECT '{entity.name}' AS entity, count(*) AS changed, count(*) FILTER (WHERE is_new) AS added"  # noqa: S608 - our own names
        f" FROM {entity.name}_written"
        for entity in entities
    )
    return text(
        "WITH locked AS MATERIALIZED"  # noqa: S608 - our own names
        " (SELECT pg_advisory_xact_lock(hashtextextended(CAST(CAST(:tenant_id AS uuid) AS text), 0))),"
        f" {written}, counted AS ({counted}), booked AS ("
        f" INSERT INTO {TALLIES.name} AS kept (tenant_id, entity, live)"
        " SELECT CAST(:tenant_id AS uuid), entity, added FROM counted WHERE added > 0"
        " ON CONFLICT (tenant_id, entity) DO UPDATE SET live = kept.live + excluded.live)"
        " SELECT entity, changed, added FROM counted"
    )


def _upsert_sql(entity: Entity, table: Table, staging: str, names: Sequence[str], listed: str) -> str:
    new = {
        name: f'COALESCE(excluded."{name}", kept."{name}")' if entity.partial else f'excluded."{name}"'
        for name in names
    }
    changes = ", ".join(f'"{name}" = {value}' for name, value in new.items())
    old = ", ".join(f'kept."{name}"' for name in names)
    differs = f"({old}) IS DISTINCT FROM ({', '.join(new.values())})"
    next_version = f"nextval('{ROW_VERSION.name}')"
    return (
        f"INSERT INTO {table.name} AS kept (tenant_id, {listed}, read_at, version)"  # noqa: S608 - our own names
        f" SELECT CAST(:tenant_id AS uuid), {listed}, CAST(:read_at AS timestamptz), {next_version}"
        f" FROM locked, {staging} WHERE turn = CAST(:{entity.name}_turn AS integer) ORDER BY id"
        f" ON CONFLICT (tenant_id, id) DO UPDATE SET {changes}, read_at = excluded.read_at,"
        f" version = {next_version}, deleted_at = NULL, deleted_because = NULL"
        f" WHERE {_is_newer(entity)} AND (kept.deleted_at IS NOT NULL OR {differs})"
        # A row that this statement inserted has no earlier version to have been locked.
        " RETURNING (xmax = 0) AS is_new"
    )


def _is_newer(entity: Entity) -> str:
    """A later edit wins; of two reads of one edit the later one; a tombstone yields only to a read after it."""
    newest = "excluded.read_at >= kept.read_at"
    if entity.updated:
        by = f'"{entity.updated}"'
        newest = (
            f"(kept.{by} IS NULL OR excluded.{by} > kept.{by}"
            f" OR (excluded.{by} IS NOT DISTINCT FROM kept.{by} AND {newest}))"
        )
    return f"{newest} AND (kept.deleted_at IS NULL OR excluded.read_at > kept.deleted_at)"


_WITH = {"issue": (("issue_link", "destination_issue_id"), ("board_issue", "issue_id"))}
"""What goes with a thing besides its own: a link with either end, a board's membership with the issue too."""


def bury(session: Session, entity: Entity, found: Collection[str], *, at: datetime, because: str) -> int:
    """Put tombstones on rows and on all rows that belong to them. Returns how many issues, or what it was, went."""
    lock_for_writing(session)
    grave = {"deleted_at": at, "deleted_because": because, "version": ROW_VERSION.next_value()}
    gone = {entity.name: _bury_where(session, entity, "id", found, grave)}
    for child in all_entities().values():
        if child.belongs_to == entity.name:
            gone[child.name] = _bury_where(session, child, f"{entity.name}_id", found, grave)
    for name, column in _WITH.get(entity.name, ()):
        gone[name] = gone.get(name, 0) + _bury_where(session, entity_of(name), column, found, grave)
    tally(session, {name: -count for name, count in gone.items() if count})
    return gone[entity.name]


def _bury_where(session: Session, entity: Entity, by: str, found: Collection[str], grave: Mapping[str, object]) -> int:
    table = table_of(entity)
    is_due = table.c[by].in_(found) & table.c.deleted_at.is_(None) & (table.c.read_at < grave["deleted_at"])
    return session.changed(table.update().where(is_due).values(**grave))


def bury_rest(
    session: Session,
    entity: Entity,
    asked: Mapping[str, Collection[str]],
    kept: Collection[str],
    *,
    at: datetime,
) -> int:
    """Put tombstones on rows whose columns are all among those asked about and that are not among the kept ones.

    Call it under the write lock. Returns how many were buried.
    """
    table = table_of(entity)
    grave = {"deleted_at": at, "deleted_because": "deleted", "version": ROW_VERSION.next_value()}
    is_due = table.c.deleted_at.is_(None) & (table.c.read_at < at) & table.c.id.not_in(kept)
    for name, values in asked.items():
        is_due &= table.c[name].in_(values)
    gone = session.changed(table.update().where(is_due).values(**grave))
    tally(session, {entity.name: -gone} if gone else {})
    return gone


def bury_missing(
    session: Session,
    child: Entity,
    seen: Mapping[str, Collection[str]],
    *,
    parent: Entity,
    updated: Mapping[str, object],
    at: datetime,
) -> int:
    """Put tombstones on children that a complete list of their parent no longer holds.

    `seen` is by parent id. A parent counts only where the version that was read is the one that is stored: a lagging
    search index must not bury what a fresher read brought. Call it under the write lock. Returns how many were buried.
    """
    if not seen:
        return 0
    gone = session.changed(
        text(_bury_missing_sql(child, parent)).bindparams(
            parents=list(seen),
            updated=[updated.get(parent_id) for parent_id in seen],
            kept=[known for ids in seen.values() for known in ids],
            at=at,
        )
    )
    tally(session, {child.name: -gone} if gone else {})
    return gone


@cache
def _bury_missing_sql(child: Entity, parent: Entity) -> str:
    """One statement for a page's parents; a child's id is its own across parents, so one list of kept ids will do."""
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

"""Removes the text of excluded fields from stored rows, and keeps pages of an older field policy from bringing it back.

The removal is a change of the rows: their versions grow, so the feed hands it on. Comments go as a whole where comments
are excluded; their tombstones keep no text either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import ARRAY, Text, case, cast, column, delete, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import JSONB

from app import clock
from app.catalog.extract import TopUp
from app.catalog.field_policy import WORKLOG_COMMENT
from app.catalog.registry import entity
from app.catalog.withholding import excludable, json_without_excluded
from app.ingest.planning import applied, exclusions, field_policy, inbox, plan
from app.ingest.writing import remapping
from app.integrations import ledger
from app.store import checkpoints, records
from app.store.schema import CHUNKS, ROW_VERSION
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from sqlalchemy import ColumnElement, Table

    from app.catalog.extract import Row
    from app.catalog.field_policy import FieldPolicy
    from app.catalog.language import Column, Entity
    from app.catalog.site_mapping import Meaning
    from app.store.session import Session, Store

_BATCH = 2000
"""Rows that one transaction looks through, under the tenant's write lock."""


@dataclass(frozen=True)
class _Removal:
    """The text to remove."""

    policy: FieldPolicy
    kinds: frozenset[Meaning]
    """Kinds of the site's own fields to empty the columns of: one field behind them is excluded."""


def hold(session: Session, policy: FieldPolicy, rows: Iterable[Row]) -> None:
    """Remove texts from just written rows that the settings exclude by now. Call it under the tenant's write lock.

    Issues that were read under other settings of their fields are read again.

    The settings are read after the lock is taken: a removal that began later sees these rows, an earlier one is made up
    for here.
    """
    excludable_names = {of.name for of in excludable()}
    ids: dict[str, set[str]] = {}
    for row in rows:
        if row.entity.name in excludable_names:
            ids.setdefault(row.entity.name, set()).add(row.id)
    if not ids:
        return
    current_fields, withheld_fields, settings = exclusions.standing(session)
    if settings is not None and policy.fields_digest not in {"", settings.fields_digest}:
        inbox.ask(session, sorted(ids.get("issue", ())), origin=inbox.SWEEP)
    if withheld_fields - current_fields - {*policy.excluded}:
        exclusions.note_withheld(session, withheld_fields & (current_fields | {*policy.excluded}))
    integration = ledger.of_tenant(session) if current_fields - {*policy.excluded} else None
    if integration is None:
        return
    kinds = field_policy.kinds_of(session, integration, current_fields - {*policy.excluded})
    removal = _Removal(field_policy.load(session, integration), kinds)
    for of in excludable():
        if of.name in ids:
            _remove(session, of, removal, table_of(of).c.id.in_(sorted(ids[of.name])))
    inbox.ask(session, sorted(ids.get("issue", ())), origin=inbox.SWEEP)


def remove_excluded(store: Store, tenant_id: UUID) -> int:
    """Remove the texts of all excluded fields, in batches, and plan walks for those included again.

    Where a newly excluded field was one of several behind a column, the others fill it. Returns the number of changed
    rows.
    """
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        if integration is None:
            return 0
        policy = field_policy.load(session, integration)
        new_fields = {*policy.excluded} - exclusions.standing(session).withheld
        kinds = field_policy.kinds_of(session, integration, new_fields)
        removal = _Removal(policy, frozenset())
        _forget_walks(session, policy)
        applied.note_excluded(session, policy.excluded)
    # The other fields of a column count from now on.
    unclear_ids = remapping.remap(store, tenant_id, policy, kinds, new_fields) if kinds else set()
    row_count = sum(_remove_all(store, tenant_id, of, removal) for of in excludable() if _is_concerned(of, removal))
    with store.bound_to(tenant_id) as session:
        records.lock_for_writing(session)
        exclusions.note_withheld(session, exclusions.standing(session).excluded & {*policy.excluded})
        inbox.ask(session, sorted(unclear_ids), origin=inbox.SWEEP)
        _walk_emptied(session, policy)
    return row_count


def _is_concerned(of: Entity, removal: _Removal) -> bool:
    """Whether any column of an entity may hold text to remove."""
    excluded = removal.policy.excluded
    return any(
        own_column.excluded_with in excluded
        or own_column.site_kind in removal.kinds
        or (own_column.without_excluded is not None and excluded)
        for own_column in of.columns
    )


def _walk_emptied(session: Session, policy: FieldPolicy) -> None:
    """Plan walks of histories and worklogs that lost the text of a field which is included again.

    Such lists have as many rows as Jira's total, so a read of the issue alone takes them for whole.
    """
    if checkpoints.plan(session, plan.top_ups(emptied(session, policy)), again=True):
        plan.enqueue_worker_once(session)


def emptied(session: Session, policy: FieldPolicy) -> list[TopUp]:
    """The lists of histories and worklogs that lost the text of a field which a policy includes."""
    history, worklog = table_of(entity("changelog")), table_of(entity("worklog"))
    item = func.jsonb_array_elements(history.c["items"]).table_valued(column("value", JSONB), name="item")
    values = [item.c.value[key].astext for key in ("from", "from_string", "to", "to_string")]
    name, field_id = item.c.value["field"].astext, func.coalesce(item.c.value["field_id"].astext, "")
    labels = [*policy.excluded, *policy.excluded_names]
    queries = [
        select(history.c.issue_id)
        .select_from(history.join(item, true()))
        .where(history.c.deleted_at.is_(None), func.num_nulls(*values) == len(values))
        .where(func.lower(name).not_in(labels), field_id.not_in(labels))
    ]
    if policy.may_keep(WORKLOG_COMMENT):
        queries.append(
            select(worklog.c.issue_id).where(worklog.c.deleted_at.is_(None), worklog.c.comment_length.is_(None))
        )
    return [
        TopUp(of, issue_id)
        for of, query in zip((entity("changelog"), entity("worklog")), queries, strict=False)
        for issue_id in session.execute(query.distinct()).scalars()
    ]


def _forget_walks(session: Session, policy: FieldPolicy) -> None:
    """Take walks of excluded entities off the plan; their workers lose the lease."""
    names = [of.name for of in excludable() if not policy.may_keep(of.name)]
    session.execute(delete(CHUNKS).where(CHUNKS.c.entity.in_(names)))


def _remove_all(store: Store, tenant_id: UUID, of: Entity, removal: _Removal) -> int:
    table, after, row_count = table_of(of), "", 0
    upper: str | None = after
    while upper is not None:
        with store.bound_to(tenant_id) as session:
            remaining = select(table.c.id).where(table.c.id > after).order_by(table.c.id)
            upper = session.execute(remaining.offset(_BATCH - 1).limit(1)).scalar_one_or_none()
            within = table.c.id > after if upper is None else (table.c.id > after) & (table.c.id <= upper)
            records.lock_for_writing(session)
            row_count += _remove(session, of, removal, within)
        after = upper or after
    return row_count


def _remove(session: Session, of: Entity, removal: _Removal, within: ColumnElement[bool]) -> int:
    """Remove excluded texts of the rows in a range. Returns the number of changes."""
    change_count, policy = _empty_columns(session, of, removal, within), removal.policy
    for own_column in of.columns:
        if own_column.without_excluded is not None:
            change_count += _empty_json(session, table_of(of), own_column, policy, within)
    if not policy.may_keep(of.name):
        change_count += _bury(session, of, within)
    return change_count


def _empty_columns(session: Session, of: Entity, removal: _Removal, within: ColumnElement[bool]) -> int:
    table, policy = table_of(of), removal.policy
    columns_by_condition: dict[tuple[str, str] | None, list[str]] = {}
    for own_column in of.columns:
        is_excluded = own_column.excluded_with is not None and not policy.may_keep(own_column.excluded_with)
        if is_excluded or own_column.site_kind in removal.kinds:
            columns_by_condition.setdefault(own_column.excluded_where, []).append(own_column.name)
    change_count = 0
    for condition, names in columns_by_condition.items():
        is_meant = within & or_(*(table.c[name].is_not(None) for name in names))
        if condition is not None:
            is_meant &= table.c[condition[0]] == condition[1]
        values = {**dict.fromkeys(names), "version": _next_version(table)}
        change_count += session.changed(update(table).where(is_meant).values(values))
    return change_count


def _empty_json(
    session: Session, table: Table, own_column: Column, policy: FieldPolicy, within: ColumnElement[bool]
) -> int:
    """Rewrite the JSON of rows that mention an excluded field."""
    stored_json = cast(table.c[own_column.name], Text)
    changed_json: dict[str, str] = {}
    for row in session.execute(
        select(table.c.id, stored_json.label("stored_json")).where(within, _mentions(stored_json, policy))
    ):
        kept_json = json_without_excluded(own_column, row.stored_json, policy)
        if kept_json != row.stored_json:
            changed_json[row.id] = kept_json
    if not changed_json:
        return 0
    new = func.unnest(cast([*changed_json], ARRAY(Text)), cast([*changed_json.values()], ARRAY(Text)))
    new_rows = new.table_valued(column("id", Text), column("value", Text), name="new_rows").render_derived()
    values = {own_column.name: cast(new_rows.c.value, JSONB), "version": _next_version(table)}
    return session.changed(update(table).where(table.c.id == new_rows.c.id).values(values))


def _mentions(stored_json: ColumnElement[str], policy: FieldPolicy) -> ColumnElement[bool]:
    """Whether a JSON text may concern an excluded field: a superset, cheap to find."""
    labels = (orjson.dumps(name).decode() for name in {*policy.excluded, *policy.excluded_names})
    # A change without a field id may be of an excluded field before it was renamed.
    return or_(*(stored_json.icontains(label, autoescape=True) for label in (*labels, '"field_id": null')))


def _bury(session: Session, of: Entity, within: ColumnElement[bool]) -> int:
    table = table_of(of)
    grave = {"deleted_at": clock.now(), "deleted_because": "excluded", "version": ROW_VERSION.next_value()}
    buried_count = session.changed(update(table).where(within, table.c.deleted_at.is_(None)).values(**grave))
    records.tally(session, {of.name: -buried_count} if buried_count else {})
    return buried_count


def _next_version(table: Table) -> ColumnElement[int]:
    """The next version of a live row; a tombstone keeps its own, since readers see nothing of its text."""
    return case((table.c.deleted_at.is_(None), ROW_VERSION.next_value()), else_=table.c.version)

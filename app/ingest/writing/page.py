"""One page of Jira's objects becomes rows: extract, upsert, bury missing children, plan follow-ups."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from app.catalog.conversion import digest_of
from app.catalog.extract import Page, Row, TopUp, extract_all
from app.catalog.json_value import find
from app.catalog.language import Each
from app.catalog.registry import children_of, walked
from app.errors import PoisonRecord
from app.ingest.planning import plan
from app.ingest.writing import exclusions, left_out, older_edits, rename_propagation, stubs, top_ups
from app.jira.client import whole
from app.store import checkpoints, records
from app.store.poison import Parked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from msgspec import Raw

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.json_value import Json
    from app.catalog.language import Entity
    from app.store.session import Session


@dataclass
class ParsedPage:
    """Contents of a page before it is stored."""

    entity: Entity
    policy: FieldPolicy
    """The field policy of its extraction."""
    rows: list[Row] = field(default_factory=list)
    top_ups: list[TopUp] = field(default_factory=list)
    poison: list[Parked] = field(default_factory=list)
    whole: dict[Entity, dict[str, list[str]]] = field(default_factory=dict)
    """Ids of the children of each object of the page, by child entity, for complete lists only."""
    complete_lists: dict[Entity, dict[str, list[str]]] = field(default_factory=dict)
    """Ids of an issue's complete list, by entity and issue; the rows are its last page."""
    mentions: dict[str, dict[str, Json]] = field(default_factory=dict)
    """Objects that the rows name, by entity and id; those without a row become stubs."""
    is_from_index: bool = False
    """Whether a search index answered, which may lag behind the site."""

    @property
    def own_ids(self) -> list[str]:
        """Ids of the rows of the page's own entity."""
        return [row.id for row in self.rows if row.entity is self.entity]

    def add(self, page: ParsedPage) -> None:
        """Add another page of lists."""
        self.rows += page.rows
        self.top_ups += page.top_ups
        self.poison += page.poison
        for entity, lists in page.complete_lists.items():
            self.complete_lists.setdefault(entity, {}).update(lists)
        for name, bodies in page.mentions.items():
            self.mentions.setdefault(name, {}).update(bodies)


def parse_page(entity: Entity, items: Iterable[Json | Raw], fields: FieldPolicy, parent_id: str | None) -> ParsedPage:
    """Parse a page's objects; an unreadable one doesn't stop the rest. Raises JiraNonsense for invalid JSON."""
    page = Page(fields)
    parsed_page = ParsedPage(entity, fields, page.rows, mentions=page.mentions)
    if not fields.may_keep(entity.name):
        return parsed_page
    for item in items:
        body, start = whole(item), len(page.rows)
        try:
            extract_all(entity, body, page, parent_id)
        except PoisonRecord as poisonous:
            parsed_page.poison.append(Parked(entity.name, poisonous.condition, digest_of(body)))
            continue
        if entity.updated is not None:
            _note_whole(parsed_page, body, start)
    parsed_page.top_ups += page.top_ups
    return parsed_page


def _note_whole(parsed_page: ParsedPage, body: Json, start: int) -> None:
    """Record the complete lists of children in an object; its own row is the `start`th, theirs follow."""
    rows = parsed_page.rows[start:]
    object_id = rows[0].id
    if any(fault.column is None for row in rows for fault in row.faults):
        return
    for child, place in children_of(parsed_page.entity.name):
        items = find(body, place.at) if place.at and child.belongs_to == parsed_page.entity.name else None
        if isinstance(items, list) and (place.total is None or find(body, place.total) == len(items)):
            parsed_page.whole.setdefault(child, {})[object_id] = []
    for row in rows[1:]:
        if (child_ids := parsed_page.whole.get(row.entity)) is not None and object_id in child_ids:
            child_ids[object_id].append(row.id)


class WriteResult(NamedTuple):
    """Effects of a stored page."""

    changed_rows: int
    planned_chunks: int


def write_page(session: Session, parsed_page: ParsedPage, *, read_at: datetime) -> WriteResult:
    """Store a page in the caller's transaction and plan its follow-ups."""
    stored_histories = top_ups.known_histories(session, parsed_page.rows)
    before = rename_propagation.before(session, parsed_page.entity, parsed_page.rows)
    rows = [*parsed_page.rows, *stubs.missing_rows(session, parsed_page.mentions, parsed_page.rows, parsed_page.policy)]
    results = records.apply(session, rows, read_at=read_at, is_from_index=parsed_page.is_from_index)
    if parsed_page.is_from_index:
        older_edits.ask_again(session, parsed_page.rows, results, read_at=read_at)
    exclusions.hold(session, parsed_page.policy, rows)
    own_result = results.get(parsed_page.entity.name)
    # What is new here brought its children along: nothing of theirs can be left over, and what was cut off is missing.
    open_top_ups = parsed_page.top_ups
    if own_result is not None and own_result.added < own_result.offered:
        _bury_absent(session, parsed_page, read_at)
        # Top-ups of an issue that was read again are walked again, where its list has grown, or it steps back.
        restored_issues = older_edits.restored(session, parsed_page.rows, read_at=read_at)
        open_top_ups = top_ups.still_short(session, parsed_page.rows, open_top_ups, stored_histories, restored_issues)
    for entity, lists in parsed_page.complete_lists.items():
        live_ids = [child_id for child_ids in lists.values() for child_id in child_ids]
        records.bury_rest(session, entity, {"issue_id": [*lists]}, live_ids, at=read_at)
    chunk_count = checkpoints.plan(session, plan.follow_ups(parsed_page.rows, parsed_page.policy.selection))
    chunk_count += checkpoints.plan(session, plan.top_ups(open_top_ups), again=True)
    dependents = [item.name for item in walked(Each.STORED) if item.matched_by == parsed_page.entity.name]
    if own_result is not None and own_result.changed and dependents:
        # A filter is new or changed: issues that were matched against the old one are matched again.
        chunk_count += checkpoints.walk_again(session, dependents)
    left_out.settle(session, rows, parsed_page.poison, read_at=read_at)
    renamed_rows = rename_propagation.propagate(session, parsed_page.entity, parsed_page.rows, before, read_at=read_at)
    return WriteResult(sum(item.changed for item in results.values()) + renamed_rows, chunk_count)


def _bury_absent(session: Session, parsed_page: ParsedPage, read_at: datetime) -> None:
    """Bury stored children that are missing from a complete list."""
    if parsed_page.entity.updated is None:
        return
    update_times = {
        row.id: row.values[parsed_page.entity.updated] for row in parsed_page.rows if row.entity is parsed_page.entity
    }
    for child, child_ids in parsed_page.whole.items():
        records.bury_missing(session, child, child_ids, parent=parsed_page.entity, updated=update_times, at=read_at)

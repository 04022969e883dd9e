"""One page of Jira's objects becomes rows: extract, upsert, bury what is gone, plan what the page brings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import orjson

from app import logs
from app.catalog.extract import Page, Row, TopUp, extract_all
from app.catalog.json_value import find
from app.catalog.language import Each
from app.catalog.registry import children_of, walked
from app.errors import PoisonRecord
from app.ingest.planning import plan
from app.ingest.writing import rename_propagation, top_ups
from app.jira.client import whole
from app.store import checkpoints, poison, records
from app.store.poison import Parked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from msgspec import Raw

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.json_value import Json
    from app.catalog.language import Entity
    from app.store.session import Session

log = logs.get(__name__)


@dataclass
class ParsedPage:
    """What a page holds, before it is stored."""

    entity: Entity
    rows: list[Row] = field(default_factory=list)
    top_ups: list[TopUp] = field(default_factory=list)
    poison: list[Parked] = field(default_factory=list)
    whole: dict[Entity, dict[str, list[str]]] = field(default_factory=dict)
    """Ids of the children of each object of the page, by child, where Jira sent all of them."""
    listed: dict[Entity, list[str]] = field(default_factory=dict)
    """The issues whose whole list of an entity the rows are."""

    def add(self, other: ParsedPage) -> None:
        """Take in another haul, of lists."""
        self.rows += other.rows
        self.top_ups += other.top_ups
        self.poison += other.poison
        for entity, parents in other.listed.items():
            self.listed.setdefault(entity, []).extend(parents)


def parse_page(entity: Entity, items: Iterable[Json | Raw], fields: FieldPolicy, parent_id: str | None) -> ParsedPage:
    """Read a page's objects; one that cannot be read does not stop the rest. Raises JiraNonsense for what is no JSON."""
    poisoned = list[PoisonRecord]()
    page = Page(fields, poisoned)
    parsed = ParsedPage(entity, page.rows)
    for item in items:
        body, start = whole(item), len(page.rows)
        try:
            extract_all(entity, body, page, parent_id)
        except PoisonRecord as poisonous:
            poisoned.append(poisonous)
        if poisoned:
            parsed.poison += [Parked(record.entity, record.condition, digest_of(body)) for record in poisoned]
            poisoned.clear()
        elif entity.updated is not None:
            _note_whole(parsed, body, start)
    parsed.top_ups += page.top_ups
    return parsed


def _note_whole(parsed: ParsedPage, body: Json, start: int) -> None:
    """Note which lists of children an object brought whole; its own row is the `start`th, theirs follow."""
    known = parsed.rows[start].id
    for child, place in children_of(parsed.entity.name):
        listed = find(body, place.at) if place.at and child.belongs_to == parsed.entity.name else None
        if isinstance(listed, list) and (place.total is None or find(body, place.total) == len(listed)):
            parsed.whole.setdefault(child, {})[known] = []
    for row in parsed.rows[start + 1 :]:
        if (seen := parsed.whole.get(row.entity)) is not None and known in seen:
            seen[known].append(row.id)


class Stored(NamedTuple):
    """What storing a page did."""

    changed: int
    planned: int


def write_page(session: Session, parsed: ParsedPage, *, read_at: datetime) -> Stored:
    """Store a page in the caller's transaction and plan what it brings."""
    known = top_ups.known_histories(session, parsed.rows)
    was = rename_propagation.before(session, parsed.entity, parsed.rows)
    applied = records.apply(session, parsed.rows, read_at=read_at)
    own = applied.get(parsed.entity.name)
    # What is new here brought its children along: nothing of theirs can be left over, and what was cut off is missing.
    needed = parsed.top_ups
    if own is not None and own.added < own.offered:
        _bury_absent(session, parsed, read_at)
        # Top-ups of an issue that was read again are walked again, where its list has grown.
        needed = top_ups.still_short(session, parsed.rows, needed, known)
    for entity, parents in parsed.listed.items():
        kept = [row.id for row in parsed.rows if row.entity is entity]
        records.bury_rest(session, entity, {"issue_id": parents}, kept, at=read_at)
    planned = checkpoints.plan(session, plan.follow_ups(parsed.rows))
    planned += checkpoints.plan(session, plan.top_ups(needed), again=True)
    dependents = [each.name for each in walked(Each.STORED) if each.matched_by == parsed.entity.name]
    if own is not None and own.changed and dependents:
        # A filter is new or changed: issues that were matched against the old one are matched again.
        planned += checkpoints.walk_again(session, dependents)
    for each in parsed.poison:
        log.warning("record parked", entity=each.entity, reason=str(each.reason), digest=each.digest)
    poison.park(session, parsed.poison)
    rippled = rename_propagation.propagate(session, parsed.entity, parsed.rows, was, read_at=read_at)
    return Stored(sum(each.changed for each in applied.values()) + rippled, planned)


def digest_of(body: object) -> str:
    """A name for a record that could not be read, without keeping it."""
    return hashlib.sha256(orjson.dumps(body, default=str)).hexdigest()


def _bury_absent(session: Session, parsed: ParsedPage, read_at: datetime) -> None:
    """Children that were stored once and are missing from a list that Jira sent whole were deleted."""
    if parsed.entity.updated is None:
        return
    updated = {row.id: row.values[parsed.entity.updated] for row in parsed.rows if row.entity is parsed.entity}
    for child, seen in parsed.whole.items():
        records.bury_missing(session, child, seen, parent=parsed.entity, updated=updated, at=read_at)

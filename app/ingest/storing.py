"""One page of Jira's objects becomes rows: extract, upsert, bury what is gone, plan what the page brings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import orjson

from app import logs
from app.catalog.extract import Page, Row, TopUp, extract_all
from app.catalog.language import Each, find
from app.catalog.registry import children_of, walked
from app.errors import PoisonRecord
from app.ingest import plan, ripples, shortfall
from app.jira.client import whole
from app.store import checkpoints, poison, records
from app.store.poison import Parked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from msgspec import Raw

    from app.catalog.language import Entity, Fields, Json
    from app.store.session import Session

log = logs.get(__name__)


@dataclass
class Haul:
    """What a page holds, before it is stored."""

    entity: Entity
    rows: list[Row] = field(default_factory=list)
    top_ups: list[TopUp] = field(default_factory=list)
    poison: list[Parked] = field(default_factory=list)
    whole: dict[Entity, dict[str, list[str]]] = field(default_factory=dict)
    """Ids of the children of each object of the page, by child, where Jira sent all of them."""
    listed: dict[Entity, list[str]] = field(default_factory=dict)
    """The issues whose whole list of an entity the rows are."""

    def add(self, other: Haul) -> None:
        """Take in another haul, of lists."""
        self.rows += other.rows
        self.top_ups += other.top_ups
        self.poison += other.poison
        for entity, parents in other.listed.items():
            self.listed.setdefault(entity, []).extend(parents)


def extract_page(entity: Entity, items: Iterable[Json | Raw], fields: Fields, parent_id: str | None) -> Haul:
    """Read a page's objects; one that cannot be read does not stop the rest. Raises JiraNonsense for what is no JSON."""
    poisoned = list[PoisonRecord]()
    page = Page(fields, poisoned)
    haul = Haul(entity, page.rows)
    for item in items:
        body, start = whole(item), len(page.rows)
        try:
            extract_all(entity, body, page, parent_id)
        except PoisonRecord as problem:
            poisoned.append(problem)
        if poisoned:
            haul.poison += [Parked(problem.entity, str(problem), digest_of(body)) for problem in poisoned]
            poisoned.clear()
        elif entity.updated is not None:
            _note_whole(haul, body, start)
    haul.top_ups += page.top_ups
    return haul


def _note_whole(haul: Haul, body: Json, start: int) -> None:
    """Note which lists of children an object brought whole; its own row is the `start`th, theirs follow."""
    known = haul.rows[start].id
    for child, place in children_of(haul.entity.name):
        listed = find(body, place.at) if place.at and child.belongs_to == haul.entity.name else None
        if isinstance(listed, list) and (place.total is None or find(body, place.total) == len(listed)):
            haul.whole.setdefault(child, {})[known] = []
    for row in haul.rows[start + 1 :]:
        if (seen := haul.whole.get(row.entity)) is not None and known in seen:
            seen[known].append(row.id)


class Stored(NamedTuple):
    """What storing a page did."""

    changed: int
    planned: int


def store_page(session: Session, tenant_id: UUID, haul: Haul, *, read_at: datetime) -> Stored:
    """Store a page in the caller's transaction and plan what it brings."""
    known = shortfall.known_histories(session, haul.rows)
    was = ripples.before(session, haul.entity, haul.rows)
    applied = records.apply(session, tenant_id, haul.rows, read_at=read_at)
    own = applied.get(haul.entity.name)
    # What is new here brought its children along: nothing of theirs can be left over, and what was cut off is missing.
    needed = haul.top_ups
    if own is not None and own.added < own.offered:
        _bury_absent(session, tenant_id, haul, read_at)
        # Top-ups of an issue that was read again are walked again, where its list has grown.
        needed = shortfall.still_short(session, haul.rows, needed, known)
    for entity, parents in haul.listed.items():
        kept = [row.id for row in haul.rows if row.entity is entity]
        records.bury_rest(session, tenant_id, entity, {"issue_id": parents}, kept, at=read_at)
    planned = checkpoints.plan(session, tenant_id, plan.follow_ups(haul.rows))
    planned += checkpoints.plan(session, tenant_id, plan.top_ups(needed), again=True)
    if own is not None and own.changed and haul.entity.name == "board_configuration":
        # A filter came or changed: what was held against the filters before is held against them again.
        planned += checkpoints.walk_again(session, [each.name for each in walked(Each.STORED)])
    for each in haul.poison:
        log.warning("record parked", entity=each.entity, reason=each.reason, digest=each.digest)
    poison.park(session, tenant_id, haul.poison)
    rippled = ripples.spread(session, tenant_id, haul.entity, haul.rows, was, read_at=read_at)
    return Stored(sum(each.changed for each in applied.values()) + rippled, planned)


def digest_of(body: object) -> str:
    """A name for a record that could not be read, without keeping it."""
    return hashlib.sha256(orjson.dumps(body, default=str)).hexdigest()


def _bury_absent(session: Session, tenant_id: UUID, haul: Haul, read_at: datetime) -> None:
    """Children that were stored once and are missing from a list that Jira sent whole were deleted."""
    if haul.entity.updated is None:
        return
    updated = {row.id: row.values[haul.entity.updated] for row in haul.rows if row.entity is haul.entity}
    for child, seen in haul.whole.items():
        records.bury_missing(session, tenant_id, child, seen, parent=haul.entity, updated=updated, at=read_at)

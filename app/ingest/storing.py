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
from app.ingest import plan, shortfall
from app.store import checkpoints, poison, records
from app.store.poison import Parked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from app.catalog.language import Entity, Fields, Json
    from app.store.session import Session

log = logs.get(__name__)


@dataclass
class Haul:
    """What a page holds, before it is stored."""

    entity: Entity
    bodies: Sequence[Json]
    rows: list[Row] = field(default_factory=list)
    top_ups: list[TopUp] = field(default_factory=list)
    poison: list[Parked] = field(default_factory=list)


def extract_page(entity: Entity, bodies: Sequence[Json], fields: Fields, parent_id: str | None) -> Haul:
    """Read a page's objects; one that cannot be read does not stop the rest."""
    poisoned, parked = list[PoisonRecord](), list[Parked]()
    page = Page(fields, poisoned)
    for body in bodies:
        try:
            extract_all(entity, body, page, parent_id)
        except PoisonRecord as problem:
            poisoned.append(problem)
        parked += [Parked(problem.entity, str(problem), digest_of(body)) for problem in poisoned]
        poisoned.clear()
    return Haul(entity, bodies, page.rows, list(page.top_ups), parked)


class Stored(NamedTuple):
    """What storing a page did."""

    changed: int
    planned: int


def store_page(session: Session, tenant_id: UUID, haul: Haul, *, read_at: datetime) -> Stored:
    """Store a page in the caller's transaction and plan what it brings."""
    known = shortfall.known_histories(session, haul.rows)
    applied = records.apply(session, tenant_id, haul.rows, read_at=read_at)
    own = applied.get(haul.entity.name)
    # What is new here brought all its children along: nothing of theirs can be left over.
    if own is not None and own.added < own.offered:
        _bury_absent(session, tenant_id, haul, read_at)
    planned = checkpoints.plan(session, tenant_id, plan.follow_ups(haul.rows))
    # Top-ups of an issue that was read again are walked again, where its list has grown.
    needed = shortfall.still_short(session, haul.rows, haul.top_ups, known)
    planned += checkpoints.plan(session, tenant_id, plan.top_ups(needed), again=True)
    if own is not None and own.changed and haul.entity.name == "board_configuration":
        # A filter came or changed: what was held against the filters before is held against them again.
        planned += checkpoints.walk_again(session, [each.name for each in walked(Each.STORED)])
    for each in haul.poison:
        log.warning("record parked", entity=each.entity, reason=each.reason, digest=each.digest)
    poison.park(session, tenant_id, haul.poison)
    return Stored(sum(each.changed for each in applied.values()), planned)


def digest_of(body: object) -> str:
    """A name for a record that could not be read, without keeping it."""
    return hashlib.sha256(orjson.dumps(body, default=str)).hexdigest()


def _bury_absent(session: Session, tenant_id: UUID, haul: Haul, read_at: datetime) -> None:
    """Children that were stored once and are missing from a list that Jira sent whole were deleted."""
    if haul.entity.updated is None:
        return
    updated = {row.id: row.values[haul.entity.updated] for row in haul.rows if row.entity is haul.entity}
    for child, place in children_of(haul.entity.name):
        if not place.at or child.belongs_to != haul.entity.name:
            continue
        seen = {
            str(find(body, "id")): [str(find(each, "id")) for each in listed]
            for body in haul.bodies
            if isinstance(listed := find(body, place.at), list)
            and (place.total is None or find(body, place.total) == len(listed))
            and isinstance(body, dict)
        }
        records.bury_missing(session, tenant_id, child, seen, parent=haul.entity, updated=updated, at=read_at)

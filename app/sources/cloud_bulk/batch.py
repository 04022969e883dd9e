"""Whole issues by `POST issue/bulkfetch`.

Jira leaves out issues that aren't there or can't be seen, and names in `issueErrors` those that it failed to read: both
are read directly. An answer that fails as a whole while the site is well is halved, since one issue can fail every
answer that holds it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from app import clock
from app.catalog.field_policy import FieldPolicy
from app.catalog.json_value import Json, find
from app.errors import JiraDown, JiraFailure, JiraNonsense, JiraRejected, TokenExpired
from app.jira.client import whole
from app.sources.cloud import by_ids
from app.sources.cloud.pages import list_in
from app.sources.cloud.rest import path_of
from app.sources.cloud_bulk.refusals import probe_endpoint, refusal_of
from app.sources.outcomes import Broken, NotForUs, NotOffered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from app.sources.cloud.rest import CloudSession

ENDPOINT = "issue/bulkfetch"
_PROOF = 2
"""Issues that fail alone before the first good answer: then the fault is the endpoint's."""


class _Head(msgspec.Struct):
    """The id of an issue, read without the rest of it."""

    id: str | int


@dataclass
class Batch:
    """Issues by id, and the ids without one."""

    sent_at: datetime
    bodies: dict[str, Json | msgspec.Raw] = field(default_factory=dict)
    unreadable: Mapping[str, NotOffered | NotForUs | Broken] = field(default_factory=dict)
    size: int = 0
    """Octets."""
    site_time: datetime | None = None
    failures: list[JiraFailure] = field(default_factory=list)
    """Failures of single issues."""


def read(site: CloudSession, issue_ids: Sequence[str], policy: FieldPolicy) -> Batch | NotForUs | NotOffered:
    """At most 100 issues; a finding is about the endpoint. Raises a JiraFailure."""
    batch = Batch(clock.now())
    try:
        _fetch(site, issue_ids, policy, batch)
    except JiraFailure as failure:
        if (finding := refusal_of(failure)) is not None:
            return finding
        raise
    if _is_endpoint_at_fault(batch):
        return NotOffered(batch.failures[-1])
    if absent_ids := [issue_id for issue_id in issue_ids if issue_id not in batch.bodies]:
        issue_read = by_ids.read(site, absent_ids, policy, absent_ids)
        batch.bodies |= {str(find(body, "id")): body for body in issue_read.bodies}
        batch.unreadable = issue_read.unreadable
    return batch


def probe(site: CloudSession, issue_id: str) -> NotForUs | NotOffered | None:
    """The refusal of the endpoint, if it refuses. Raises a JiraFailure."""
    return probe_endpoint(lambda: _ask(site, [issue_id], FieldPolicy(), Batch(clock.now())))


def _fetch(site: CloudSession, issue_ids: Sequence[str], policy: FieldPolicy, batch: Batch) -> None:
    """Add issues to the batch, and the failures of those that fail alone."""
    try:
        _ask(site, issue_ids, policy, batch)
    except (JiraRejected, JiraDown, JiraNonsense, TokenExpired) as failure:
        if refusal_of(failure) is not None:
            raise
        if not isinstance(failure, JiraRejected):
            site.diagnose(failure)
        if len(issue_ids) == 1:
            batch.failures.append(failure)
            return
        middle = len(issue_ids) // 2
        for half in (issue_ids[:middle], issue_ids[middle:]):
            if not _is_endpoint_at_fault(batch):
                _fetch(site, half, policy, batch)


def _is_endpoint_at_fault(batch: Batch) -> bool:
    return len(batch.failures) >= _PROOF and not batch.bodies


def _ask(site: CloudSession, issue_ids: Sequence[str], policy: FieldPolicy, batch: Batch) -> None:
    path = path_of(ENDPOINT)
    query: dict[str, Json] = {
        "issueIdsOrKeys": [*issue_ids],
        "fields": [*policy.requested()],
        "expand": ["changelog"],
    }
    answer = site.post(path, query, is_page=True)
    items: list[Json | msgspec.Raw] = [*list_in(answer.body, "issues", path)]
    batch.bodies |= {_id_of(item): item for item in items}
    batch.size += answer.size
    batch.site_time = batch.site_time or answer.site_time


def _id_of(item: Json | msgspec.Raw) -> str:
    if isinstance(item, msgspec.Raw):
        try:
            return str(msgspec.json.decode(item, type=_Head).id)
        except msgspec.MsgspecError:
            pass
    return str(find(whole(item), "id"))

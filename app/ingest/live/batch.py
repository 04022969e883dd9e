"""One batch of deliveries: the reads that answer it, and their rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.catalog.json_value import find
from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.ingest.drift import list_refresh
from app.ingest.live import evidence
from app.ingest.planning import field_policy, inbox
from app.ingest.planning.events import LIST_AT, ONE_AT, PROJECT_DELETED
from app.ingest.planning.plan import enqueue_worker_once
from app.ingest.writing import absences, memberships, project_access, unreadable
from app.ingest.writing.page import parse_page, write_page
from app.ingest.writing.quarantine import quarantine
from app.integrations import ledger
from app.sources import Gone
from app.sources.answers import is_archived
from app.store.session import StoreFault

if TYPE_CHECKING:
    from uuid import UUID

    from app.catalog.field_policy import FieldPolicy
    from app.ingest.drift.list_refresh import ListRead
    from app.ingest.planning.inbox import Delivery
    from app.ingest.writing.page import ParsedPage
    from app.integrations.model import Integration
    from app.sources import Source
    from app.sources.answers import IssueRead
    from app.store.session import Session, Store


class Unwanted(Exception):
    """The integration was paused, disconnected or deleted meanwhile: nothing is written."""


@dataclass
class Batch:
    """Deliveries that one read answers, with its results."""

    store: Store
    source: Source
    tenant_id: UUID
    deliveries: list[Delivery]
    policy: FieldPolicy
    issue_ids: list[str] = field(default_factory=list)
    issue_read: IssueRead | None = None
    parsed_page: ParsedPage | None = None
    list_reads: list[ListRead] = field(default_factory=list)
    lost_projects: set[str] = field(default_factory=set)

    def read(self) -> list[str]:
        """Ask Jira all questions of the batch, before its transaction begins. Returns the ids of the issues that were read.

        Raises a JiraFailure.
        """
        read_ids = self._read_issues() if self.issue_ids else []
        for name in ONE_AT:
            for object_id in evidence.named(self.deliveries, name):
                self.list_reads.append(list_refresh.read_object(self.source, entity(name), object_id))
        for name in LIST_AT:
            for scope_id in evidence.named(self.deliveries, name, whole=not LIST_AT[name]):
                if list_refresh.is_of_projects(name) and not self.policy.selection.takes_project(scope_id, None):
                    continue
                list_read = list_refresh.read_list(self.store, self.source, self.tenant_id, entity(name), scope_id)
                if not isinstance(list_read, Gone):
                    self.list_reads.append(list_read)
                elif list_refresh.is_of_projects(name):
                    self.lost_projects |= {scope_id}
        return read_ids

    def _read_issues(self) -> list[str]:
        deletion_ids = evidence.deleted(self.deliveries)
        self.issue_read = self.source.by_ids(self.issue_ids, self.policy, deletion_ids=deletion_ids)
        archived_ids = self._archived_ids(self.issue_read)
        bodies = [body for body in self.issue_read.bodies if str(find(body, "id")) not in archived_ids]
        self.parsed_page = parse_page(entity("issue"), bodies, self.policy, None)
        return [str(find(body, "id")) for body in bodies]

    def _archived_ids(self, issue_read: IssueRead) -> set[str]:
        """Issues that only a direct read answers because they are archived."""
        return {str(find(body, "id")) for body in issue_read.bodies if is_archived(body)} & issue_read.unsearchable

    def store_rows(self) -> None:
        """Write rows and mark the deliveries in one transaction; a row that the database refuses is set aside.

        Raises Unwanted.
        """
        try:
            self._commit()
        except StoreFault:
            if self.parsed_page is None or self.issue_read is None:
                raise
            self.parsed_page = quarantine(self.store, self.tenant_id, self.parsed_page, read_at=self.issue_read.sent_at)
            self._commit()

    def _commit(self) -> None:
        with self.store.bound_to(self.tenant_id) as session:
            if self.issue_read is not None and self.parsed_page is not None:
                result = write_page(session, self.parsed_page, read_at=self.issue_read.sent_at)
                if result.planned_chunks:
                    enqueue_worker_once(session)
                self._settle_absent(session, self.issue_read, self.parsed_page)
                unreadable.note_issues(session, self.issue_read, self.parsed_page.own_ids)
            for list_read in self.list_reads:
                list_refresh.keep(session, list_read, self.policy)
            inbox.finish(session, self.deliveries)
            if not ledger.mark_ingested(session):
                raise Unwanted

    def _settle_absent(self, session: Session, issue_read: IssueRead, parsed_page: ParsedPage) -> None:
        """Settle absences of issues that were read, bury archived and deleted ones, and record the other refused ones as absent."""
        absences.seen_again(session, parsed_page.own_ids)
        deleted_ids = evidence.deleted(self.deliveries) & issue_read.gone_ids
        settlements = (
            ("archived", self._archived_ids(issue_read), Code.DIRECT_READ),
            ("deleted", deleted_ids, Code.WEBHOOK),
        )
        for cause, issue_ids, code in settlements:
            if live_ids := memberships.live(session, issue_ids):
                absences.bury(session, live_ids, cause, evidence=Condition(code))
        absences.bury_outside(session, issue_read.outside_ids)
        absences.miss(session, sorted(issue_read.gone_ids - deleted_ids), evidence=evidence.evidence(self.deliveries))

    def follow_projects(self) -> None:
        """Apply a project's change to its issues, in small transactions. Raises a JiraFailure."""
        project_ids = {
            gone_id
            for list_read in self.list_reads
            if list_read.entity.name == "project"
            for gone_id in list_read.gone_ids
        }
        project_ids |= self.lost_projects
        events = {delivery.event for delivery in self.deliveries}
        if any(delivery.hints.get("access") for delivery in self.deliveries):
            with self.store.bound_to(self.tenant_id) as session:
                project_ids |= set(project_access.known_projects(session))
        if project_ids:
            deletions = (delivery for delivery in self.deliveries if delivery.event in PROJECT_DELETED)
            deleted_ids = {project_id for delivery in deletions for project_id in delivery.hints.get("project", ())}
            project_access.check_visibility(
                self.store, self.source, self.tenant_id, project_ids, deleted_ids=deleted_ids
            )
        if project_ids or any(event.startswith("project_") for event in events):
            project_access.bury_closed(self.store, self.tenant_id)


def batch_of(
    session: Session, store: Store, source: Source, integration: Integration, deliveries: list[Delivery]
) -> Batch:
    """A batch for claimed deliveries, with the issues that they name."""
    policy, issue_ids = field_policy.load(session, integration), evidence.issues(session, deliveries)
    return Batch(store, source, session.tenant_id, deliveries, policy, issue_ids)

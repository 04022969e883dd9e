"""Jira Cloud by API token as a source: the verbs of `app.sources.cloud`, with the faster plan for issues."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from app.conditions import Code
from app.errors import TokenExpired
from app.sources.answers import Capabilities
from app.sources.cloud import issues
from app.sources.cloud.source import CloudSource
from app.sources.cloud_bulk import batch, histories
from app.sources.cloud_bulk.id_lists import IdList, IdLists, position_of
from app.sources.cloud_bulk.refusals import Refusals, refusal_of
from app.sources.paging import ISSUE_PAGE, Page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.sources.cloud_bulk.id_lists import Position
    from app.sources.outcomes import Finding, NotForUs, NotOffered
    from app.sources.paging import Place
    from app.sources.scope import Scope

CAPABILITIES = Capabilities(
    webhooks=False,
    failed_webhooks=False,
    worklog_feeds=True,
    counts=True,
    filter_matching=True,
    bulk_fetch=True,
    metered_points=False,
    licence=False,
    emails=False,
    time_zone=True,
)
"""E-mail addresses come with the users, as far as the token's account sees them: their own endpoint is for apps."""
REFUSALS = Refusals()
"""Refusals that this process knows of."""


@dataclass(frozen=True)
class CloudBulkSource(CloudSource):
    """A site of Jira Cloud, read with an API token."""

    capabilities: Capabilities = CAPABILITIES
    refusals: Refusals = REFUSALS
    id_lists: IdLists = field(default_factory=IdLists)

    @property
    def refused_endpoints(self) -> Mapping[str, NotForUs | NotOffered]:
        """Findings about the bulk endpoints that this site refused lately; issues are read without them."""
        findings = ((name, self.refusals.of(self.address, name)) for name in (batch.ENDPOINT, histories.ENDPOINT))
        return {name: finding for name, finding in findings if finding is not None}

    def probe_bulk(self, issue_id: str) -> Mapping[str, NotForUs | NotOffered]:
        """Ask both bulk endpoints about an issue and return those refused, which are remembered. Raises a JiraFailure."""
        findings = {
            batch.ENDPOINT: batch.probe(self.session, issue_id),
            histories.ENDPOINT: histories.probe(self.session, issue_id),
        }
        refusals = {name: finding for name, finding in findings.items() if finding is not None}
        for name, finding in refusals.items():
            self.refusals.note(self.address, name, finding)
        return refusals

    def issues(self, scope: Scope, place: Place, size: int) -> Page | Finding:
        """Ids by `GET search/jql`, issues by `POST issue/bulkfetch`, long histories by `POST changelog/bulkfetch`."""
        page = self._bulk_page(scope, place, size)
        if not isinstance(page, Page) or histories.ENDPOINT in self.refused_endpoints:
            return page
        complete_page = histories.complete(self.session, page)
        if isinstance(complete_page, Page):
            return complete_page
        if (finding := refusal_of(complete_page.failure)) is not None:
            self.refusals.note(self.address, histories.ENDPOINT, finding)
        return page

    def _bulk_page(self, scope: Scope, place: Place, size: int) -> Page | Finding:
        """A page of issues; by search where the site refuses the bulk endpoint, and in walks that began by search."""
        position = position_of(place)
        if position is None:
            return issues.page(self.session, scope, place, size)
        if batch.ENDPOINT not in self.refused_endpoints:
            page = self._swept_page(scope, position, min(size, ISSUE_PAGE))
            if page is not None:
                return page
        if place.token is not None:
            raise TokenExpired(Code.TOKEN_EXPIRED)
        return issues.page(self.session, scope, place, size)

    def _swept_page(self, scope: Scope, position: Position, size: int) -> Page | Finding | None:
        """A page behind a position of the sweep; None where the site refuses the bulk endpoint."""
        id_list = self.id_lists.read(self.session, scope, position)
        if not isinstance(id_list, IdList):
            return id_list
        issue_ids = id_list.behind(position.last_id, size)
        page = Page([], id_list.next_place(issue_ids), None, id_list.sent_at, site_time=id_list.site_time)
        if not issue_ids:
            return page
        result = batch.read(self.session, issue_ids, scope.policy)
        if not isinstance(result, batch.Batch):
            self.refusals.note(self.address, batch.ENDPOINT, result)
            return None
        return replace(
            page,
            items=[result.bodies[issue_id] for issue_id in issue_ids if issue_id in result.bodies],
            sent_at=result.sent_at,
            size=result.size,
            site_time=result.site_time or page.site_time,
            unreadable_issues=result.unreadable,
            list_length=len(issue_ids),
        )

"""Jira Cloud as a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.catalog.json_value import Json, find
from app.catalog.selection import EVERYTHING
from app.conditions import Code
from app.errors import JiraGone, JiraNonsense
from app.jira.headers import points_of
from app.sources.answers import Capabilities, Server
from app.sources.cloud import by_ids, feeds, issues, lists, probes, queries
from app.sources.cloud.pages import is_one_object
from app.sources.cloud.rest import CloudSession, licence_path, path_of
from app.sources.outcomes import attempt

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.language import Entity
    from app.catalog.selection import Selection
    from app.errors import JiraFailure
    from app.jira.client import Site
    from app.sources.answers import Account, FailedPage, FeedPage, IdPage, IssueRead, Matches, Objects, QueryCheck
    from app.sources.outcomes import Broken, Finding, NotForUs, NotOffered
    from app.sources.paging import Page, Place
    from app.sources.scope import Scope
    from app.sources.source import WorklogFeed

CAPABILITIES = Capabilities(
    webhooks=True,
    failed_webhooks=True,
    worklog_feeds=True,
    counts=True,
    filter_matching=True,
    bulk_fetch=False,
    metered_points=True,
    licence=True,
    emails=True,
    time_zone=True,
)


@dataclass(frozen=True)
class CloudSource:
    """A site of Jira Cloud, read by REST v3 and the Agile API (`app.sources.source` has the verbs)."""

    site: Site
    capabilities: Capabilities = CAPABILITIES

    @property
    def session(self) -> CloudSession:
        """The site, with its 401s held against the credential."""
        return CloudSession(self.site)

    @property
    def address(self) -> str:
        """The site's base URL."""
        return self.site.base_url

    def whoami(self) -> Account:
        """`GET myself`."""
        return probes.whoami(self.session)

    def server(self) -> Server:
        """`GET serverInfo`."""
        path = path_of("serverInfo")
        answer = self.session.get(path)
        if not is_one_object(answer.body):
            raise JiraNonsense(Code.OBJECT_MISSING, path=path)
        version, deployment = find(answer.body, "version"), find(answer.body, "deploymentType")
        return Server(
            str(version) if version else None,
            str(deployment) if deployment else None,
            clock_skew=answer.site_time - answer.sent_at if answer.site_time else None,
            points=points_of(answer.headers),
        )

    def diagnose(self, failure: JiraFailure) -> Broken:
        """Attribute a failure to the object once `myself` answers. Raises the JiraFailure of an outage."""
        return self.session.diagnose(failure)

    def email_of(self, account_id: str) -> Json | Finding:
        """`GET user/email`: an object by the schema of Atlassian's document, plain text by its example."""

        def ask() -> Json:
            body = self.session.get(path_of("user/email"), {"accountId": account_id}).body
            return body if isinstance(body, str) else find(body, "email")

        return attempt(ask)

    def project_count(self) -> int | None:
        """`total` of `GET project/search`."""
        total = find(self.session.get(path_of("project/search"), {"maxResults": 1}).body, "total")
        return total if isinstance(total, int) else None

    def has_permission(self, permission: str) -> bool | Finding:
        """`GET mypermissions`."""
        return probes.has_permission(self.session, permission)

    def tracks_time(self) -> bool | Finding:
        """`GET configuration`."""
        return probes.tracks_time(self.session)

    def board_count(self) -> int | Finding:
        """`total` of `GET board`."""
        return probes.board_count(self.session)

    def issue_count(self) -> int | None:
        """`POST search/approximate-count` for all issues."""
        return issues.count_all(self.session)

    def check_query(self, jql: str) -> QueryCheck | Finding:
        """`POST jql/parse`, then a count and the newest keys."""
        return queries.check(self.session, jql)

    def newest_id(self) -> str | None:
        """`GET search/jql` for one id."""
        return probes.newest_id(self.session)

    def probe_bulk(self, issue_id: str) -> Mapping[str, NotForUs | NotOffered]:  # noqa: ARG002 - the verb's signature
        """Nothing: bulk endpoints are closed to an app that only reads."""
        return {}

    def has_lapsed(self, app_key: str) -> bool:
        """Whether the app's record states an inactive licence; free apps have no record of one."""
        try:
            body = self.session.get(licence_path(app_key)).body
        except JiraGone:
            return False
        return find(body, "license.active") is False

    def count(self, scope: Scope) -> int | None:
        """`POST search/approximate-count`."""
        return issues.count(self.session, scope)

    def first_created(self, scope: Scope) -> int:
        """Oldest issue of a scope by search."""
        return issues.first_created(self.session, scope)

    def issues(self, scope: Scope, place: Place, size: int) -> Page | Finding:
        """`GET search/jql` with the policy's fields."""
        return issues.page(self.session, scope, place, size)

    def by_ids(self, issue_ids: Sequence[str], policy: FieldPolicy, *, deletion_ids: Collection[str] = ()) -> IssueRead:
        """`POST search/jql` with `reconcileIssues`, then `GET issue/{id}` for absent ones."""
        return by_ids.read(self.session, issue_ids, policy, deletion_ids)

    def changed_since(
        self, moment: int, token: str | None = None, *, selection: Selection = EVERYTHING
    ) -> Iterator[IdPage]:
        """`GET search/jql` for id and `updated`."""
        return issues.changed_since(self.session, moment, token, selection)

    def ids(self, scope: Scope, *, newest_first: bool = False) -> Iterator[IdPage]:
        """`GET search/jql` for ids."""
        return issues.ids(self.session, scope, newest_first=newest_first)

    def children(self, entity: Entity, issue_id: str, place: Place) -> Page | Finding:
        """The walk that the entity declares, for one issue."""
        return lists.page(self.session, entity, issue_id, place)

    def listing(self, entity: Entity, scope_id: str, place: Place) -> Page | Finding:
        """The walk that the entity declares, for the site, a project or a board."""
        return lists.page(self.session, entity, scope_id, place)

    def one(self, entity: Entity, object_id: str) -> Json | Finding:
        """The entity's address of a single object."""
        return lists.one(self.session, entity, object_id)

    def memberships(self, filters: Mapping[str, str], issue_ids: Sequence[str]) -> Matches | Finding:
        """`POST jql/match` with `filter = …` of each board."""
        return lists.memberships(self.session, filters, issue_ids)

    def visible_projects(self, project_ids: Sequence[str]) -> set[str] | Finding:
        """`GET project/search` by ids, in every status."""
        return lists.visible_projects(self.session, project_ids)

    def link_types(self) -> Objects | Finding:
        """`GET issueLinkType`."""
        return lists.link_types(self.session)

    def worklog_changes(self, feed: WorklogFeed, since: int) -> Iterator[FeedPage | Finding]:
        """`GET worklog/updated` or `worklog/deleted`."""
        return feeds.worklog_changes(self.session, feed, since)

    def worklogs(self, worklog_ids: Sequence[str]) -> Objects:
        """`POST worklog/list`."""
        return feeds.worklogs(self.session, worklog_ids)

    def failed_webhooks(self, after: int) -> Iterator[FailedPage | Finding]:
        """`GET webhook/failed`."""
        return feeds.failed_webhooks(self.session, after)

    def deleted_keys(self) -> set[str] | Finding:
        """`GET auditing/record`."""
        return feeds.deleted_keys(self.session)

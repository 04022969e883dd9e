"""The verbs of a source: one Jira, as ingest sees it.

A source knows REST paths, API versions, paging styles, field lists and the abilities of its kind of Jira. It knows no
tenant and no database. Every verb may raise JiraBusy, JiraDown, JiraNonsense and JiraRefused with `is_credential`
(`app.sources.outcomes` says why). Other refusals are findings of the verbs that return one; the others raise them as
JiraRefused, JiraGone or JiraRejected, unless they say otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from app.catalog.selection import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.json_value import Json
    from app.catalog.language import Entity
    from app.catalog.selection import Selection
    from app.errors import JiraFailure
    from app.sources.answers import (
        Account,
        Capabilities,
        FailedPage,
        FeedPage,
        IdPage,
        IssueRead,
        Matches,
        Objects,
        QueryCheck,
        Server,
    )
    from app.sources.outcomes import Broken, Finding, NotForUs, NotOffered
    from app.sources.paging import Page, Place
    from app.sources.scope import Scope

WorklogFeed: TypeAlias = Literal["updated", "deleted"]


class Source(Protocol):
    """One site, read with one credential."""

    @property
    def capabilities(self) -> Capabilities:
        """The abilities of this kind of Jira."""

    @property
    def address(self) -> str:
        """The site's base URL, for people."""

    def whoami(self) -> Account:
        """The account behind the credential: answered wherever the site and the credential are good."""

    def server(self) -> Server:
        """Version and kind of the site: the cheapest question there is."""

    def diagnose(self, failure: JiraFailure) -> Broken:
        """Attribute a repeated failure to the object, after the site has answered a small question.

        Raises JiraFailure where the site doesn't answer that one either: then it is an outage.
        """

    def email_of(self, account_id: str) -> Json | Finding:
        """The e-mail address of an account, where the app may read addresses."""

    def project_count(self) -> int | None:
        """How many projects are in sight; None where the site doesn't say."""

    def has_permission(self, permission: str) -> bool | Finding:
        """Whether the account has a permission, in any project for one of projects."""

    def tracks_time(self) -> bool | Finding:
        """Whether time tracking is on."""

    def board_count(self) -> int | Finding:
        """How many boards are in sight; NotOffered without Jira Software."""

    def issue_count(self) -> int | None:
        """The site's own count of all issues in sight; None where it doesn't count."""

    def check_query(self, jql: str) -> QueryCheck | Finding:
        """Whether the site takes a condition in its query language, and the issues that fit."""

    def newest_id(self) -> str | None:
        """Id of an issue to try the bulk endpoints with; None where no issue is in sight."""

    def probe_bulk(self, issue_id: str) -> Mapping[str, NotForUs | NotOffered]:
        """The bulk endpoints that refuse a question about an issue; none for a source without `bulk_fetch`."""

    def has_lapsed(self, app_key: str) -> bool:
        """Whether the licence of the app has lapsed; False where the site knows of none, as of a free app."""

    def count(self, scope: Scope) -> int | None:
        """The site's own count of a scope's issues; None where it has none, or doesn't count."""

    def first_created(self, scope: Scope) -> int:
        """Creation of the oldest issue of a scope, epoch milliseconds; 0 where there is none."""

    def issues(self, scope: Scope, place: Place, size: int) -> Page | Finding:
        """A page of whole issues, oldest first, with their inline lists."""

    def by_ids(self, issue_ids: Sequence[str], policy: FieldPolicy, *, deletion_ids: Collection[str] = ()) -> IssueRead:
        """Whole issues by id, read-your-writes where the site can.

        `deletion_ids` are reported deleted by somebody: they are read directly, since a search that names them may be
        refused as a whole. An issue that isn't there is in `gone_ids`, one that can't be had in `unreadable`, and one
        outside the policy's selection in `outside_ids`.
        """

    def changed_since(
        self, moment: int, token: str | None = None, *, selection: Selection = EVERYTHING
    ) -> Iterator[IdPage]:
        """Ids and `updated` of everything that changed from a moment on, epoch milliseconds, oldest first.

        Issues outside a selection are listed as well, and marked. With the token of an earlier page, the pages after it.
        Raises TokenExpired where the site has forgotten it.
        """

    def ids(self, scope: Scope, *, newest_first: bool = False) -> Iterator[IdPage]:
        """Ids of a scope's issues, by creation."""

    def children(self, entity: Entity, issue_id: str, place: Place) -> Page | Finding:
        """A page of the histories, comments, worklogs or remote links of one issue."""

    def listing(self, entity: Entity, scope_id: str, place: Place) -> Page | Finding:
        """A page of any other list: of the site (empty scope), a project or a board."""

    def one(self, entity: Entity, object_id: str) -> Json | Finding:
        """One object of an entity other than issues; Gone where an answer lists objects without it."""

    def memberships(self, filters: Mapping[str, str], issue_ids: Sequence[str]) -> Matches | Finding:
        """Which boards (filter ids by board id) hold which of the issues; boards with an unreadable filter are left out."""

    def visible_projects(self, project_ids: Sequence[str]) -> set[str] | Finding:
        """The projects in sight, archived and trashed ones included."""

    def link_types(self) -> Objects | Finding:
        """All issue link types."""

    def worklog_changes(self, feed: WorklogFeed, since: int) -> Iterator[FeedPage | Finding]:
        """Worklogs that changed, or were deleted, from a moment on, epoch milliseconds."""

    def worklogs(self, worklog_ids: Sequence[str]) -> Objects:
        """Worklogs by id; deleted ones are left out."""

    def failed_webhooks(self, after: int) -> Iterator[FailedPage | Finding]:
        """Webhooks that the site couldn't deliver, from a moment on, epoch milliseconds."""

    def deleted_keys(self) -> set[str] | Finding:
        """Keys of issues that the site's audit log calls deleted."""

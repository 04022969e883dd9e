"""OAuth scopes of the REST resources, as Atlassian's OpenAPI documents name them; a test holds the table against them.

A token needs the classic scopes of a resource or all of its granular ones. Jira Software has granular scopes only. The
document of 2022 names none for its list of boards; those here are the ones that work in
github.com/ankitpokhrel/jira-cli/issues/850.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ROOT = re.compile(r"^(\w+) /rest/(?:api/\w+|(agile)/[0-9.]+)/")
_VARIABLE = re.compile(r"\{\w*\}")


@dataclass(frozen=True, slots=True)
class Access:
    """The alternatives of scopes that open a resource, and whether anonymous callers may use it."""

    choices: tuple[frozenset[str], ...]
    is_anonymous: bool = False

    def allows(self, scopes: frozenset[str]) -> bool:
        """Whether a token with these scopes may use the resource."""
        return any(choice <= scopes for choice in self.choices)


def access_to(template: str) -> Access | None:
    """Return the access of `METHOD /rest/…` with variables in braces; None for an unknown resource."""
    return _RESOURCES.get(_VARIABLE.sub("{}", _ROOT.sub(r"\1 \2/", template)).replace(" /", " "))


def _jira(names: str) -> frozenset[str]:
    return frozenset(f"read:{name}:jira" for name in names.split())


def _software(names: str, platform: str = "") -> tuple[frozenset[str], ...]:
    return (_jira(platform) | {f"read:{name}:jira-software" for name in names.split()},)


_WORK = frozenset({"read:jira-work"})
_USER = frozenset({"read:jira-user"})
_MANAGE = frozenset({"manage:jira-configuration"})
_ANY: tuple[frozenset[str], ...] = (frozenset(),)

_SEARCH = (_WORK, _jira("issue-details audit-log avatar field-configuration issue-meta"))
_POSTED_SEARCH = (_WORK, _jira("issue-details field.default-value field.option field group"))
_ISSUE = (
    _WORK,
    _jira("issue-meta issue-security-level issue.vote issue.changelog avatar issue status user field-configuration"),
)
_HISTORIES = (_WORK, _jira("issue-meta avatar issue.changelog"))
_COMMENTS = (_WORK, _jira("comment comment.property group project project-role user avatar"))
_WORKLOGS = (_WORK, _jira("group issue-worklog issue-worklog.property project-role user avatar"))
_WORKLOG = (_WORK, _WORKLOGS[1] | _jira("comment"))
_WORKLOG_FEED = (_WORK, _jira("issue-worklog issue-worklog.property"))
_PROJECT = (
    _WORK,
    _jira(
        "issue-type project project.property user application-role avatar group issue-type-hierarchy project-category"
        " project-version project.component"
    ),
)
_COMPONENTS = (_WORK, _jira("project project.component user application-role avatar group"))
_VERSIONS = (_WORK, _jira("project-version"))
_PROFILE = (_USER, _jira("application-role group user avatar"))
_EMAIL = (_jira("email-address"),)
_STATUSES = (_MANAGE, _jira("workflow"))
_TIME_TRACKING = (_MANAGE, _jira("issue.time-tracking"))
_BOARD = _software("board-scope", "issue-details")
_FAILED_WEBHOOKS = (
    _WORK | {"manage:jira-webhook"},
    _jira("issue-details webhook comment.property group issue-type project-role") | {"read:epic:jira-software"},
)

_RESOURCES = {
    "GET search/jql": Access(_SEARCH, is_anonymous=True),
    "POST search/jql": Access(_POSTED_SEARCH, is_anonymous=True),
    "POST search/approximate-count": Access(_POSTED_SEARCH, is_anonymous=True),
    "GET search": Access(_SEARCH, is_anonymous=True),
    "POST search": Access(_POSTED_SEARCH, is_anonymous=True),
    "POST jql/parse": Access((_WORK, _jira("field jql") | {"validate:jql:jira"}), is_anonymous=True),
    "POST jql/match": Access((_WORK, _jira("issue-details"))),
    "GET issue/{}": Access(_ISSUE, is_anonymous=True),
    "POST issue/bulkfetch": Access(_ISSUE, is_anonymous=True),
    "GET issue/{}/changelog": Access(_HISTORIES, is_anonymous=True),
    "POST issue/{}/changelog/list": Access(_HISTORIES, is_anonymous=True),
    "POST changelog/bulkfetch": Access(_HISTORIES),
    "GET issue/{}/comment": Access(_COMMENTS, is_anonymous=True),
    "GET issue/{}/comment/{}": Access(_COMMENTS, is_anonymous=True),
    "POST comment/list": Access((_WORK, _COMMENTS[1] | {"delete:comment.property:jira"}), is_anonymous=True),
    "GET issue/{}/remotelink": Access((_WORK, _jira("issue.remote-link status")), is_anonymous=True),
    "GET issue/{}/worklog": Access(_WORKLOGS, is_anonymous=True),
    "GET issue/{}/worklog/{}": Access(_WORKLOG, is_anonymous=True),
    "GET worklog/updated": Access(_WORKLOG_FEED),
    "GET worklog/deleted": Access(_WORKLOG_FEED),
    "POST worklog/list": Access(_WORKLOG),
    "GET serverInfo": Access(_ANY, is_anonymous=True),
    "GET configuration": Access((_USER, _jira("instance-configuration issue.time-tracking"))),
    "GET configuration/timetracking": Access(_TIME_TRACKING),
    "GET configuration/timetracking/options": Access(_TIME_TRACKING),
    "GET status": Access((_WORK, _jira("status")), is_anonymous=True),
    "GET statuscategory": Access((_WORK, _jira("status")), is_anonymous=True),
    "GET statuses": Access(_STATUSES),
    "GET statuses/search": Access(_STATUSES),
    "GET issuetype": Access((_WORK, _jira("issue-type avatar project-category project")), is_anonymous=True),
    "GET priority": Access((_WORK, _jira("priority")), is_anonymous=True),
    "GET resolution": Access((_WORK, _jira("resolution")), is_anonymous=True),
    "GET field": Access((_WORK, _jira("field avatar project-category project field-configuration")), is_anonymous=True),
    "GET field/search": Access((_WORK, _jira("field field-configuration"))),
    "GET issueLinkType": Access((_WORK, _jira("issue-link-type")), is_anonymous=True),
    "GET project/search": Access(_PROJECT, is_anonymous=True),
    "GET project/{}": Access(_PROJECT, is_anonymous=True),
    "GET project/{}/statuses": Access((_WORK, _jira("issue-status issue-type status")), is_anonymous=True),
    "GET project/{}/versions": Access(_VERSIONS, is_anonymous=True),
    "GET project/{}/version": Access(_VERSIONS, is_anonymous=True),
    "GET project/{}/components": Access(_COMPONENTS, is_anonymous=True),
    "GET project/{}/component": Access(_COMPONENTS, is_anonymous=True),
    "GET myself": Access(_PROFILE),
    "GET user": Access(_PROFILE, is_anonymous=True),
    "GET user/search": Access((_USER, _jira("user user.property application-role avatar group")), is_anonymous=True),
    "GET user/bulk": Access(_PROFILE),
    "GET users": Access(_PROFILE, is_anonymous=True),
    "GET users/search": Access(_PROFILE, is_anonymous=True),
    "GET user/email": Access(_EMAIL),
    "GET user/email/bulk": Access(_EMAIL),
    "POST permissions/check": Access((*_ANY, _jira("permission")), is_anonymous=True),
    "GET mypermissions": Access((_WORK, _jira("permission")), is_anonymous=True),
    "GET webhook/failed": Access(_FAILED_WEBHOOKS),
    "GET auditing/record": Access((_MANAGE, _jira("audit-log user"))),
    "GET agile/board": Access(_software("board-scope", "project")),
    "GET agile/board/{}": Access(_BOARD),
    "GET agile/board/{}/configuration": Access(_software("board-scope.admin", "project")),
    "GET agile/board/{}/issue": Access(_BOARD),
    "GET agile/board/{}/sprint": Access(_software("sprint")),
    "GET agile/sprint/{}": Access(_software("sprint")),
    "GET agile/sprint/{}/issue": Access(_software("sprint", "issue-details jql")),
}

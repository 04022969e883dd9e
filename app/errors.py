"""Everything that can go wrong, as one tree.

AppError
├── Refused               the caller is at fault; `web.problems` maps the class to a status
│   ├── Malformed         400  not what was agreed
│   ├── Unproven          401  whatever was presented proves nothing; one answer for every reason
│   ├── Forbidden         403  proven, but not allowed
│   ├── Missing           404  not there, or not yours: the same answer
│   ├── Conflicting       409  against what already holds
│   ├── Gone              410  wrong, used or expired: one answer for all three
│   └── TooMany           429  with the seconds to wait
├── Unavailable           503  one of our own servers does not answer; the caller may try again
├── UnsafeSettings        the process does not start; names every setting at fault
├── PoisonRecord          one foreign record cannot be read; the rest goes on
└── JiraFailure           what a worker does with it is in the class
    ├── JiraBusy          park until `retry_at`
    ├── JiraDown          retry with back-off
    ├── JiraRefused       give up and tell: the credential is broken or the permission is lost
    ├── JiraGone          404/410: the thing is not there, or not for us
    ├── JiraRejected      400: give up and tell; Jira does not offer this here
    ├── TokenExpired      start this walk again
    └── JiraNonsense      retry; give up and tell if it stays (cut JSON, HTML)
        └── WalkAstray    start this walk again; give up and tell if it stays (a repeated page token, no end)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class AppError(Exception):
    """Root of all errors raised on purpose."""


class Refused(AppError):
    """The caller is at fault; the message is fit for the caller."""


class Malformed(Refused):
    """Not what was agreed: a body, a parameter or a value of another form."""


class Unproven(Refused):
    """Whatever was presented proves nothing. `reason` is for the log only: the caller gets one answer for all."""

    def __init__(self, reason: str) -> None:
        super().__init__("Authentication failed.")
        self.reason = reason


class Forbidden(Refused):
    """Proven, but not allowed."""


class Missing(Refused):
    """Not there, or not the caller's."""


class Conflicting(Refused):
    """Against what already holds."""


class Gone(Refused):
    """Wrong, used or expired."""


class TooMany(Refused):
    """Too many tries. `retry_after` is in whole seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(AppError):
    """One of our own servers, or one that we must ask before answering, does not answer."""


class UnsafeSettings(AppError):
    """The settings forbid a start. `problems` names each and says what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(["The settings are not safe to start with:", *(f"  - {each}" for each in problems)]))
        self.problems = problems


class PoisonRecord(AppError):
    """One foreign record that cannot be read."""

    def __init__(self, entity: str, reason: str) -> None:
        super().__init__(f"{entity}: {reason}")
        self.entity = entity


class JiraFailure(AppError):
    """Jira did not give what was asked for. `word` is what people are told (docs/operations.md lists them)."""

    word = "failed"


class JiraBusy(JiraFailure):
    """Rate limited, or down with a time to come back."""

    word = "rate limited"

    def __init__(self, message: str, retry_at: datetime) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class JiraDown(JiraFailure):
    """No connection, a time-out or a 5xx."""

    word = "unreachable"


class JiraRefused(JiraFailure):
    """401 or 403: the credential is broken or the permission is lost.

    `is_credential` is True for 401: Jira does not know us, so nothing else will be answered either.
    """

    word = "refused"

    def __init__(self, message: str, *, is_credential: bool = False) -> None:
        super().__init__(message)
        self.is_credential = is_credential


class JiraGone(JiraFailure):
    """404 or 410."""

    word = "not found"


class JiraRejected(JiraFailure):
    """400: Jira does not take this request here (sprints of a kanban board, e-mail without approval).

    `quoted` are the whole numbers that Jira's words put in quotation marks: ids of issues that it does not know.
    """

    word = "rejected"

    def __init__(self, message: str, quoted: frozenset[str] = frozenset()) -> None:
        super().__init__(message)
        self.quoted = quoted


class TokenExpired(JiraFailure):
    """A page token that Jira no longer takes."""

    word = "page token expired"


class JiraNonsense(JiraFailure):
    """An answer that cannot be right: cut JSON, HTML, a page without its list."""

    word = "unreadable answer"


class WalkAstray(JiraNonsense):
    """Pages that can be read and lead nowhere: a token twice, empty ones without end, more than there can be."""

    word = "endless walk"

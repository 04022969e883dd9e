"""All errors, as one tree.

AppError
├── UnsafeSettings            the process does not start; names every setting at fault
├── ProgrammingFault          a caller broke a function's contract
└── CodedError                has a condition; `web.words` has its sentences
    ├── Refused               the caller is at fault; `web.problems` maps the class to a status
    │   ├── Malformed         400  a body, parameter or value of another form
    │   ├── Unproven          401  an invalid proof of identity; one answer for every reason
    │   ├── Forbidden         403  proven, but not allowed
    │   ├── Missing           404  not there, or not yours: the same answer
    │   ├── Conflicting       409  a conflict with the present state
    │   ├── ConnectionUnfit   422  a required check of a connection failed (`integrations.validate`)
    │   ├── Gone              410  wrong, used or expired: one answer for all three
    │   │   └── StartAnew     410  a cursor of another life of the feed: read it from the beginning
    │   └── TooMany           429  with the seconds to wait
    ├── Unavailable           503  one of our own servers does not answer; the caller may try again
    ├── PoisonRecord          one foreign record cannot be read; the rest goes on
    └── JiraFailure           the class states a worker's reaction
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

from typing import TYPE_CHECKING, ClassVar

from app.conditions import Code, Condition

if TYPE_CHECKING:
    from datetime import datetime

    from app.conditions import Value


class AppError(Exception):
    """Root of all errors raised on purpose. Its text is for logs and operators."""


class CodedError(AppError):
    """An error with a condition for callers, pages and stored rows."""

    def __init__(self, code: Code, /, **params: Value) -> None:
        self.condition = Condition(code, **params)
        super().__init__(str(self.condition))


class Refused(CodedError):
    """The caller is at fault; the condition is fit for the caller."""


class Malformed(Refused):
    """A body, a parameter or a value of another form than documented."""


class Unproven(Refused):
    """An invalid proof of identity. `reason` is for the log only: the caller gets one answer for all reasons."""

    def __init__(self, reason: str) -> None:
        super().__init__(Code.UNPROVEN)
        self.reason = reason


class Forbidden(Refused):
    """Proven, but not allowed."""


class Missing(Refused):
    """Not there, or not the caller's."""


class Conflicting(Refused):
    """A conflict with the present state."""


class Gone(Refused):
    """Wrong, used or expired."""


class StartAnew(Gone):
    """A cursor that doesn't belong to the feed as it is now: the reader starts without one."""


class TooMany(Refused):
    """Too many tries. `retry_after` is in whole seconds."""

    def __init__(self, code: Code, /, *, retry_after: int, **params: Value) -> None:
        super().__init__(code, **params)
        self.retry_after = retry_after


class Unavailable(CodedError):
    """One of our own servers, or one that we must ask before answering, does not answer."""


class UnsafeSettings(AppError):
    """Unsafe settings forbid a start. `problems` names each, with the remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(["The settings are not safe to start with:", *(f"  - {line}" for line in problems)]))
        self.problems = problems


class ProgrammingFault(AppError):
    """A caller broke a function's contract: a defect of this app."""


class PoisonRecord(CodedError):
    """One foreign record that cannot be read."""

    def __init__(self, code: Code, /, *, entity: str, **params: Value) -> None:
        super().__init__(code, entity=entity, **params)
        self.entity = entity


class JiraFailure(CodedError):
    """A question that Jira did not answer with rows. `stop` is the problem of a chunk that it stops."""

    stop: ClassVar[Code]

    @property
    def problem(self) -> Condition:
        """The problem of a chunk that this failure stops (docs/operations.md lists them)."""
        return Condition(self.stop, why=self.condition)


class JiraBusy(JiraFailure):
    """Rate limited, or down with a time to come back."""

    stop = Code.RATE_LIMITED

    def __init__(self, code: Code, /, *, retry_at: datetime, **params: Value) -> None:
        super().__init__(code, **params)
        self.retry_at = retry_at


class JiraDown(JiraFailure):
    """No connection, a time-out or a 5xx."""

    stop = Code.UNREACHABLE


class JiraRefused(JiraFailure):
    """401 or 403: the credential is broken or the permission is lost.

    `is_credential` is True for 401: Jira does not know us, so nothing else will be answered either.
    """

    stop = Code.REFUSED

    def __init__(self, code: Code, /, *, is_credential: bool = False, **params: Value) -> None:
        super().__init__(code, **params)
        self.is_credential = is_credential


class JiraGone(JiraFailure):
    """404 or 410."""

    stop = Code.NOT_FOUND


class JiraRejected(JiraFailure):
    """400: Jira does not take this request here (sprints of a kanban board, e-mail without approval).

    `quoted_ids` are the whole numbers that Jira's words put in quotation marks: ids of issues that it does not know.
    """

    stop = Code.REJECTED

    def __init__(self, code: Code, /, *, quoted_ids: frozenset[str] = frozenset(), **params: Value) -> None:
        super().__init__(code, **params)
        self.quoted_ids = quoted_ids


class TokenExpired(JiraFailure):
    """A page token that Jira no longer takes."""

    stop = Code.PAGE_TOKEN_EXPIRED


class JiraNonsense(JiraFailure):
    """An answer that cannot be right: cut JSON, HTML, a page without its list."""

    stop = Code.UNREADABLE_ANSWER


class WalkAstray(JiraNonsense):
    """Pages that can be read and lead nowhere: a token twice, empty ones without end, more than there can be."""

    stop = Code.ENDLESS_WALK


def condition_of(error: Exception) -> Condition:
    """The condition of any error. Of a stranger's only the type is named: its text may quote values."""
    if isinstance(error, CodedError):
        return error.condition
    return Condition(Code.CRASHED, error=str(error) if isinstance(error, AppError) else type(error).__name__)

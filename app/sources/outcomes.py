"""Outcomes of a question to a site, decided in the source and nowhere else.

A verb of a source returns rows, or a finding about the one part that was asked for:

    rows          the value itself
    NotOffered    the endpoint or the feature doesn't exist on this site
    NotForUs      this object or scope refuses the credential, which is good elsewhere
    Gone          the object isn't there any more, or isn't visible
    Broken        this one object fails while the site is well

The other two outcomes end the work at the site and are therefore raised (`app.errors`):

    down          JiraDown, JiraBusy: the site fails, or asks for a pause
    unauthorised  JiraRefused with `is_credential`: the site doesn't know the credential

An unreadable answer is no outcome yet: it is raised as JiraNonsense, and the caller may ask again. If it stays
unreadable, `Source.diagnose` returns Broken. Findings are part of the return type: mypy rejects a caller that forgets one
(`exhaustive-match`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from app.conditions import Code
from app.errors import JiraDown, JiraGone, JiraNonsense, JiraRefused, JiraRejected, TokenExpired

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.catalog.language import Entity
    from app.errors import JiraBusy, JiraFailure

T = TypeVar("T")
_BAD_REQUEST = 400
_TRIES = 3
"""Questions about one object, before its failure is its own."""


@dataclass(frozen=True)
class NotOffered:
    """The endpoint or the feature doesn't exist on this site: no Jira Software, time tracking off.

    A 400, or a 404 or 410 to a question that names no object.
    """

    failure: JiraFailure


@dataclass(frozen=True)
class NotForUs:
    """The object or scope refuses the credential, which is good elsewhere."""

    failure: JiraFailure


@dataclass(frozen=True)
class Gone:
    """A 404 or 410 to a question about an object: it was deleted, or isn't visible to the credential."""

    failure: JiraFailure


@dataclass(frozen=True)
class Broken:
    """The object fails while the site answers other questions."""

    failure: JiraFailure


Finding: TypeAlias = NotOffered | NotForUs | Gone | Broken
"""An outcome without rows, about one part of a site."""


def attempt(ask: Callable[[], T], *, names_object: bool = True) -> T | NotOffered | NotForUs | Gone:
    """Ask, and turn the refusal of a part into a finding. Raises JiraFailure where the site or the credential fails.

    Only an object that the question names can be gone; of other questions, a 404 says that the endpoint isn't there.
    """
    try:
        return ask()
    except JiraGone as failure:
        return Gone(failure) if names_object else NotOffered(failure)
    except JiraRejected as failure:
        return NotOffered(failure)
    except JiraRefused as failure:
        if failure.is_credential:
            raise
        return NotForUs(failure)


def persist(ask: Callable[[], T], diagnose: Callable[[JiraFailure], Broken]) -> T | Broken:
    """Ask a few times, while the site answers other questions. Raises JiraFailure where it doesn't."""
    for _ in range(_TRIES - 1):
        try:
            return ask()
        except (JiraDown, JiraNonsense, TokenExpired) as failure:
            diagnose(failure)
    try:
        return ask()
    except (JiraDown, JiraNonsense, TokenExpired) as failure:
        return diagnose(failure)


def may_be_of_part(busy: JiraBusy) -> bool:
    """Whether one part can be the cause of a pause: Jira itself asked for it, and not because a quota is used up."""
    condition = busy.condition
    return condition.code is Code.ASKED_TO_WAIT and "quota" not in str(condition.params["reason"])


def is_without_list(entity: Entity, failure: JiraFailure) -> bool:
    """Whether a refusal says that a scope has no list of this kind, as a kanban board has no sprints."""
    is_optional = entity.walk is not None and entity.walk.is_optional
    return is_optional and failure.condition.params.get("status") == _BAD_REQUEST


def require(outcome: T | NotOffered | NotForUs | Gone | Broken) -> T:
    """The rows of an outcome. Raises the JiraFailure behind a finding, where the caller's work can't go on without them."""
    if isinstance(outcome, NotOffered | NotForUs | Gone | Broken):
        raise outcome.failure
    return outcome

"""One entry of the catalogue of errors."""

from __future__ import annotations

from dataclasses import dataclass

from app.web.words.language import N_

ENABLE = N_("Ask a Jira admin to enable the app under Manage apps, or to install it again.")
"""The remedy of most refusals."""


@dataclass(frozen=True)
class Entry:
    """One error: its code for programs, what is raised (`{}` are values), what people read, and what to do."""

    code: str
    raised: str
    says: str
    do: str

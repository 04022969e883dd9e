"""Sources: one Jira, as ingest sees it.

Enters: an opened client (`app.jira`) and questions in the catalogue's language. Leaves: pages, answers and outcomes.
Invariants: no REST path is spelled anywhere above; one page loop with one set of guards serves every list; an answer is
classified here once. A source knows no tenant and no database.
"""

from app.sources.kinds import Method, Product
from app.sources.outcomes import (
    Broken,
    Finding,
    Gone,
    NotForUs,
    NotOffered,
    is_without_list,
    may_be_of_part,
    persist,
    require,
)
from app.sources.paging import ISSUE_PAGE, READ_BATCH, Page, Place, WalkGuard, follow
from app.sources.presence import confirm, is_site_well
from app.sources.registry import source_for
from app.sources.scope import Scope
from app.sources.source import Source

__all__ = [
    "ISSUE_PAGE",
    "READ_BATCH",
    "Broken",
    "Finding",
    "Gone",
    "Method",
    "NotForUs",
    "NotOffered",
    "Page",
    "Place",
    "Product",
    "Scope",
    "Source",
    "WalkGuard",
    "confirm",
    "follow",
    "is_site_well",
    "is_without_list",
    "may_be_of_part",
    "persist",
    "require",
    "source_for",
]

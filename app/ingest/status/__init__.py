"""Status: read-only summaries for pages and the API.

Enters: a session bound to a tenant. Leaves: progress, project lists, misses of hygiene, recent failures and hourly
figures. Invariants: nothing here writes or asks Jira; a summary is one or a few statements for a site of any size.
"""

from app.ingest.status import choices, diagnostics, hygiene, overview, progress
from app.ingest.status.choices import Search
from app.ingest.status.diagnostics import Hour, Trouble, UnreadablePart
from app.ingest.status.progress import Kept, Progress
from app.ingest.status.selection import unseen_projects
from app.ingest.status.site_fields import FieldUse, field_uses

__all__ = [
    "FieldUse",
    "Hour",
    "Kept",
    "Progress",
    "Search",
    "Trouble",
    "UnreadablePart",
    "choices",
    "diagnostics",
    "field_uses",
    "hygiene",
    "overview",
    "progress",
    "unseen_projects",
]

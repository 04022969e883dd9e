"""Writing: one page of Jira's objects becomes rows.

Enters: parsed pages, ids that Jira no longer returns. Leaves: upserts, tombstones, follow-up chunks, poison records.
Invariants: rows and the checkpoint that counts them share a transaction; an older read never overwrites a newer one;
one unreadable record costs one record; only a complete list or a confirmed absence buries a row.
"""

from app.ingest.writing import absences, project_access, unreadable
from app.ingest.writing.exclusions import remove_excluded

__all__ = ["absences", "project_access", "remove_excluded", "unreadable"]

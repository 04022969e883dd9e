"""Sources: one Jira, as ingest sees it."""

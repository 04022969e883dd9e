"""Chapter 4: plan, backfill, webhook, completeness: how rows get here and how we know that all are."""

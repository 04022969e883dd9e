"""Chapter 5: PostgreSQL. The schema, sessions bound to one tenant, rows as the catalog declares them, progress."""

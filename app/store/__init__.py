"""PostgreSQL: the schema, sessions bound to one tenant, rows of the catalogue's entities, and progress."""

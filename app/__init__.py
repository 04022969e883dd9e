"""SEI Connect for Jira: the product, packaged by chapter of its story (docs/architecture.md)."""

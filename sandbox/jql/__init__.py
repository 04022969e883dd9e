"""A subset of JQL, as strict as Jira: everything that ingest programs use."""

from sandbox.jql.parser import parse
from sandbox.jql.tree import Query

__all__ = ["Query", "parse"]

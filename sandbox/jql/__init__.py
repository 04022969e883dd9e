"""The part of Jira's query language that ingest programs use, as strict as Jira about the rest."""

from sandbox.jql.parser import parse
from sandbox.jql.tree import Query

__all__ = ["Query", "parse"]

"""Answers to the REST calls of ingests, assembled from rendered bytes."""

from bench.site.routes.exchange import Call, RefusedError, Reply, read_call
from bench.site.routes.table import Routes

__all__ = ["Call", "RefusedError", "Reply", "Routes", "read_call"]

"""JSON of issues as the REST API and webhooks show them."""

from sandbox.rendering.issues import SEARCH, SINGLE, Selection, bodies, issue

__all__ = ["SEARCH", "SINGLE", "Selection", "bodies", "issue"]

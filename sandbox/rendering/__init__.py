"""JSON of issues as the REST API and webhooks show them."""

from sandbox.rendering.issues import SEARCH, SINGLE, TIME_TRACKING, Selection, bodies, issue

__all__ = ["SEARCH", "SINGLE", "TIME_TRACKING", "Selection", "bodies", "issue"]

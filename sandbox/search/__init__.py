"""JQL search with opaque page tokens, over an index that may lag behind the world."""

from sandbox.search.engine import Search, SearchRequest, View
from sandbox.search.index import Index

__all__ = ["Index", "Search", "SearchRequest", "View"]

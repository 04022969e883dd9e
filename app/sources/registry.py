"""Sources by product and method of an integration: a new kind of Jira is one line."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from app.sources.cloud.source import CloudSource
from app.sources.cloud_bulk.source import CloudBulkSource
from app.sources.kinds import Method, Product

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.jira.client import Site
    from app.sources.source import Source

SOURCES: Mapping[tuple[str, str], Callable[[Site], Source]] = MappingProxyType(
    {
        (Product.CLOUD, Method.CONNECT_APP): CloudSource,
        (Product.CLOUD, Method.API_TOKEN): CloudBulkSource,
    }
)


def source_for(product: str, method: str, site: Site) -> Source:
    """The source of a product and a method. Raises KeyError where there is none."""
    return SOURCES[product, method](site)

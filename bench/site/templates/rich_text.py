"""Text that depends on the API version: wiki text in version 2, a document in version 3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.site.templates.catalogue import Object


class RichText(str):
    """Text that version 3 shows as a document."""

    __slots__ = ()


def in_version(body: Object, version: str) -> Object:
    """Return an object in the form of an API version."""
    members = {name: _value(value, version) for name, value in body.items()}
    if version == "2" and isinstance(address := members.get("self"), str):
        members["self"] = address.replace("/rest/api/3/", "/rest/api/2/")
    return members


def _value(value: Any, version: str) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(value, RichText):
        return value
    if version == "2":
        return str(value)
    paragraphs = [
        {"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in str(value).split("\n\n")
    ]
    return {"type": "doc", "version": 1, "content": paragraphs}

"""Plain text of rich text: an Atlassian document (REST v3), or wiki text unchanged (REST v2, Data Center)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.catalog.json_value import Json

_BLOCKS = frozenset({"paragraph", "heading", "listItem", "codeBlock", "blockquote", "tableRow", "rule", "mediaSingle"})


def plain_text(document: Json) -> str | None:
    """The plain text of an Atlassian document (REST v3) or of wiki text (REST v2, Data Center), the latter unchanged."""
    if document is None or isinstance(document, str):
        return document
    parts: list[str] = []
    _collect_text(document, parts)
    return "".join(parts).strip("\n")


def _collect_text(node: Json, parts: list[str]) -> None:
    """Append a document node's text. Uses a stack, since documents may nest deeper than Python can recurse."""
    stack: list[Json] = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, dict):
            if current.get("type") in _BLOCKS:
                stack.append("\n")
            if content := current.get("content"):
                stack.append(content)
            parts.append(_own_text(current))
        elif isinstance(current, list):
            stack.extend(reversed(current))
        elif isinstance(current, str):
            parts.append(current)


def _own_text(node: dict[str, Json]) -> str:
    """A document node's text without its children's."""
    if node.get("type") == "hardBreak":
        return "\n"
    attrs = node.get("attrs")
    label = attrs.get("text") or attrs.get("shortName") if isinstance(attrs, dict) else None
    return str(node.get("text") or label or "")

"""Plain text of rich text: an Atlassian document (REST v3), or wiki text unchanged (REST v2, Data Center).

Every node with words in Jira gives its words: links and cards their address, dates their day, tasks their state, expands
their title, media their alternative text. A node of an unknown type gives its text, its labels and its children.
https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.catalog.json_value import Json

_BLOCKS = frozenset(
    {
        *("paragraph", "heading", "listItem", "codeBlock", "blockquote", "tableRow", "rule", "mediaSingle", "caption"),
        *("blockCard", "embedCard", "taskItem", "decisionItem", "extension"),
    }
)
"""Types that end their line."""
_LABELS = ("text", "title", "label", "shortName", "alt", "url")
"""Attributes with words, in any node; the first one counts."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
            _open_node(current, stack, parts)
        elif isinstance(current, list):
            stack.extend(reversed(current))
        elif isinstance(current, str):
            parts.append(current)


def _open_node(node: dict[str, Json], stack: list[Json], parts: list[str]) -> None:
    """Append a node's own words; put its children, and the end of its line, on the stack."""
    node_type = node.get("type")
    if isinstance(node_type, str) and node_type in _BLOCKS:
        stack.append("\n")
    text, attributes = node.get("text"), node.get("attrs")
    if address := _linked_address(node):
        stack.append(address)
    if content := node.get("content"):
        stack.append(content)
    if isinstance(text, dict | list):
        stack.append(text)
    parts.append(_words(text))
    if node_type == "hardBreak":
        parts.append("\n")
    elif isinstance(attributes, dict) and not parts[-1]:
        reader = _READERS.get(node_type, _label) if isinstance(node_type, str) else _label
        parts.append(reader(attributes))


def _linked_address(node: dict[str, Json]) -> str:
    """The address of a link mark in parentheses, unless the node's text is that address."""
    marks, text = node.get("marks"), _words(node.get("text"))
    for mark in marks if isinstance(marks, list) else ():
        if isinstance(mark, dict) and mark.get("type") == "link" and isinstance(attributes := mark.get("attrs"), dict):
            address = _words(attributes.get("href"))
            if address and address.removeprefix("mailto:") != text.strip():
                return f" ({address})" if text else address
    return ""


def _words(value: Json) -> str:
    """Text, and numbers as text; nothing for anything else, numbers of more digits than Python writes included."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    try:
        return str(value)
    except ValueError:
        return ""


def _label(attributes: dict[str, Json]) -> str:
    return next((words for name in _LABELS if (words := _words(attributes.get(name)))), "")


def _card(attributes: dict[str, Json]) -> str:
    """The address of a card; a card with data in place of an address has its name and address there."""
    data = attributes.get("data")
    pairs = data if isinstance(data, dict) else {}
    words = (_words(attributes.get("url")), _words(pairs.get("name")), _words(pairs.get("url")))
    return " ".join(word for word in words if word)


def _date(attributes: dict[str, Json]) -> str:
    """The day of a date node: its timestamp is midnight UTC in epoch milliseconds, mostly as text."""
    words = _words(attributes.get("timestamp"))
    try:
        return (_EPOCH + timedelta(milliseconds=float(words))).date().isoformat()
    except (ValueError, OverflowError):
        return words


def _mention(attributes: dict[str, Json]) -> str:
    account_id = _words(attributes.get("id"))
    return _label(attributes) or (f"@{account_id}" if account_id else "")


def _task(attributes: dict[str, Json]) -> str:
    return "[x] " if attributes.get("state") == "DONE" else "[ ] "


def _decision(_attributes: dict[str, Json]) -> str:
    """The sign that starts a decision in Jira's editor."""
    return "<> "


def _titled(attributes: dict[str, Json]) -> str:
    """A title on a line of its own."""
    title = _words(attributes.get("title"))
    return f"{title}\n" if title else ""


def _media(attributes: dict[str, Json]) -> str:
    """The alternative text and, of a picture from elsewhere, its address, on a line of their own."""
    words = " ".join(word for name in ("alt", "url") if (word := _words(attributes.get(name))))
    return f"{words}\n" if words else ""


_READERS: dict[str, Callable[[dict[str, Json]], str]] = {
    "inlineCard": _card,
    "blockCard": _card,
    "embedCard": _card,
    "date": _date,
    "mention": _mention,
    "taskItem": _task,
    "blockTaskItem": _task,
    "decisionItem": _decision,
    "expand": _titled,
    "nestedExpand": _titled,
    "panel": _titled,
    "media": _media,
}
"""Readers of the attributes of types with more than a label."""

"""Text as Atlassian Document Format, the rich text of REST API version 3.

Only paragraphs and line breaks are made: readers must cope with any document, and the text stays recoverable.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.shapes import JsonObject


def document(text: str | None) -> JsonObject | None:
    """Return the ADF document of wiki text; None for a missing value."""
    if text is None:
        return None
    blocks = [block for block in re.split(r"\n\s*\n", text) if block]
    return {"type": "doc", "version": 1, "content": [_paragraph(block) for block in blocks]}


def _paragraph(block: str) -> JsonObject:
    content: list[JsonObject] = []
    for number, line in enumerate(block.split("\n")):
        if number:
            content.append({"type": "hardBreak"})
        if line:
            content.append({"type": "text", "text": line})
    return {"type": "paragraph", "content": content}


def plain(value: object) -> str | None:
    """Return the text of a rich text value of either API version."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict):
        if value.get("type") == "hardBreak":
            return "\n"
        if isinstance(value.get("text"), str):
            return str(value["text"])
        separator = "\n\n" if value.get("type") == "doc" else ""
        return separator.join(plain(child) or "" for child in value.get("content", []))
    return None

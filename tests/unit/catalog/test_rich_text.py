"""Every node of an Atlassian document with words in Jira gives its words; no shape of one throws."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.catalog.extract import extract
from app.catalog.registry import entity
from app.catalog.rich_text import plain_text
from tests.unit.catalog.recorded import SITE

if TYPE_CHECKING:
    from app.catalog.json_value import Json

MIDNIGHT = "1740787200000"
"""1 March 2025, as Jira's date nodes have it."""


def doc(*nodes: Json) -> Json:
    return {"type": "doc", "version": 1, "content": list(nodes)}


def text(words: str, *, href: str | None = None) -> Json:
    marks: Json = [{"type": "strong"}, {"type": "link", "attrs": {"href": href}}] if href else []
    return {"type": "text", "text": words, "marks": marks}


def node(kind: str, *content: Json, **attrs: Json) -> Json:
    return {"type": kind, "attrs": attrs, "content": list(content)}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (doc(node("blockCard", url="https://example.com/only")), "https://example.com/only"),
        (doc(node("embedCard", url="https://example.com/e", layout="wide")), "https://example.com/e"),
        (doc(node("paragraph", node("inlineCard", url="https://example.com/i"))), "https://example.com/i"),
        (doc(node("blockCard", data={"name": "Plan", "url": "https://example.com"})), "Plan https://example.com"),
        (doc(node("paragraph", text("see", href="https://x.example"))), "see (https://x.example)"),
        (doc(node("paragraph", text("https://x.example", href="https://x.example"))), "https://x.example"),
        (doc(node("paragraph", text("a@x.example", href="mailto:a@x.example"))), "a@x.example"),
        (doc(node("paragraph", text("due "), node("date", timestamp=MIDNIGHT))), "due 2025-03-01"),
        (doc(node("paragraph", node("date", timestamp=int(MIDNIGHT)))), "2025-03-01"),
        (doc(node("paragraph", node("date", timestamp="soon"))), "soon"),
        (doc(node("paragraph", node("mention", id="5b1", text="@Casey"))), "@Casey"),
        (doc(node("paragraph", node("mention", id="5b1"))), "@5b1"),
        (doc(node("paragraph", node("status", text="IN PROGRESS", color="blue"))), "IN PROGRESS"),
        (doc(node("paragraph", node("emoji", shortName=":ok:", text="👌"))), "👌"),
        (doc(node("paragraph", node("placeholder", text="Type here"))), "Type here"),
        (
            doc(node("taskList", node("taskItem", text("a"), state="DONE"), node("taskItem", text("b"), state="TODO"))),
            "[x] a\n[ ] b",
        ),
        (doc(node("decisionList", node("decisionItem", text("go"), state="DECIDED"))), "<> go"),
        (doc(node("expand", node("paragraph", text("inside")), title="More")), "More\ninside"),
        (doc(node("nestedExpand", node("paragraph", text("inside")), title="More")), "More\ninside"),
        (doc(node("panel", node("paragraph", text("inside")), panelType="info", title="Note")), "Note\ninside"),
        (
            doc(
                node("mediaSingle", node("media", type="file", id="f", alt="A chart"), node("caption", text("Fig. 1")))
            ),
            "A chart\nFig. 1",
        ),
        (doc(node("mediaGroup", node("media", alt="a"), node("media", alt="b"))), "a\nb"),
        (
            doc(node("mediaSingle", node("media", type="external", url="https://x.example/p.png"))),
            "https://x.example/p.png",
        ),
        (doc(node("paragraph", node("mediaInline", alt="icon"))), "icon"),
        (doc(node("codeBlock", text("a = 1"), language="python")), "a = 1"),
        (doc(node("rule"), node("heading", text("Title"), level=2)), "Title"),
        (doc(node("bodiedExtension", node("paragraph", text("body")), extensionKey="k", text="Macro")), "Macrobody"),
        (doc(node("extension", text="Macro")), "Macro"),
        (doc(node("futureNode", node("paragraph", text("kept")), title="New ")), "New kept"),
        (doc({"type": "text", "text": 5}), "5"),
        (doc({"type": "text", "text": ["odd", {"type": "text", "text": "ly"}]}), "oddly"),
        (doc({"type": "taskItem", "attrs": None, "content": "text"}), "text"),
        (doc({"type": ["list"], "attrs": [], "marks": {}, "content": {"type": "text", "text": "still"}}), "still"),
    ],
)
def test_words_of(document: Json, words: str) -> None:
    assert plain_text(document) == words


def test_words_of_a_table_are_apart() -> None:
    cells = [node("tableCell", node("paragraph", text(words))) for words in ("a", "b")]
    table = doc(node("table", node("tableRow", *cells)))
    assert str(plain_text(table)).split() == ["a", "b"]


def test_field_case_of_a_document_with_one_card(field_case: Json) -> None:
    row = extract(entity("issue"), {"id": "1", "fields": {"description": field_case}}, SITE)
    assert (row.values["description_text"], row.values["description_length"]) == ("https://example.com/only", 24)


@pytest.fixture
def field_case() -> Json:
    card = '{"type": "blockCard", "attrs": {"url": "https://example.com/only"}}'
    document: Json = json.loads(f'{{"type": "doc", "version": 1, "content": [{card}]}}')
    return document


def test_ten_thousand_levels_keep_their_words() -> None:
    nested = text("bottom")
    for _ in range(10_000):
        nested = node("blockquote", nested)
    assert plain_text(doc(nested)) == "bottom"


_KINDS = st.sampled_from(
    ["doc", "text", "date", "media", "taskItem", "expand", "inlineCard", "mention", "new", "hardBreak"]
)
_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8) | st.just(10**399)
)
_NODES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "attrs", "content", "marks", "title", "timestamp", "url", "data", "href"]),
            inner | _KINDS,
            max_size=6,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=300, deadline=None)
@given(document=_NODES)
def test_no_shape_throws(document: Json) -> None:
    words = plain_text(document)
    assert words is None or isinstance(words, str)

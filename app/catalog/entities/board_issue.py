"""That a board shows an issue. Jira has no object for it: the id is `<board id>:<issue id>`."""

from __future__ import annotations

from app.catalog.language import Each, Entity, Example, Item, Json, Paging, Walk, parent, text


def _id(item: Item) -> Json:
    known = str(item.body.get("id"))
    return f"{item.parent_id}:{known}" if item.parent_id and known.isdecimal() else None


ENTITY = Entity(
    name="board_issue",
    id=_id,
    belongs_to="board",
    walk=Walk("/rest/agile/1.0/board/{board_id}/issue", Paging.OFFSET, "issues", Each.BOARD, params={"fields": "id"}),
    columns=(parent("board_id"), text("issue_id", "id")),
    example=Example(
        parent_id="93",
        body={
            "expand": "operations,versionedRepresentations,editmeta,changelog,renderedFields",
            "id": "20708",
            "self": "https://acme.atlassian.net/rest/agile/1.0/issue/20708",
            "key": "K5-2",
        },
        row={"board_id": "93", "issue_id": "20708"},
    ),
)

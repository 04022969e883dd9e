"""A link between two issues. Both ends carry it, each naming only the other; both yield the same row here.

With `outwardIssue`, the carrying issue is the source ("blocks"); with `inwardIssue`, the named one is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.catalog.columns import carried_at, reading
from app.catalog.language import Column, Entity, Example, Inline, Item, Kind, Upkeep

if TYPE_CHECKING:
    from app.catalog.json_value import Json


def _either(name: str, *paths: str) -> Column:
    """A column of the first path with a value: REST has `type.inward`, webhooks have `issueLinkType.inwardName`."""
    readers = [reading(path) for path in paths]

    def take(item: Item) -> Json:
        return next((value for reader in readers if (value := reader(item)) is not None), None)

    return Column(name, Kind.TEXT, take)


_take_inward, _take_outward = reading("inwardIssue.id"), reading("outwardIssue.id")


def _source(item: Item) -> Json:
    inward = _take_inward(item)
    if inward is None and item.body.get("outwardIssue") is not None:
        return item.parent_id
    return item.body.get("sourceIssueId") if inward is None else inward


def _destination(item: Item) -> Json:
    outward = _take_outward(item)
    if outward is None and item.body.get("inwardIssue") is not None:
        return item.parent_id
    return item.body.get("destinationIssueId") if outward is None else outward


ENTITY = Entity(
    name="issue_link",
    label="Issue links",
    position=50,
    refresh=Upkeep.PARENT,
    goes_with=(("issue", "destination_issue_id"),),
    belongs_to="issue",
    inline=(Inline("issue", at="fields.issuelinks"),),
    webhooks=("issuelink_created", "issuelink_deleted"),
    columns=(
        Column("issue_id", Kind.TEXT, _source, target="issue"),
        _either("type_id", "type.id", "issueLinkType.id"),
        _either("type_name", "type.name", "issueLinkType.name"),
        _either("inward", "type.inward", "issueLinkType.inwardName"),
        _either("outward", "type.outward", "issueLinkType.outwardName"),
        Column("source_issue_id", Kind.TEXT, _source, target="issue", carried=carried_at("inwardIssue")),
        Column("destination_issue_id", Kind.TEXT, _destination, target="issue", carried=carried_at("outwardIssue")),
    ),
    example=Example(
        parent_id="10802",
        body={
            "id": "10111",
            "type": {"id": "10000", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"},
            "inwardIssue": {
                "id": "10806",
                "key": "K5-5",
                "fields": {"summary": "Draw the chart", "status": {"id": "10000", "name": "To Do"}},
            },
        },
        row={
            "issue_id": "10806",
            "type_id": "10000",
            "type_name": "Blocks",
            "inward": "is blocked by",
            "outward": "blocks",
            "source_issue_id": "10806",
            "destination_issue_id": "10802",
        },
    ),
)

"""JSON of single issues with fewer fields than the rendered bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from bench.site.templates import ORIGIN

if TYPE_CHECKING:
    from bench.site.world import World

LIGHT_FIELDS = frozenset({"id", "key", "created", "updated"})


def light(world: World, number: int, fields: set[str], version: str) -> bytes:
    """Return an issue with some of `LIGHT_FIELDS`."""
    issue_id = world.id_of(number)
    if fields <= {"id"}:
        return b'{"id":"%b"}' % issue_id.encode()
    body: dict[str, Any] = {
        "id": issue_id,
        "self": f"{ORIGIN}/rest/api/{version}/issue/{issue_id}",
        "key": world.key_of(number),
    }
    if times := fields & {"created", "updated"}:
        issue = _parse(world, number, version)
        body["fields"] = {name: issue["fields"][name] for name in sorted(times)}
    return orjson.dumps(body)


def selected(world: World, number: int, fields: set[str], expand: set[str], version: str) -> bytes:
    """Return an issue with any selection of fields and expansions; slow, because it parses the rendered issue."""
    body = _parse(world, number, version)
    if "*all" not in fields:
        body["fields"] = {
            name: value for name, value in body["fields"].items() if name in fields or "*navigable" in fields
        }
    for name in {"changelog", "transitions"} - expand:
        body.pop(name, None)
    return orjson.dumps(body)


def _parse(world: World, number: int, version: str) -> Any:  # noqa: ANN401 - JSON
    return orjson.loads(b"".join(world.fill(world.template(number).issue[version], number)))

"""A reader of the feed that follows the rules of docs/feed.md, to the letter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app.catalog.registry import all_entities, entity
from app.store.tables import table_of

if TYPE_CHECKING:
    from tests.integration.handoff.conftest import Subscriber


@dataclass
class Replica:
    """The rows of a feed as a reader holds them, with its cursor."""

    entities: tuple[str, ...] = ()
    """The entities to read; empty: all."""
    cursor: str | None = None
    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    pass_of: dict[tuple[str, str], str] = field(default_factory=dict)
    restarts: int = 0

    def follow(self, subscriber: Subscriber, *, limit: int = 3, pages: int | None = None) -> None:
        """Read to the end of the feed, or at most so many pages."""
        while pages is None or pages > 0:
            pages = None if pages is None else pages - 1
            if not self._take(subscriber, limit):
                return

    def _take(self, subscriber: Subscriber, limit: int) -> bool:
        """Read one page. Returns whether there is more."""
        parameters: dict[str, object] = {"limit": limit, "entity": list(self.entities)}
        answer = subscriber.call(**parameters, **({"cursor": self.cursor} if self.cursor else {}))
        if answer.status_code == 410:
            assert answer.json is not None
            assert answer.json["restart"] is True, answer.text
            self.restarts += 1
            self.cursor = None
            return True
        lines, last = subscriber.lines_of(answer)
        for line in lines:
            key = line["entity"], line["id"]
            self.rows[key], self.pass_of[key] = line, last["pass"]
        if last["pass_complete"]:
            for key in [key for key, pass_id in self.pass_of.items() if pass_id != last["pass"]]:
                del self.rows[key], self.pass_of[key]
        self.cursor = last["next_cursor"]
        return bool(last["has_more"])

    def differences(self, subscriber: Subscriber) -> dict[tuple[str, str], tuple[object, object]]:
        """Rows that differ from the tables: as the replica holds them, and as the tables do."""
        tables: dict[tuple[str, str], object] = {}
        with subscriber.parts.store.bound_to(subscriber.tenant_id) as session:
            for name in self.entities or all_entities():
                for row in session.execute(select(table_of(entity(name)))).mappings():
                    is_deleted = row["deleted_at"] is not None
                    text = None if is_deleted else row.get("summary", row.get("body_text"))
                    tables[name, row["id"]] = (row["version"], is_deleted, text)
        replica = {key: _facts(line) for key, line in self.rows.items()}
        keys = tables.keys() | replica.keys()
        return {key: (replica.get(key), tables.get(key)) for key in keys if replica.get(key) != tables.get(key)}


def _facts(line: dict[str, Any]) -> tuple[int, bool, object]:
    data = line["data"]
    return line["version"], line["op"] == "delete", data.get("summary", data.get("body_text"))

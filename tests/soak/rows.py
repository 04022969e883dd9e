"""What the tables must hold, row by row and field by field: the site's own REST answers, read whole, through the catalogue.

Read as a person with an API token, who sees all that the app may see; the product's walks, checkpoints and deltas have
no part in it, its declarations of columns do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import psycopg
import requests
from psycopg.rows import dict_row

from app import clock
from app.catalog.extract import Page, extract_all
from app.catalog.json_value import find
from app.catalog.language import Each, Fields, Kind, Paging
from app.catalog.registry import all_entities, entity, walked
from app.jira import pages
from app.jira.client import Answer, whole
from app.store.tables import table_of
from tests.soak.site import PERSON

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from app.catalog.extract import Row, TopUp
    from app.catalog.json_value import Json
    from app.catalog.language import Entity

Rows = dict[str, dict[str, dict[str, Any]]]
"""By entity, by id, by column."""
_BOOK_KEEPING = {"tenant_id", "id", "read_at", "version", "deleted_at", "deleted_because"}
_SPRINT = "com.pyxis.greenhopper.jira:gh-sprint"
_EPIC_LINK = "com.pyxis.greenhopper.jira:gh-epic-link"


@dataclass
class Reader:
    """Reads a site as a person does; has what `pages.fetch` needs of a site."""

    base_url: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, is_page: bool = False) -> Answer:  # noqa: ARG002 - Site's own
        answer = self.session.get(self.base_url + path, params=dict(params or {}), auth=PERSON, timeout=60)
        answer.raise_for_status()
        return Answer(answer.json(), clock.now())

    def every(self, walked_entity: Entity, scope_id: str = "") -> list[Any]:
        """Every object of a walk."""
        walk = walked_entity.walk
        assert walk is not None
        path = walk.path.format(**dict.fromkeys(("project_id", "board_id", "issue_id"), scope_id))
        params = {"jql": f"project = {scope_id} ORDER BY created ASC, key ASC", "fields": "*all", "expand": "changelog"}
        found: list[Any] = []
        place: pages.Place | None = pages.Place()
        while place is not None:
            page = pages.fetch(
                self,  # type: ignore[arg-type]  # reads, and nothing else
                walk,
                place,
                path=path,
                params=params if walk.paging is Paging.TOKEN else {},
            )
            found += map(whole, page.items)
            place = page.next
        return found


def true_rows(base_url: str) -> Rows:
    """All that the site shows."""
    reader = Reader(base_url)
    try:
        return _Truth(reader).read()
    finally:
        reader.session.close()


class _Truth:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._fields = _fields_of(reader.every(entity("field")))
        self.rows: Rows = {name: {} for name in all_entities()}

    def read(self) -> Rows:
        for each in walked(Each.SITE):
            self._take(each, self._reader.every(each))
        closed = {k for k, row in self.rows["project"].items() if row["is_archived"] or row["is_deleted"]}
        for project_id in self.rows["project"].keys() - closed:
            for each in walked(Each.PROJECT):
                self._take(each, self._reader.every(each, project_id), project_id)
        for board_id, row in self.rows["board"].items():
            for each in (*walked(Each.BOARD), *(walked(Each.SCRUM_BOARD) if row["type"] == "scrum" else ())):
                self._take(each, self._reader.every(each, board_id), board_id)
            self._members(board_id)
        for body in self._reader.get("/rest/api/3/users/search", {"maxResults": 1000}).body:  # type: ignore[union-attr]  # a list
            self._take(entity("user"), [body])
        return self.rows

    def _members(self, board_id: str) -> None:
        start, total = 0, 1
        while start < total:
            path = f"/rest/agile/1.0/board/{board_id}/issue"
            body: Any = self._reader.get(path, {"fields": "id", "startAt": start, "maxResults": 1000}).body
            start, total = start + len(body["issues"]), body["total"]
            members = [{"boardId": board_id, "issueId": each["id"]} for each in body["issues"]]
            self._take(entity("board_issue"), members)

    def _take(self, of: Entity, bodies: Iterable[Json], parent_id: str | None = None) -> None:
        scope = None if of.name == "issue" else parent_id
        for body in bodies:
            page = Page(self._fields)
            extract_all(of, body, page, scope)
            for row in page.rows:
                self._put(row)
            for needed in page.top_ups:
                self._top_up(needed)

    def _top_up(self, needed: TopUp) -> None:
        if needed.entity.walk is not None:
            self._take(needed.entity, self._reader.every(needed.entity, needed.parent_id), needed.parent_id)

    def _put(self, row: Row) -> None:
        known = self.rows[row.entity.name].setdefault(row.id, {})
        kinds = {column.name: column.kind for column in row.entity.columns}
        read = {
            name: orjson.loads(str(value)) if value and kinds[name] is Kind.JSON else value
            for name, value in row.values.items()
        }
        known |= {name: value for name, value in read.items() if not (row.entity.partial and value is None)}


def _fields_of(found: list[Any]) -> Fields:
    by_schema = {str(find(each, "schema.custom")): str(each["id"]) for each in found}
    points = tuple(sorted(str(e["id"]) for e in found if e["name"].lower() in {"story points", "story point estimate"}))
    return Fields(story_points=points, sprint=by_schema.get(_SPRINT), epic_link=by_schema.get(_EPIC_LINK))


def stored_rows(database_url: str, client_key: str) -> Rows:
    """All live rows of a tenant."""
    found: Rows = {}
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        tenant = connection.execute(
            "SELECT tenant_id FROM installations WHERE client_key = %s", (client_key,)
        ).fetchone()
        assert tenant is not None
        for name, each in all_entities().items():
            rows = connection.execute(
                f"SELECT * FROM {table_of(each).name} WHERE tenant_id = %(tenant_id)s AND deleted_at IS NULL", tenant
            )
            found[name] = {row["id"]: {k: v for k, v in row.items() if k not in _BOOK_KEEPING} for row in rows}
    return found


@dataclass(frozen=True)
class Difference:
    """One way in which the tables are not the site."""

    entity: str
    id: str
    what: str
    """`missing`, `extra`, or the column."""
    stored: object = None
    """What the column holds; of an extra row, the row."""
    true: object = None

    def is_about(self, issues: Collection[str]) -> bool:
        """Whether it is a row of one of the issues, or names one."""
        named = self.stored.values() if isinstance(self.stored, dict) else [self.stored]
        return any(each in issues for each in (self.id, *named) if isinstance(each, str))

    def __str__(self) -> str:
        values = "" if self.what in {"missing", "extra"} else f": stored {self.stored!r}, true {self.true!r}"
        return f"{self.entity} {self.id} {self.what}{values}"[:400]


def compare(stored: Rows, true: Rows) -> list[Difference]:
    """Every difference. Of people only those count who are stored, and those who must be: whom some row names."""
    found: list[Difference] = []
    named = _people_named(true)
    for name, rows in true.items():
        held = stored[name]
        required = named & rows.keys() if name == "user" else rows.keys()
        found += [Difference(name, known, "missing") for known in sorted(required - held.keys())]
        found += [Difference(name, known, "extra", held[known]) for known in sorted(held.keys() - rows.keys())]
        for known in sorted(held.keys() & rows.keys()):
            found += [
                Difference(name, known, column, held[known][column], value)
                for column, value in rows[known].items()
                if held[known][column] != value
            ]
    return found


def differences(database_url: str, base_url: str, client_key: str) -> list[Difference]:
    """What is stored against what is true, now."""
    return compare(stored_rows(database_url, client_key), true_rows(base_url))


def _people_named(rows: Rows) -> set[str]:
    """Whom the rows of issues and what hangs on them name."""
    columns = ("assignee_id", "reporter_id", "creator_id", "author_id", "update_author_id", "lead_id")
    return {
        str(row[column])
        for name, held in rows.items()
        if name != "user"
        for row in held.values()
        for column in columns
        if row.get(column)
    }


def summary(found: list[Difference]) -> str:
    """How many of each kind, and one example of each."""
    kinds: dict[tuple[str, str], list[Difference]] = {}
    for each in found:
        kinds.setdefault((each.entity, each.what), []).append(each)
    return "\n".join(f"  {len(same):5} × {same[0]}" for same in kinds.values())

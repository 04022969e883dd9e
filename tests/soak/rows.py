"""The rows that the tables must hold, field by field: the site's own REST answers, read whole, through the catalogue.

They are read with a person's API token, which sees everything that the app may see. The product's walks, checkpoints
and deltas have no part in it; its declarations of columns do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import psycopg
import requests
from psycopg.rows import dict_row

from app import clock
from app.catalog.extract import Page, extract, extract_all
from app.catalog.field_policy import FieldPolicy
from app.catalog.language import Each, Kind, Paging
from app.catalog.registry import all_entities, entity, walked
from app.catalog.site_mapping import SiteField, map_fields
from app.jira.client import Answer, whole
from app.sources import Place
from app.sources.cloud.pages import fetch
from app.sources.cloud.rest import path_of
from app.store.tables import table_of
from tests.soak.site import PERSON

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from uuid import UUID

    from app.catalog.extract import Row, TopUp
    from app.catalog.json_value import Json
    from app.catalog.language import Entity

Rows = dict[str, dict[str, dict[str, Any]]]
"""By entity, by id, by column."""
_BOOK_KEEPING = {"tenant_id", "id", "read_at", "version", "deleted_at", "deleted_because"}


@dataclass
class Reader:
    """Reads a site with a person's token; implements the part of a site that `pages.fetch` calls."""

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
        path = path_of(walk.path, project_id=scope_id, board_id=scope_id, issue_id=scope_id)
        params = {"jql": f"project = {scope_id} ORDER BY created ASC, key ASC", "fields": "*all", "expand": "changelog"}
        bodies: list[Any] = []
        place: Place | None = Place()
        while place is not None:
            page = fetch(
                self,  # type: ignore[arg-type]  # reads, and nothing else
                walk,
                place,
                path=path,
                params=params if walk.paging is Paging.TOKEN else {},
            )
            bodies += map(whole, page.items)
            place = page.next
        return bodies


def true_rows(base_url: str) -> Rows:
    """Every row that the site shows."""
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
        for listing in walked(Each.SITE):
            self._take(listing, self._reader.every(listing))
        closed_ids = {k for k, row in self.rows["project"].items() if row["is_archived"] or row["is_deleted"]}
        for project_id in self.rows["project"].keys() - closed_ids:
            for listing in walked(Each.PROJECT):
                self._take(listing, self._reader.every(listing, project_id), project_id)
        for board_id, row in self.rows["board"].items():
            for listing in walked(Each.BOARD):
                if row["type"] != "kanban" or not (listing.walk and listing.walk.is_optional):
                    self._take(listing, self._reader.every(listing, board_id), board_id)
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
            members = [{"boardId": board_id, "issueId": issue["id"]} for issue in body["issues"]]
            self._take(entity("board_issue"), members)

    def _take(self, of: Entity, bodies: Iterable[Json], parent_id: str | None = None) -> None:
        scope = None if of.name == "issue" else parent_id
        for body in bodies:
            page = Page(self._fields)
            extract_all(of, body, page, scope)
            for row in page.rows:
                self._put(row)
            for top_up in page.top_ups:
                self._top_up(top_up)

    def _top_up(self, top_up: TopUp) -> None:
        if top_up.entity.walk is not None:
            self._take(top_up.entity, self._reader.every(top_up.entity, top_up.parent_id), top_up.parent_id)

    def _put(self, row: Row) -> None:
        stored_values = self.rows[row.entity.name].setdefault(row.id, {})
        kinds = {column.name: column.kind for column in row.entity.columns}
        values = {
            name: orjson.loads(str(value)) if value and kinds[name] is Kind.JSON else value
            for name, value in row.values.items()
        }
        stored_values |= {name: value for name, value in values.items() if not (row.entity.partial and value is None)}


def _fields_of(fields: list[Any]) -> FieldPolicy:
    rows = [extract(entity("field"), body, FieldPolicy()) for body in fields]
    own_fields = [
        SiteField(row.id, **{name: row.values[name] for name in SiteField.__dataclass_fields__ if name != "id"})  # type: ignore[arg-type]  # texts by declaration
        for row in rows
    ]
    mapping = map_fields(own_fields, {})
    return FieldPolicy(**{meaning.value: kind.fields for meaning, kind in mapping.items()})


def stored_rows(database_url: str, client_key: str) -> Rows:
    """All live rows of the tenant with a client key."""
    with psycopg.connect(database_url) as connection:
        tenant = connection.execute(
            "SELECT tenant_id FROM installations WHERE client_key = %s", (client_key,)
        ).fetchone()
    assert tenant is not None
    return rows_of_tenant(database_url, tenant[0])


def rows_of_tenant(database_url: str, tenant_id: UUID) -> Rows:
    """All live rows of a tenant."""
    rows_of: Rows = {}
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        for name, declaration in all_entities().items():
            rows = connection.execute(
                f"SELECT * FROM {table_of(declaration).name} WHERE tenant_id = %(tenant_id)s AND deleted_at IS NULL",
                {"tenant_id": tenant_id},
            )
            rows_of[name] = {row["id"]: {k: v for k, v in row.items() if k not in _BOOK_KEEPING} for row in rows}
    return rows_of


@dataclass(frozen=True)
class Difference:
    """One difference between the tables and the site."""

    entity: str
    id: str
    aspect: str
    """`missing`, `extra`, or the column."""
    stored_value: object = None
    """The column's value; the whole row, if the row is extra."""
    true_value: object = None

    def is_about(self, issues: Collection[str]) -> bool:
        """Whether the row belongs to one of the issues, or refers to one."""
        values = self.stored_value.values() if isinstance(self.stored_value, dict) else [self.stored_value]
        return any(value in issues for value in (self.id, *values) if isinstance(value, str))

    def __str__(self) -> str:
        is_row = self.aspect in {"missing", "extra"}
        values = "" if is_row else f": stored {self.stored_value!r}, true {self.true_value!r}"
        return f"{self.entity} {self.id} {self.aspect}{values}"[:400]


def compare(tables: Rows, site: Rows) -> list[Difference]:
    """List every difference. A user may be absent from the tables unless a row refers to it."""
    result: list[Difference] = []
    named_people = _people_named(site)
    for name, rows in site.items():
        table = tables[name]
        required_ids = named_people & rows.keys() if name == "user" else rows.keys()
        result += [Difference(name, row_id, "missing") for row_id in sorted(required_ids - table.keys())]
        result += [Difference(name, row_id, "extra", table[row_id]) for row_id in sorted(table.keys() - rows.keys())]
        for row_id in sorted(table.keys() & rows.keys()):
            result += [
                Difference(name, row_id, column, table[row_id][column], value)
                for column, value in rows[row_id].items()
                if table[row_id][column] != value
            ]
    return result


def differences(database_url: str, base_url: str, client_key: str) -> list[Difference]:
    """Compare the tables with the site as both are now."""
    return compare(stored_rows(database_url, client_key), true_rows(base_url))


def _people_named(rows: Rows) -> set[str]:
    """People that issues and their children refer to."""
    columns = ("assignee_id", "reporter_id", "creator_id", "author_id", "update_author_id", "lead_id")
    return {
        str(row[column])
        for name, rows_of_entity in rows.items()
        if name != "user"
        for row in rows_of_entity.values()
        for column in columns
        if row.get(column)
    }


def summary(items: list[Difference]) -> str:
    """The count of each kind of difference, with one example each."""
    kinds: dict[tuple[str, str], list[Difference]] = {}
    for difference in items:
        kinds.setdefault((difference.entity, difference.aspect), []).append(difference)
    return "\n".join(f"  {len(alike):5} × {alike[0]}" for alike in kinds.values())

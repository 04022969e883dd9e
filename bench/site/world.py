"""The issues of a site: templates times copies. Only the times are stored per issue."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

from bench.site.jql import Query, parse
from bench.site.templates import DAY_MS, PROJECTS, SPAN_DAYS, TemplateFactory, ids, make_catalogue, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.site.templates import SlottedJson, Template

_LAST_DAY_MS = 1_790_000_000_000 // DAY_MS * DAY_MS
"""21 September 2026: the creation date of the newest issues."""
MIX = (1_000_003, 999_983)
"""Moduli of the checksum: the sum over rows of (id % first) * (epoch ms % second + 1)."""
_KINDS = {
    "issue": ids.ISSUE,
    "changelog": ids.CHANGELOG,
    "comment": ids.COMMENT,
    "worklog": ids.WORKLOG,
    "attachment": ids.ATTACHMENT,
    "issue_link": ids.LINK,
    "remote_link": ids.REMOTE,
}


class World:
    """All issues in order of creation; number n is template n % T in copy n // T."""

    def __init__(self, issues: int, *, seed: int = 1, templates: int = 2000) -> None:
        chance = Random(seed)  # noqa: S311 - reproducible, not secret
        self.catalogue = make_catalogue(chance)
        count = min(templates, issues)
        factory = TemplateFactory(chance, self.catalogue, count)
        self.templates = [factory.draw(number) for number in range(count)]
        self.issues = issues
        copies = -(-issues // count)
        self.start = _LAST_DAY_MS - copies * SPAN_DAYS * DAY_MS
        self._creation_times = array("q", (self._at(n, self.template(n).created_ms) for n in range(issues)))
        self._update_times = array("q", (self._at(n, self.template(n).updated_ms) for n in range(issues)))
        self._by_project = [array("l") for _ in PROJECTS]
        for number in range(issues):
            self._by_project[self.template(number).project].append(number)
        self._project_ids = {
            name: at for at, project in enumerate(self.catalogue.projects) for name in (project["id"], project["key"])
        }
        self.select = lru_cache(256)(self._select)

    # -- one issue

    def template(self, number: int) -> Template:
        """Return the template of an issue."""
        return self.templates[number % len(self.templates)]

    def copy(self, number: int) -> int:
        """Return the copy of an issue."""
        return number // len(self.templates)

    def fill(self, json: SlottedJson, number: int) -> list[bytes]:
        """Return the pieces of an issue's JSON."""
        return json.fill(values_of(self.copy(number), self.start))

    def id_of(self, number: int) -> str:
        """Return an issue's id."""
        return f"{ids.ISSUE}{self.copy(number):04d}{number % len(self.templates):05d}"

    def key_of(self, number: int) -> str:
        """Return an issue's key."""
        template = self.template(number)
        return f"{PROJECTS[template.project][0]}-1{self.copy(number):04d}{template.place:04d}"

    def find(self, id_or_key: str) -> int | None:
        """Return an issue's number by id or key; keys need a linear search."""
        if id_or_key.isdecimal():
            copy, template = divmod(int(id_or_key) - 10 ** (len(self.id_of(0)) - 1), 100_000)
            number = copy * len(self.templates) + template
            exists = 0 <= template < len(self.templates) and 0 <= number < self.issues
            return number if exists else None
        return next((number for number in range(self.issues) if self.key_of(number) == id_or_key), None)

    def moments(self, number: int) -> tuple[int, int]:
        """Return an issue's creation and update time in epoch ms."""
        return self._creation_times[number], self._update_times[number]

    def _at(self, number: int, ms: int) -> int:
        return self.start + self.copy(number) * SPAN_DAYS * DAY_MS + ms

    # -- many

    def project_of(self, id_or_key: str) -> int | None:
        """Return a project's index in the catalogue."""
        return self._project_ids.get(id_or_key)

    def _select(self, jql: str) -> Sequence[int]:
        """Return the numbers of the matching issues in the query's order. Raises JqlError."""
        query = parse(jql)
        numbers = self._candidates(query)
        if query.updated_range is not None:
            first, before = query.updated_range
            numbers = [number for number in numbers if first <= self._update_times[number] < before]
        if query.is_by_updated:
            numbers = sorted(numbers, key=self._update_times.__getitem__)
        return numbers

    def _candidates(self, query: Query) -> Sequence[int]:
        if query.issues is not None:
            candidates = (self.find(id_or_key) for id_or_key in query.issues)
            numbers: Sequence[int] = sorted({number for number in candidates if number is not None})
            return [number for number in numbers if self._is_in(number, query)]
        if query.projects is None:
            return self._within(range(self.issues), query)
        places = {at for id_or_key in query.projects if (at := self.project_of(id_or_key)) is not None}
        if len(places) == 1:
            return self._within(self._by_project[places.pop()], query)
        return sorted(number for at in places for number in self._within(self._by_project[at], query))

    def _within(self, numbers: Sequence[int], query: Query) -> Sequence[int]:
        if query.created_range is None:
            return numbers
        first, before = (
            bisect_left(numbers, moment, key=self._creation_times.__getitem__) for moment in query.created_range
        )
        return numbers[first:before]

    def _is_in(self, number: int, query: Query) -> bool:
        first, before = query.created_range or (0, 1 << 62)
        places = {self.project_of(id_or_key) for id_or_key in query.projects or ()}
        return first <= self._creation_times[number] < before and (
            not places or self.template(number).project in places
        )

    # -- the truth

    def truth(self) -> dict[str, dict[str, int]]:
        """Return row count and checksum of a complete ingest, by entity."""
        tables = {name: self._by_number(name) for name in _KINDS}
        templates = self.templates[: self.issues]
        people = {account_id for template in templates for account_id in template.rows.people}
        people |= {project["lead"]["accountId"] for project in self.catalogue.projects}
        people |= {
            component["lead"]["accountId"]
            for components in self.catalogue.components.values()
            for component in components
        }
        boards = {board["id"]: self._by_project[number] for number, board in enumerate(self.catalogue.boards)}
        id_lists: dict[str, Iterable[str]] = {
            "user": people,
            "project": [project["id"] for project in self.catalogue.projects],
            "component": [
                component["id"] for components in self.catalogue.components.values() for component in components
            ],
            "version": [version["id"] for versions in self.catalogue.versions.values() for version in versions],
            "board": [str(board["id"]) for board in self.catalogue.boards],
            "sprint": [str(sprint["id"]) for sprints in self.catalogue.sprints.values() for sprint in sprints],
            "board_configuration": [str(board["id"]) for board in self.catalogue.boards],
            "status": [status["id"] for status in self.catalogue.statuses],
            "issue_type": [issue_type["id"] for issue_type in self.catalogue.issue_types],
            "priority": [priority["id"] for priority in self.catalogue.priorities],
            "resolution": [resolution["id"] for resolution in self.catalogue.resolutions],
            "field": [field["id"] for field in self.catalogue.fields],
            "board_issue": [f"{board}:{self.id_of(number)}" for board, numbers in boards.items() for number in numbers],
        }
        return tables | {name: _by_text(ids) for name, ids in id_lists.items()}

    def _by_number(self, name: str) -> dict[str, int]:
        step, (first, second) = ids.step_of(_KINDS[name]), MIX
        count = total = 0
        for copy in range(-(-self.issues // len(self.templates))):
            start = self.start + copy * SPAN_DAYS * DAY_MS
            has_moment = name not in {"issue_link", "remote_link"}
            for template in self.templates[: self.issues - copy * len(self.templates)]:
                for row_id, ms in self._rows(name, template):
                    count += 1
                    moment = (start + ms) % second if has_moment else 0
                    total += (row_id + copy * step) % first * (moment + 1)
        return {"count": count, "checksum": total}

    def _rows(self, name: str, template: Template) -> Sequence[tuple[int, int]]:
        if name == "issue_link":
            link = ids.link_of(template.number, len(self.templates))
            return [] if link is None else [(link, 0)]
        return template.rows.by_entity.get(name, ())


def _by_text(ids: Iterable[str]) -> dict[str, int]:
    unique_ids = set(ids)
    digests = (hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in unique_ids)
    return {"count": len(unique_ids), "checksum": sum(int(digest[:8], 16) for digest in digests)}

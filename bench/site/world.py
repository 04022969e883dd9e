"""A site's issues: templates times copies. Nothing is kept per issue but its moments."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

from bench.site import bodies, catalogue
from bench.site.catalogue import PROJECTS
from bench.site.jql import Query, parse
from bench.site.slots import DAY_MS, SPAN_DAYS, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.site.bodies import Template
    from bench.site.slots import Slotted

_LAST_DAY_MS = 1_790_000_000_000 // DAY_MS * DAY_MS
"""21 September 2026: when the newest issues of any site were made."""
MIX = (1_000_003, 999_983)
"""Moduli of the checksum: the sum over rows of (id % first) * (epoch ms % second + 1)."""
_KINDS = {
    "issue": bodies.ISSUE,
    "changelog": bodies.CHANGELOG,
    "comment": bodies.COMMENT,
    "worklog": bodies.WORKLOG,
    "attachment": bodies.ATTACHMENT,
    "issue_link": bodies.LINK,
    "remote_link": bodies.REMOTE,
}


class World:
    """So many issues; number n is template n % T in copy n // T, and a later number was created later."""

    def __init__(self, issues: int, *, seed: int = 1, templates: int = 2000) -> None:
        chance = Random(seed)  # noqa: S311 - reproducible, not secret
        self.catalogue = catalogue.make(chance)
        count = min(templates, issues)
        draughtsman = bodies.Draughtsman(chance, self.catalogue, count)
        self.templates = [draughtsman.draw(number) for number in range(count)]
        self.issues = issues
        copies = -(-issues // count)
        self.start = _LAST_DAY_MS - copies * SPAN_DAYS * DAY_MS
        self._created = array("q", (self._at(n, self.template(n).created) for n in range(issues)))
        self._updated = array("q", (self._at(n, self.template(n).updated) for n in range(issues)))
        self._by_project = [array("l") for _ in PROJECTS]
        for number in range(issues):
            self._by_project[self.template(number).project].append(number)
        self._project_ids = {
            known: at for at, each in enumerate(self.catalogue.projects) for known in (each["id"], each["key"])
        }
        self.select = lru_cache(256)(self._select)

    # -- one issue

    def template(self, number: int) -> Template:
        """The template of an issue."""
        return self.templates[number % len(self.templates)]

    def copy(self, number: int) -> int:
        """Which copy an issue is in."""
        return number // len(self.templates)

    def fill(self, slotted: Slotted, number: int) -> list[bytes]:
        """The pieces of something that belongs to an issue."""
        return slotted.fill(values_of(self.copy(number), self.start))

    def id_of(self, number: int) -> str:
        """An issue's id."""
        return f"{bodies.ISSUE}{self.copy(number):04d}{number % len(self.templates):05d}"

    def key_of(self, number: int) -> str:
        """An issue's key."""
        template = self.template(number)
        return f"{PROJECTS[template.project][0]}-1{self.copy(number):04d}{template.place:04d}"

    def find(self, id_or_key: str) -> int | None:
        """The number of an issue by its id; keys are looked up the long way."""
        if id_or_key.isdecimal():
            copy, template = divmod(int(id_or_key) - 10 ** (len(self.id_of(0)) - 1), 100_000)
            number = copy * len(self.templates) + template
            is_there = 0 <= template < len(self.templates) and 0 <= number < self.issues
            return number if is_there else None
        return next((number for number in range(self.issues) if self.key_of(number) == id_or_key), None)

    def moments(self, number: int) -> tuple[int, int]:
        """When an issue was created and updated, epoch ms."""
        return self._created[number], self._updated[number]

    def _at(self, number: int, ms: int) -> int:
        return self.start + self.copy(number) * SPAN_DAYS * DAY_MS + ms

    # -- many

    def project_of(self, id_or_key: str) -> int | None:
        """A project's place in the catalogue."""
        return self._project_ids.get(id_or_key)

    def _select(self, jql: str) -> Sequence[int]:
        """The numbers of the issues that match, in the order asked for. Raises JqlError."""
        query = parse(jql)
        found = self._candidates(query)
        if query.updated is not None:
            first, before = query.updated
            found = [number for number in found if first <= self._updated[number] < before]
        if query.by_updated:
            found = sorted(found, key=self._updated.__getitem__)
        return found

    def _candidates(self, query: Query) -> Sequence[int]:
        if query.issues is not None:
            known = (self.find(each) for each in query.issues)
            found: Sequence[int] = sorted({number for number in known if number is not None})
            return [number for number in found if self._is_in(number, query)]
        if query.projects is None:
            return self._within(range(self.issues), query)
        places = {at for each in query.projects if (at := self.project_of(each)) is not None}
        if len(places) == 1:
            return self._within(self._by_project[places.pop()], query)
        return sorted(number for at in places for number in self._within(self._by_project[at], query))

    def _within(self, numbers: Sequence[int], query: Query) -> Sequence[int]:
        if query.created is None:
            return numbers
        first, before = (bisect_left(numbers, bound, key=self._created.__getitem__) for bound in query.created)
        return numbers[first:before]

    def _is_in(self, number: int, query: Query) -> bool:
        first, before = query.created or (0, 1 << 62)
        places = {self.project_of(each) for each in query.projects or ()}
        return first <= self._created[number] < before and (not places or self.template(number).project in places)

    # -- the truth

    def truth(self) -> dict[str, dict[str, int]]:
        """Rows and checksum of every entity that a complete ingest must hold."""
        found = {name: self._numbered(name) for name in _KINDS}
        used = self.templates[: self.issues]
        people = {each for template in used for each in template.rows.people}
        people |= {each["lead"]["accountId"] for each in self.catalogue.projects}
        people |= {each["lead"]["accountId"] for listed in self.catalogue.components.values() for each in listed}
        boards = {each["id"]: self._by_project[number] for number, each in enumerate(self.catalogue.boards)}
        named: dict[str, Iterable[str]] = {
            "user": people,
            "project": [each["id"] for each in self.catalogue.projects],
            "component": [each["id"] for listed in self.catalogue.components.values() for each in listed],
            "version": [each["id"] for listed in self.catalogue.versions.values() for each in listed],
            "board": [str(each["id"]) for each in self.catalogue.boards],
            "sprint": [str(each["id"]) for listed in self.catalogue.sprints.values() for each in listed],
            "board_configuration": [str(each["id"]) for each in self.catalogue.boards],
            "status": [each["id"] for each in self.catalogue.statuses],
            "issue_type": [each["id"] for each in self.catalogue.issue_types],
            "priority": [each["id"] for each in self.catalogue.priorities],
            "resolution": [each["id"] for each in self.catalogue.resolutions],
            "field": [each["id"] for each in self.catalogue.fields],
            "board_issue": [f"{board}:{self.id_of(number)}" for board, numbers in boards.items() for number in numbers],
        }
        return found | {name: _named(ids) for name, ids in named.items()}

    def _numbered(self, name: str) -> dict[str, int]:
        step, (first, second) = bodies.step_of(_KINDS[name]), MIX
        count = total = 0
        for copy in range(-(-self.issues // len(self.templates))):
            start = self.start + copy * SPAN_DAYS * DAY_MS
            has_moment = name not in {"issue_link", "remote_link"}
            for template in self.templates[: self.issues - copy * len(self.templates)]:
                for known, ms in self._rows(name, template):
                    count += 1
                    moment = (start + ms) % second if has_moment else 0
                    total += (known + copy * step) % first * (moment + 1)
        return {"count": count, "checksum": total}

    def _rows(self, name: str, template: Template) -> Sequence[tuple[int, int]]:
        if name == "issue_link":
            link = bodies.link_of(template.number, len(self.templates))
            return [] if link is None else [(link, 0)]
        return template.rows.made.get(name, ())


def _named(ids: Iterable[str]) -> dict[str, int]:
    known = set(ids)
    digests = (hashlib.md5(each.encode(), usedforsecurity=False).hexdigest() for each in known)
    return {"count": len(known), "checksum": sum(int(each[:8], 16) for each in digests)}

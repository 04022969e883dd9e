"""The workplace of a change: picks what it is about, writes histories, keeps `updated` true."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox import rendering
from sandbox.moments import in_zone, zone
from sandbox.shapes import ORIGIN, JiraError, JsonObject, NotNowError

if TYPE_CHECKING:
    from random import Random

    from sandbox.world import Entries, Issue, World

T = TypeVar("T")
Kind = Callable[["Desk", JsonObject], "Change"]
EMBEDDED_PROJECT = ("self", "id", "key", "name", "projectTypeKey", "simplified", "avatarUrls")
"""What issues carry of their project."""


@dataclass(slots=True)
class Event:
    """A webhook event to be sent; `issue` is what filters are tested on."""

    name: str
    body: JsonObject
    issue: Issue | None = None
    flow: str = "Primary"


@dataclass(slots=True)
class Change:
    """What a change did: the entity in the product's words, ids, and the events it raises."""

    entity: str
    id: str
    issue_id: str | None = None
    detail: JsonObject = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    kind: str = ""
    made_at: int = 0  # epoch ms

    def shown(self) -> JsonObject:
        """Return what the control API answers."""
        facts = {"kind": self.kind, "entity": self.entity, "id": self.id, "issue_id": self.issue_id, **self.detail}
        return {**facts, "events": [event.name for event in self.events]}


class Desk:
    """Gives changes access to the truth."""

    def __init__(self, world: World, chance: Random, clock: Callable[[], int]) -> None:
        """Draw whatever a caller leaves open from `chance`."""
        self.world = world
        self.chance = chance
        self._clock = clock

    def now(self) -> int:
        """Return the moment of the change in epoch milliseconds."""
        return self._clock()

    def stamp(self) -> str:
        """Return the moment as Jira writes it."""
        return in_zone(self._clock(), zone(self.world.timezone))

    def issue(self, asked: JsonObject, *, having: str = "", name: str = "issue") -> Issue:
        """Return the issue asked for by id or key, or any searchable one (that has entries in `having`)."""
        if name in asked:
            found = self.world.find(str(asked[name]))
            if found is None:
                raise JiraError(404, f"no issue {asked[name]!r}")
            if having and not getattr(found, having):
                raise NotNowError(f"issue {asked[name]!r} has no {having}")
            return found
        project = asked.get("project")
        projects = None if project is None else [str(self.project(asked)["id"])]
        candidates = [each for each in self.world.searchable(projects) if not having or getattr(each, having)]
        return self.one_of(candidates, f"issue with {having or 'any state'} to change")

    def project(self, asked: JsonObject, name: str = "project") -> JsonObject:
        """Return the project asked for, or any that has issues."""
        if name in asked:
            found = self.world.project(str(asked[name]))
            if found is None:
                raise JiraError(404, f"no project {asked[name]!r}")
            return found
        used = [key for key, members in self.world.by_project.items() if members and self.world.is_open(key)]
        return self.world.catalogue.projects[self.one_of(used, "project with issues")]

    def person(self, asked: JsonObject, name: str = "user") -> JsonObject:
        """Return the user asked for, or any active person."""
        users = self.world.catalogue.users
        if name in asked:
            if asked[name] not in users:
                raise JiraError(404, f"no user {asked[name]!r}")
            return users[asked[name]]
        people = [each for each in users.values() if each["active"] and each["accountType"] != "app"]
        return self.one_of(people, "active person")

    def entry(self, entries: Entries, asked: JsonObject, name: str) -> JsonObject:
        """Return the child asked for by id, or any."""
        if name in asked:
            found = next((each for each in entries if str(each["id"]) == str(asked[name])), None)
            if found is None:
                raise JiraError(404, f"no {name} {asked[name]!r}")
            return found
        return self.one_of(entries, name)

    def one_of(self, things: Sequence[T], what: str) -> T:
        """Return any of the things, or raise the 409 of a change that cannot be made now."""
        if not things:
            raise NotNowError(f"no {what}")
        return self.chance.choice(things)

    def changed(
        self, issue: Issue, author: JsonObject, items: Iterable[JsonObject], **fields: object
    ) -> tuple[Issue, JsonObject]:
        """Put the issue with new field values and one history; return it and the history."""
        written = self.stamp()
        history = {"id": self.world.new_id(), "author": author, "created": written, "items": list(items)}
        made = replace(
            issue, fields={**issue.fields, **fields, "updated": written}, histories=(*issue.histories, history)
        )
        self.world.put(made)
        return made, history

    def touched(self, issue: Issue, **parts: Any) -> Issue:  # noqa: ANN401 - any part of an issue
        """Put the issue with other parts and a new `updated`, without a history."""
        made = replace(issue, fields={**issue.fields, "updated": self.stamp()}, **parts)
        self.world.put(made)
        return made


def item(
    field_name: str,
    before: tuple[str | None, str | None],
    after: tuple[str | None, str | None],
    field_id: str | None = None,
) -> JsonObject:
    """Return a changelog item of (id, text) before and after."""
    kind = "custom" if field_id and field_id.startswith("customfield") else "jira"
    made: JsonObject = {"field": field_name, "fieldtype": kind, "fieldId": field_id or field_name}
    return {**made, "from": before[0], "fromString": before[1], "to": after[0], "toString": after[1]}


def pair(value: JsonObject | None) -> tuple[str | None, str | None]:
    """Return a named object as a changelog shows it."""
    return (None, None) if value is None else (str(value["id"]), value["name"])


def whole(issue: Issue) -> JsonObject:
    """Return the issue as webhooks carry it: version 2, all fields, children cut short."""
    everything = rendering.Selection.of((), "*all")
    shown = rendering.issue(issue, everything, frozenset(), rendering.SEARCH, "2")
    return {name: shown[name] for name in ("id", "self", "key", "fields")}


def abridged(issue: Issue) -> JsonObject:
    """Return the issue as comment events carry it."""
    names = ("summary", "issuetype", "project", "assignee", "priority", "status")
    fields = {name: issue.fields.get(name) for name in names}
    return {"id": issue.id, "self": f"{ORIGIN}/rest/api/2/issue/{issue.id}", "key": issue.key, "fields": fields}


def public(user: JsonObject) -> JsonObject:
    """Return a user as events carry it: without e-mail and locale."""
    return {name: value for name, value in user.items() if name not in {"emailAddress", "locale"}}


def updated(
    issue: Issue, author: JsonObject, type_name: str, history: JsonObject | None = None, **more: object
) -> Event:
    """Return `jira:issue_updated` with the changelog of this change."""
    body: JsonObject = {"issue_event_type_name": type_name, "user": public(author), "issue": whole(issue), **more}
    if history is not None:
        body["changelog"] = {"id": history["id"], "items": history["items"]}
    return Event("jira:issue_updated", body, issue)


def edited(desk: Desk, issue: Issue, author: JsonObject, items: Iterable[JsonObject], **fields: object) -> Change:
    """Edit an issue's fields with one history; return the change with its event."""
    issue, history = desk.changed(issue, author, items, **fields)
    detail = {"key": issue.key, "changelog_id": history["id"]}
    return Change("issue", issue.id, issue.id, detail, [updated(issue, author, "issue_updated", history)])


def with_entry(entries: Entries, new: JsonObject) -> Entries:
    """Return the entries with `new` in place of the entry with the same id."""
    return tuple(new if each["id"] == new["id"] else each for each in entries)
